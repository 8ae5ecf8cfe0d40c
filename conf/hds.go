// SPDX-License-Identifier: MIT

package conf

// HDS is how a vhost's streams are offered as Adobe's HTTP Dynamic Streaming. Immutable.
type HDS struct {
	Enabled    bool
	FragmentMs int64 // length of a fragment, > 0
	WindowMs   int64 // of what can be asked for, > 0

	Unused HDSUnused
}

// HDSUnused are directives of SRS that mean nothing here.
type HDSUnused struct {
	Path string
}
