// SPDX-License-Identifier: MIT

package msg

import (
	"errors"
	"fmt"
	"net/netip"
)

// Limits of names and URLs. They are no setting: names turn up in paths of files,
// in URLs, in logs and in what hooks are sent, and everything there relies on them.
const (
	// NameBytesMax is the longest stream name, and the longest segment of an
	// application: bytes.
	NameBytesMax = 128
	// VhostBytesMax is the longest vhost or host: bytes, the limit of DNS.
	VhostBytesMax = 253
	// AppSegmentsMax is how many segments an application may have ("a/b/c" has 3).
	AppSegmentsMax = 4
	// URLBytesMax is the longest tcUrl, and the longest stream name with its
	// parameters: bytes.
	URLBytesMax = 4096
)

// Errors of names and URLs; they come wrapped with the place and the rule.
var (
	// ErrURL: the tcUrl (or the parameters of a stream) cannot be read.
	ErrURL = errors.New("msg: bad tcUrl")
	// ErrName: a vhost, application or stream name breaks the rules of names.
	ErrName = errors.New("msg: bad name")
	// ErrNoStream: there is no stream name, neither in the command nor in the tcUrl.
	ErrNoStream = errors.New("msg: stream name is missing")
)

// nameRule is the end of the message about a byte that may not be in a name.
const nameRule = "allowed are letters, digits and . _ - ~ + = @ :"

// nameByte reports whether c may be in a stream name or application. The set
// leaves out what has a meaning in a URL's structure ("/ ? # & ; ,"), in HTML, in
// a shell or in a file system, blanks and control characters, "%", because an
// escaped name would be a second spelling of another one, and everything that is
// not ASCII, because equal-looking text can differ.
func nameByte(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	switch c {
	case '.', '_', '-', '~', '+', '=', '@', ':':
		return true
	default:
		return false
	}
}

// hostByte reports whether c may be in a vhost or in a host that is a name. The
// underscore is no part of a host name, but containers are named with it, and
// "__defaultVhost__" is.
func hostByte(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-', c == '_':
		return true
	default:
		return false
	}
}

// CheckName checks a stream name or one segment of an application: 1 to
// NameBytesMax bytes, each an ASCII letter or digit or one of . _ - ~ + = @ :
// and not "." or "..". what names the part in the error, which wraps ErrName.
func CheckName(what, name string) error {
	if len(name) == 0 || len(name) > NameBytesMax {
		return fmt.Errorf("%w: %s has %d bytes, allowed are 1 to %d", ErrName, what, len(name), NameBytesMax)
	}
	for i := range len(name) {
		if !nameByte(name[i]) {
			return fmt.Errorf("%w: %s has byte %q at offset %d, %s", ErrName, what, name[i:i+1], i, nameRule)
		}
	}
	if name == "." || name == ".." {
		return fmt.Errorf("%w: %s is %q", ErrName, what, name)
	}
	return nil
}

// CheckVhost checks a vhost or host: an IP address without zone, or 1 to
// VhostBytesMax bytes, each an ASCII letter or digit or one of . - _ and not "."
// or "..". what names the part in the error, which wraps ErrName.
func CheckVhost(what, name string) error {
	if len(name) == 0 || len(name) > VhostBytesMax {
		return fmt.Errorf("%w: %s has %d bytes, allowed are 1 to %d", ErrName, what, len(name), VhostBytesMax)
	}
	if isIPv6(name) {
		return nil
	}
	for i := range len(name) {
		if !hostByte(name[i]) {
			return fmt.Errorf("%w: %s has byte %q at offset %d, allowed are letters, digits and . - _",
				ErrName, what, name[i:i+1], i)
		}
	}
	if name == "." || name == ".." {
		return fmt.Errorf("%w: %s is %q", ErrName, what, name)
	}
	return nil
}

// isIPv6 reports whether s is an IPv6 address without a zone.
func isIPv6(s string) bool {
	ip, err := netip.ParseAddr(s)
	return err == nil && ip.Is6() && ip.Zone() == ""
}
