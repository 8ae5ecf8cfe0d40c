// SPDX-License-Identifier: MIT

package msg

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Names that stand for "none given".
const (
	DefaultVhost = "__defaultVhost__"
	DefaultApp   = "__defaultApp__"
)

// Spellings of old Flash clients and servers that are still in use.
const (
	vhostMark      = "...vhost..." // rtmp://ip/app...vhost...VHOST instead of ?vhost=VHOST
	defaultSegment = "_definst_"   // the application instance "default", no part of a name
)

const (
	schemaBytesMax = 16
	portMax        = 65535
)

// Target is where a connection wants to go.
type Target struct {
	Schema string // lower case
	Host   string // as given; an IPv6 address stands without brackets
	// Vhost is the name that the client asks for: a vhost or domain parameter, else
	// the host. Which vhost of the configuration serves it is not decided here.
	Vhost  string
	Port   int    // 1 to 65535
	App    string // 1 to AppSegmentsMax segments joined by "/"
	Stream string // "" after ResolveConnect
	// Param is "" or begins with "?" or "#": the query and fragment as they were
	// sent, the stream's first.
	Param string
}

// ResolveConnect reads the tcUrl of connect, before there is a stream name.
// Errors: ErrURL, ErrName, wrapped.
func ResolveConnect(tcURL string) (Target, error) {
	p, err := splitURL(tcURL, "")
	if err != nil {
		return Target{}, err
	}
	return p.target("")
}

// Resolve finds vhost, application and stream from the tcUrl of connect and the
// name that publish or play gives (a leading slash is dropped).
//
//   - Parameters may follow either ("?vhost=v&token=t", "#part"). They are cut off
//     before anything looks for a slash. The stream's come first in Param, and its
//     vhost counts before the tcUrl's; equal parameters in both are given once.
//   - "...vhost..." reads as "?vhost=".
//   - The last segment of the path is the stream, those before it are the
//     application; a stream name with slashes moves its front to the application.
//     Empty segments and "_definst_" do not count. Without any, the application is
//     DefaultApp.
//   - Without a stream name, the last segment of an application of several is the
//     stream; else what follows the last slash in the tcUrl's parameters is.
//   - The vhost is that of the parameter vhost, else of domain (the first of
//     each), else the host. DefaultVhost as a value means the host, and is removed
//     from Param if it is alone there.
//   - The port is 1935 for rtmp, 443 for rtmps and https, 80 for other schemas
//     unless it is given.
//
// Nothing is guessed about a URL that cannot be read, and names are never
// repaired: errors are ErrURL, ErrName and ErrNoStream, wrapped with the place.
//
// Compatible with SRS where SRS has a result that one may rely on.
func Resolve(tcURL, stream string) (Target, error) {
	p, err := splitURL(tcURL, stream)
	if err != nil {
		return Target{}, err
	}
	name, err := p.takeStream()
	if err != nil {
		return Target{}, err
	}
	return p.target(name)
}

// StreamKey names a stream in this process: "/app/stream", with the vhost in
// front unless it is DefaultVhost. Streams with different extensions are
// different streams.
func StreamKey(vhost, app, stream string) string {
	if vhost == DefaultVhost {
		vhost = ""
	}
	return vhost + "/" + app + "/" + stream
}

// SplitURL divides a whole URL, as a user writes it, into the tcUrl and the stream
// name with parameters that a client sends: "rtmp://h/a/b/c?k=v" becomes
// "rtmp://h/a/b" and "c?k=v". ErrURL: it has no path with an application.
func SplitURL(url string) (tcURL, stream string, err error) {
	path, param := cutParam(url)
	start := strings.Index(path, "://")
	slash := strings.LastIndexByte(path, '/')
	if start <= 0 || slash < start+len("://")+1 {
		return "", "", fmt.Errorf("%w: not of the form schema://host/app/stream", ErrURL)
	}
	return path[:slash], path[slash+1:] + param, nil
}

// urlParts is a tcUrl and a stream name taken apart, nothing interpreted yet.
type urlParts struct {
	schema, host string
	port         int
	segments     []string // of the tcUrl's path
	stream       []string // of the stream name
	urlParam     string   // "" or begins with ? or #
	streamParam  string   // the same
}

func splitURL(tcURL, stream string) (urlParts, error) {
	if err := checkText("tcUrl", tcURL); err != nil {
		return urlParts{}, err
	}
	if err := checkText("stream name", stream); err != nil {
		return urlParts{}, err
	}
	var p urlParts
	tcURL, p.urlParam = cutParam(strings.Replace(tcURL, vhostMark, "?vhost=", 1))
	stream, p.streamParam = cutParam(strings.Replace(stream, vhostMark, "?vhost=", 1))
	schema, rest, ok := strings.Cut(tcURL, "://")
	if !ok || !validSchema(schema) {
		return urlParts{}, fmt.Errorf("%w: does not begin with a schema and ://", ErrURL)
	}
	p.schema = strings.ToLower(schema)
	authority, path, _ := strings.Cut(rest, "/")
	if err := p.setAuthority(authority); err != nil {
		return urlParts{}, err
	}
	p.segments = pathSegments(path)
	p.stream = pathSegments(stream)
	return p, nil
}

// checkText refuses what must not be anywhere in a URL: blanks and control
// characters, which could forge a log line or a header, and broken UTF-8.
func checkText(what, s string) error {
	if len(s) > URLBytesMax {
		return fmt.Errorf("%w: %s has %d bytes, limit %d", ErrURL, what, len(s), URLBytesMax)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: %s is not UTF-8", ErrURL, what)
	}
	for i, r := range s {
		if r == ' ' || !unicode.IsPrint(r) {
			return fmt.Errorf("%w: %s has a blank or control character, %U at offset %d", ErrURL, what, r, i)
		}
	}
	return nil
}

// cutParam divides s before its first ? or #.
func cutParam(s string) (path, param string) {
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

func validSchema(s string) bool {
	if len(s) == 0 || len(s) > schemaBytesMax {
		return false
	}
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (i == 0 || s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return true
}

// setAuthority reads [user@]host[:port]. The user is of no use here and must not
// get into a log, so it is dropped.
func (p *urlParts) setAuthority(s string) error {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = s[i+1:]
	}
	host, port := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 || !isIPv6(s[1:end]) {
			return fmt.Errorf("%w: host in brackets is not an IPv6 address", ErrURL)
		}
		host, port = s[1:end], s[end+1:]
		if port != "" && port[0] != ':' {
			return fmt.Errorf("%w: after the host in brackets comes no port", ErrURL)
		}
	} else if i := strings.IndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i:]
	}
	if host == "" {
		return fmt.Errorf("%w: it has no host", ErrURL)
	}
	if err := CheckVhost("host", host); err != nil {
		return err
	}
	p.host = host
	if port == "" || port == ":" {
		p.port = defaultPort(p.schema)
		return nil
	}
	n, err := strconv.ParseUint(port[1:], 10, 32)
	if err != nil || n < 1 || n > portMax {
		return fmt.Errorf("%w: port is not a number of 1 to %d", ErrURL, portMax)
	}
	p.port = int(n)
	return nil
}

func defaultPort(schema string) int {
	switch schema {
	case "rtmp":
		return 1935
	case "rtmps", "https":
		return 443
	default:
		return 80
	}
}

// pathSegments splits at slashes and leaves out what does not count.
func pathSegments(path string) []string {
	var out []string
	for segment := range strings.SplitSeq(path, "/") {
		if segment != "" && segment != defaultSegment {
			out = append(out, segment)
		}
	}
	return out
}

// takeStream finds the stream name and removes it from where it was; all other
// segments are the application's then.
func (p *urlParts) takeStream() (string, error) {
	if n := len(p.stream); n > 0 {
		name := p.stream[n-1]
		p.segments = append(p.segments, p.stream[:n-1]...)
		return name, nil
	}
	if n := len(p.segments); n > 1 {
		name := p.segments[n-1]
		p.segments = p.segments[:n-1]
		return name, nil
	}
	if i := strings.LastIndexByte(p.urlParam, '/'); i >= 0 && i+1 < len(p.urlParam) {
		name := p.urlParam[i+1:]
		p.urlParam = p.urlParam[:i]
		return name, nil
	}
	return "", ErrNoStream
}

// target checks the names and puts the result together.
func (p *urlParts) target(stream string) (Target, error) {
	t := Target{Schema: p.schema, Host: p.host, Vhost: p.host, Port: p.port, App: DefaultApp, Stream: stream}
	if len(p.segments) > AppSegmentsMax {
		return Target{}, fmt.Errorf("%w: application has %d segments, limit %d", ErrName, len(p.segments), AppSegmentsMax)
	}
	for _, segment := range p.segments {
		if err := CheckName("application", segment); err != nil {
			return Target{}, err
		}
	}
	if len(p.segments) > 0 {
		t.App = strings.Join(p.segments, "/")
	}
	if stream != "" {
		if err := CheckName("stream name", stream); err != nil {
			return Target{}, err
		}
	}
	t.Param = joinParams(p.streamParam, p.urlParam)
	switch v := vhostParam(t.Param); v {
	case "":
	case DefaultVhost:
		if !strings.Contains(t.Param, "&") {
			t.Param = ""
		}
	default:
		if err := CheckVhost("vhost", v); err != nil {
			return Target{}, err
		}
		t.Vhost = v
	}
	return t, nil
}

// joinParams puts two parameter strings into one: queries, then fragments. Equal
// queries or fragments are given once: there are clients that send the parameters
// of a URL in the tcUrl and again with the stream name.
func joinParams(a, b string) string {
	query, fragment, _ := strings.Cut(a, "#")
	query2, fragment2, _ := strings.Cut(b, "#")
	query, query2 = strings.TrimPrefix(query, "?"), strings.TrimPrefix(query2, "?")
	out := join(query, query2, "&")
	if out != "" {
		out = "?" + out
	}
	if f := join(fragment, fragment2, "#"); f != "" {
		out += "#" + f
	}
	return out
}

func join(a, b, separator string) string {
	switch {
	case a == "" || a == b:
		return b
	case b == "":
		return a
	default:
		return a + separator + b
	}
}

// vhostParam finds the first non-empty vhost parameter of the query, else the
// first non-empty domain; "" if there is neither. Pairs may be separated by & , ;
// and also by ?, since parameters get appended to what has some already. A slash
// at the end of the value is that of a tcUrl written with one.
func vhostParam(param string) string {
	query, _, _ := strings.Cut(param, "#")
	domain := ""
	separator := func(c rune) bool { return strings.ContainsRune("?&,;", c) }
	for pair := range strings.FieldsFuncSeq(query, separator) {
		key, value, _ := strings.Cut(pair, "=")
		value = strings.TrimRight(value, "/")
		switch {
		case value == "":
		case key == "vhost":
			return value
		case key == "domain" && domain == "":
			domain = value
		}
	}
	return domain
}
