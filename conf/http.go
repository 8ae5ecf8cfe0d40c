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

// HTTPStatic is the files of a vhost. Immutable.
type HTTPStatic struct {
	Enabled bool
	// Mount is where in the URLs they begin; "[vhost]/" and "/" are the root.
	Mount string
	Dir   string // of files; may have [vhost] in it; relative to WorkDir
}
