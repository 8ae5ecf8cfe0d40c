// SPDX-License-Identifier: MIT

package conf

// HTTPServer is the HTTP server of live streams, segments, files and the page. Immutable.
type HTTPServer struct {
	Enabled     bool
	Listen      []string // as [Config].Listen
	Dir         string   // of files; relative to WorkDir
	CrossDomain bool     // let pages of any origin read what is served
	HTTPS       HTTPS
}

// HTTPS is the TLS listener beside a plain HTTP one. Immutable.
type HTTPS struct {
	Enabled bool
	Listen  []string // as [Config].Listen
	// Key and Cert are paths of PEM files, as in [RTMPS].
	Key, Cert string
}
