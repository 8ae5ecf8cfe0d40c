// SPDX-License-Identifier: MIT

package engine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"srsd/conf"
	"srsd/proto/rtmp/handshake"
	"srsd/proto/rtmp/msg"
)

// pemPair makes a key and a certificate for name.
func pemPair(t testing.TB, name string) (key, cert []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// secureServer is a server with an RTMPS listener.
type secureServer struct {
	*server
	tlsAddr   string
	key, cert string // the files
}

func startSecure(t testing.TB, root, vhost string, limits ...func(*conf.Limits)) *secureServer {
	t.Helper()
	dir := t.TempDir()
	s := &secureServer{key: filepath.Join(dir, "key.pem"), cert: filepath.Join(dir, "cert.pem")}
	s.replace(t, "first.example")
	root += fmt.Sprintf(" rtmps { enabled on; key %s; cert %s; }", s.key, s.cert)
	opts, p := options(t, root, vhost)
	opts.Config.RTMPS.Listen = []string{"127.0.0.1:0"}
	for _, f := range limits {
		f(&opts.Limits)
	}
	s.server = run(t, opts, p, func(e *Engine) { e.keeper.Every = 50 * time.Millisecond })
	s.tlsAddr = s.e.RTMPSAddrs()[0].String()
	eventually(t, "a line about the certificate", func() bool { return s.log.count("names=first.example") == 1 })
	return s
}

// replace writes a new pair for name.
func (s *secureServer) replace(t testing.TB, name string) {
	t.Helper()
	key, cert := pemPair(t, name)
	put(t, s.key, key)
	put(t, s.cert, cert)
}

func put(t testing.TB, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// secureDial connects over TLS, and shakes RTMP's hands. change may change the client's TLS.
func (s *secureServer) secureDial(change ...func(*tls.Config)) *client {
	s.t.Helper()
	config := &tls.Config{InsecureSkipVerify: true}
	for _, f := range change {
		f(config)
	}
	raw, err := net.Dial("tcp", s.tlsAddr)
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := s.greet(raw.(*net.TCPConn), tls.Client(raw, config), "")
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func version(v uint16) func(*tls.Config) {
	return func(c *tls.Config) { c.MinVersion, c.MaxVersion = v, v }
}

// TestRTMPS: what is published over TLS is played over TLS and without, to the byte.
func TestRTMPS(t *testing.T) {
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(v), func(t *testing.T) {
			s := startSecure(t, "", "")
			enc := s.secureDial(version(v)).publish("show")
			views := []*client{s.secureDial(version(v)).play("show"), s.dial().play("show")}
			for i := range 200 {
				enc.video(uint32(i*40), keyframe(i, 100+i*i))
				for _, view := range views {
					if got := view.frame(); got.body != string(keyframe(i, 100+i*i)) {
						t.Fatalf("frame %d: %d bytes came differently", i, len(got.body))
					}
				}
			}
			_ = enc.conn.Close()
			eventually(t, "the end of the publisher", func() bool { return s.log.count("unpublish") == 1 })
			// The server's end comes with a word of goodbye.
			s.stop()
			for _, view := range views {
				view.ended()
			}
			if err := views[0].err; err != io.EOF {
				t.Errorf("the TLS player's connection ended with %v", err)
			}
		})
	}
}

// TestRTMPSSlowPlayer: a TLS player that does not read is moved forward, costs a bounded
// buffer, and what it gets is a chunk stream from the first byte to the last.
func TestRTMPSSlowPlayer(t *testing.T) {
	s := startSecure(t, "", "play { queue_length 1; }", func(l *conf.Limits) { l.SndbufBytes = 8 << 10 })
	enc := s.secureDial().publish("show")
	fast := s.secureDial().play("show")
	slow := s.secureDial(version(tls.VersionTLS12)).play("show")
	_ = slow.tcp.SetReadBuffer(64 << 10)
	last := 0
	send := func(n int) {
		for range n {
			frame := interframe(last, 30_000)
			if last%25 == 0 {
				frame = keyframe(last, 60_000)
			}
			enc.video(uint32(last*40), frame)
			fast.frame()
			last++
		}
	}
	send(1)
	slow.frame()
	for until := time.Now().Add(1500 * time.Millisecond); time.Now().Before(until) || last < 100; {
		send(5)
	}
	newest := keyframe(last, 60_000) // from where it goes on, if it was not moved before
	enc.video(uint32(last*40), newest)
	slow.next("the newest frame", func(m heard) bool {
		if m.Type == msg.TypeVideo {
			n := int((m.body[5] - 5*7) * 223) // of fill: 31 * 223 = 1 modulo 256
			if m.body != string(interframe(n, 30_000)) && m.body != string(keyframe(n, 60_000)) {
				t.Fatalf("a frame of %d bytes came differently", len(m.body))
			}
		}
		return m.body == string(newest)
	})
	_ = slow.conn.Close()
	stop := regexp.MustCompile(` stop stream=/live/show .* skipped=[1-9]`)
	eventually(t, "a line that says that it was moved", func() bool { return stop.MatchString(s.log.String()) })
}

// TestRTMPSHandshakeTimeout: who connects and says nothing, or stops in the middle, is closed.
func TestRTMPSHandshakeTimeout(t *testing.T) {
	s := startSecure(t, "", "", func(l *conf.Limits) { l.HandshakeMs = 300 })
	hello := clientHello(t)
	for _, said := range [][]byte{nil, hello[:3], hello[:100], hello} {
		c, err := net.Dial("tcp", s.tlsAddr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // a test's
		_, _ = c.Write(said)
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("after %d bytes of a handshake: not closed", len(said))
		}
	}
	eventually(t, "a line for each", func() bool { return s.log.count("no complete TLS handshake in time") == 4 })
	eventually(t, "their places", func() bool { return s.e.door.connections.Load() == 0 })
	s.secureDial().publish("show")
}

// clientHello returns the first bytes of a TLS client.
func clientHello(t *testing.T) []byte {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close() //nolint:errcheck // a test's
	go func() { _ = tls.Client(b, &tls.Config{InsecureSkipVerify: true}).Handshake() }()
	hello := make([]byte, 4096)
	n, err := a.Read(hello)
	if err != nil {
		t.Fatal(err)
	}
	return hello[:n]
}

// TestRTMPSHandshakesAtOnce: when all places are taken by clients that say nothing, the oldest
// are given up for those who come, the plain listener notices nothing, and the log has one line.
func TestRTMPSHandshakesAtOnce(t *testing.T) {
	const places = 4
	s := startSecure(t, "", "", func(l *conf.Limits) { l.TLSHandshakesMax, l.TLSGraceMs = places, 200 })
	for range 3 * places {
		c, err := net.Dial("tcp", s.tlsAddr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // a test's
	}
	enc := s.dial().publish("show")
	view := s.secureDial().play("show") // behind all of them
	enc.video(0, keyframe(1, 100))
	view.frame()
	time.Sleep(50 * time.Millisecond) // lines reach the output a little later
	if n := s.log.count("TLS handshake given up"); n != 1 {
		t.Errorf("%d lines in the log, want 1", n)
	}
	if n := s.log.count("no complete TLS handshake"); n != 0 {
		t.Errorf("%d handshakes ran into their deadline, want 0", n)
	}
}

// TestRTMPSMaxConnections: handshakes count.
func TestRTMPSMaxConnections(t *testing.T) {
	s := startSecure(t, "max_connections 2;", "")
	c, err := net.Dial("tcp", s.tlsAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // a test's
	s.secureDial().play("show")
	if _, err := s.tryDial(); err == nil {
		t.Error("a third connection was served")
	}
	_ = c.Close()
	eventually(t, "a free place", func() bool { _, err := s.tryDial(); return err == nil })
}

// TestRTMPSWrongProtocol: plain RTMP on the TLS port, and TLS on the plain one, are told
// apart in one line, and closed.
func TestRTMPSWrongProtocol(t *testing.T) {
	s := startSecure(t, "", "")
	hello := clientHello(t)
	for _, tc := range []struct {
		addr string
		send []byte
		want string
	}{
		{s.tlsAddr, append([]byte{3}, make([]byte, 1536)...), "plain RTMP on the RTMPS port"},
		{s.tlsAddr, []byte("GET / HTTP/1.1\r\n\r\n"), "not TLS on the RTMPS port"},
		{s.addr, hello, "looks like TLS: rtmps:// needs the port of an RTMPS listener"},
	} {
		before := len(s.log.String())
		c, err := net.Dial("tcp", tc.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write(tc.send)
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if n, err := io.Copy(io.Discard, c); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %d bytes came, %v", tc.want, n, err)
		}
		_ = c.Close()
		eventually(t, tc.want, func() bool { return strings.Contains(s.log.String()[before:], tc.want) })
		time.Sleep(50 * time.Millisecond) // another line would come now
		if lines := strings.Count(s.log.String()[before:], "\n"); lines != 1 {
			t.Errorf("%d lines:\n%s", lines, s.log.String()[before:])
		}
	}
	// A port check is no client.
	before := len(s.log.String())
	c, err := net.Dial("tcp", s.tlsAddr)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	eventually(t, "the end of the port check", func() bool { return s.e.door.connections.Load() == 0 })
	time.Sleep(50 * time.Millisecond)
	if text := s.log.String()[before:]; text != "" {
		t.Errorf("a port check says %s", text)
	}
	s.secureDial().play("show")
}

// TestRTMPSOldClient: TLS before 1.2 is refused.
func TestRTMPSOldClient(t *testing.T) {
	s := startSecure(t, "", "")
	c, err := tls.Dial("tcp", s.tlsAddr, &tls.Config{
		InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
	})
	if err == nil {
		_ = c.Close()
		t.Fatal("TLS 1.1 was accepted")
	}
	eventually(t, "a line in the log", func() bool { return s.log.count("TLS handshake failed") == 1 })
}

// TestRTMPSReload: a new certificate is for those who come now; players go on; a broken one
// changes nothing and is named.
func TestRTMPSReload(t *testing.T) {
	s := startSecure(t, "", "")
	enc := s.secureDial().publish("show")
	view := s.secureDial().play("show")
	frames := 0
	show := func() {
		enc.video(uint32(frames*40), keyframe(frames, 5000))
		if got := view.frame(); got.body != string(keyframe(frames, 5000)) {
			t.Fatal("a frame came differently")
		}
		frames++
	}
	presented := func() (name string) {
		s.secureDial(func(c *tls.Config) {
			c.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
				leaf, err := x509.ParseCertificate(raw[0])
				if err == nil {
					name = leaf.Subject.CommonName
				}
				return err
			}
		})
		return name
	}
	show()
	if name := presented(); name != "first.example" {
		t.Fatalf("%q is presented", name)
	}
	s.replace(t, "second.example")
	eventually(t, "the new certificate", func() bool { show(); return presented() == "second.example" })
	if s.log.count(`new certificate subject="CN=second.example" names=second.example`) != 1 {
		t.Errorf("the log does not tell:\n%s", s.log)
	}
	good, err := os.ReadFile(s.key)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s.key, good[:len(good)/2])
	eventually(t, "a line that names the file", func() bool {
		show()
		return strings.Contains(s.log.String(), "the new certificate cannot be used, the old one stays") &&
			strings.Contains(s.log.String(), s.key)
	})
	if name := presented(); name != "second.example" {
		t.Errorf("%q is presented", name)
	}
	show()
	if n := s.log.count("cannot be used"); n != 1 {
		t.Errorf("%d lines about it", n)
	}
}

// TestRTMPSStarts: what is wrong with the files keeps the server from starting, and the ports
// that it had bound are free again.
func TestRTMPSStarts(t *testing.T) {
	dir := t.TempDir()
	key, cert := filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	k, c := pemPair(t, "a.example")
	other, _ := pemPair(t, "b.example")
	put(t, cert, c)
	opts, _ := options(t, fmt.Sprintf("rtmps { enabled on; listen 1443;\nkey %s;\ncert %s; }", key, cert), "")
	opts.Config.RTMPS.Listen = opts.Config.Listen
	for _, tc := range []struct {
		key  []byte
		want string
	}{
		{nil, ":2: rtmps.key: stat " + key + ": no such file or directory; a pair for a test is made by: openssl req -x509"},
		{other, ":3: rtmps.cert: " + cert + " with key " + key + ": private key does not match public key"},
	} {
		if tc.key != nil {
			put(t, key, tc.key)
		}
		for _, err := range []error{second(New(opts)), second(CheckRTMPS(opts.Config))} {
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v\nwant %s", err, tc.want)
			}
		}
	}
	put(t, key, k)
	warning, err := CheckRTMPS(opts.Config)
	if warning != "" || err != nil {
		t.Errorf("%q, %v", warning, err)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close() //nolint:errcheck // a test's
	opts.Config.RTMPS.Listen = []string{busy.Addr().String()}
	if _, err := New(opts); err == nil || !strings.Contains(err.Error(), "change `rtmps.listen`") {
		t.Errorf("a busy port: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// corkedConn sends what is written to it when it is at least so many bytes.
type corkedConn struct {
	net.Conn
	least int
	kept  []byte
}

func (c *corkedConn) Write(b []byte) (int, error) {
	if c.kept = append(c.kept, b...); len(c.kept) < c.least {
		return len(b), nil
	}
	_, err := c.Conn.Write(c.kept)
	c.kept = nil
	return len(b), err
}

// TestRTMPSEarlyInput: no event tells of what was read with the end of the TLS handshake.
func TestRTMPSEarlyInput(t *testing.T) {
	s := startSecure(t, "", "")
	raw, err := net.Dial("tcp", s.tlsAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close() //nolint:errcheck // a test's
	corked := &corkedConn{Conn: raw}
	c := tls.Client(corked, &tls.Config{
		InsecureSkipVerify: true, DynamicRecordSizingDisabled: true,
		VerifyConnection: func(tls.ConnectionState) error { // what it sends from now on, its Finished, waits
			corked.least = handshake.C0C1Bytes
			return nil
		},
	})
	if _, err := c.Write(handshake.AppendC0C1(nil, handshake.Simple, 0, func(b []byte) { clear(b) })); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(c, make([]byte, handshake.S0S1S2Bytes)); err != nil {
		t.Errorf("no answer: %v", err)
	}
}

// TestRTMPSBehindProxy: a proxy that passes TLS on tells of the client before it, whatever
// pieces it comes in; the session has the client's address, and what comes inside of TLS is RTMP.
func TestRTMPSBehindProxy(t *testing.T) {
	s := startSecure(t, "proxy_protocol { enabled on; trusted 127.0.0.1; }", "")
	const header = "PROXY TCP4 192.0.2.7 198.51.100.1 5000 1443\r\n"
	dial := func(pieces ...string) (*client, error) {
		raw, err := net.Dial("tcp", s.tlsAddr)
		if err != nil {
			t.Fatal(err)
		}
		for _, piece := range pieces {
			if _, err := raw.Write([]byte(piece)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Millisecond) // so that it mostly comes by itself
		}
		return s.greet(raw.(*net.TCPConn), tls.Client(raw, &tls.Config{InsecureSkipVerify: true}), "")
	}
	for i, pieces := range [][]string{{header}, {header[:3], header[3:20], header[20:]}} {
		c, err := dial(pieces...)
		if err != nil {
			t.Fatal(err)
		}
		c.play("show")
		eventually(t, "the client's address", func() bool {
			return s.log.count("play stream=/live/show addr=192.0.2.7:5000") == i+1
		})
	}
	// One header is enough: a second one would be the client's own.
	raw, err := net.Dial("tcp", s.tlsAddr)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = raw.Write([]byte(header))
	over := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	if _, err := s.greet(raw.(*net.TCPConn), over, "PROXY TCP4 203.0.113.9 198.51.100.1 1 2\r\n"); err == nil {
		t.Error("a client named itself")
	}
	if s.log.count("203.0.113.9") != 0 {
		t.Error("and was believed")
	}
}

// TestRTMPSProxyRefused: a header that nobody asked for is named as what it is.
func TestRTMPSProxyRefused(t *testing.T) {
	s := startSecure(t, "", "")
	c, err := net.Dial("tcp", s.tlsAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // a test's
	_, _ = c.Write([]byte("PROXY TCP4 192.0.2.7 198.51.100.1 5000 1443\r\n"))
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("not closed")
	}
	eventually(t, "a line in the log", func() bool {
		return s.log.count(`refused before TLS`) == 1 && s.log.count("proxy_protocol is off") == 1
	})
}

// TestRTMPSLastWords: a client that says goodbye right behind its last frame has sent that
// frame, and its connection ends without a FIN.
func TestRTMPSLastWords(t *testing.T) {
	s := startSecure(t, "", "")
	view := s.secureDial().play("show")
	raw, err := net.Dial("tcp", s.tlsAddr)
	if err != nil {
		t.Fatal(err)
	}
	corked := &corkedConn{Conn: raw}
	over := tls.Client(corked, &tls.Config{InsecureSkipVerify: true})
	enc, err := s.greet(raw.(*net.TCPConn), over, "")
	if err != nil {
		t.Fatal(err)
	}
	enc.publish("show")
	corked.least = 1 << 20
	enc.video(0, keyframe(1, 5000))
	_ = over.CloseWrite()
	corked.least = 0
	_ = raw.SetWriteDeadline(time.Time{}) // CloseWrite has set one
	if _, err := corked.Write(nil); err != nil {
		t.Fatal(err)
	}
	if got := view.frame(); got.body != string(keyframe(1, 5000)) {
		t.Error("the frame came differently")
	}
	eventually(t, "the end of the publisher", func() bool { return s.log.count("reason=peer-closed") == 1 })
	if enc.ended(); enc.err != io.EOF {
		t.Errorf("the publisher's connection ended with %v", enc.err)
	}
}

// TestRTMPSFetched: a publisher whose input is fetched by time is read through TLS as well.
func TestRTMPSFetched(t *testing.T) {
	s := startSecure(t, "", "publish { mr on; mr_latency 20; }")
	enc := s.secureDial().publish("show")
	view := s.dial().play("show")
	fetched := false
	for i := 0; i < 1000 && (!fetched || i < 100); i++ {
		enc.video(uint32(i*40), keyframe(i, 3000))
		if got := view.frame(); got.body != string(keyframe(i, 3000)) {
			t.Fatal("a frame came differently")
		}
		s.do(func(l *loop) { fetched = fetched || l.env.Reads.Fetched() > 0 })
	}
	if !fetched {
		t.Fatal("the publisher never came into the wheel")
	}
	_ = enc.conn.Close()
	eventually(t, "its end", func() bool { return s.log.count("unpublish") == 1 })
}

// TestRTMPSGarbage: a record that was tampered with ends the one connection.
func TestRTMPSGarbage(t *testing.T) {
	s := startSecure(t, "", "")
	view := s.secureDial().play("show")
	bad := s.secureDial()
	if _, err := bad.tcp.Write(append([]byte{23, 3, 3, 0, 50}, make([]byte, 50)...)); err != nil {
		t.Fatal(err)
	}
	bad.ended()
	eventually(t, "a line in the log", func() bool { return s.log.count("bad record MAC") == 1 })
	enc := s.dial().publish("show")
	enc.video(0, keyframe(1, 100))
	view.frame()
}

// TestRTMPSManyAtOnce: a crowd is served, and the loop answers in between.
func TestRTMPSManyAtOnce(t *testing.T) {
	s := startSecure(t, "", "", func(l *conf.Limits) { l.TLSHandshakesMax, l.TLSGraceMs = 8, patience.Milliseconds() })
	enc := s.dial().publish("show")
	enc.video(0, keyframe(1, 100))
	var all sync.WaitGroup
	for range 60 {
		all.Go(func() { s.secureDial().play("show").frame() })
	}
	all.Wait()
	if n := s.log.count("given up"); n != 0 {
		t.Errorf("%d honest clients were given up", n)
	}
}

// TestRTMPSStopsAmongHandshakes: the end of the server does not wait for them.
func TestRTMPSStopsAmongHandshakes(t *testing.T) {
	s := startSecure(t, "", "", func(l *conf.Limits) { l.TLSHandshakesMax = 2 })
	for range 5 {
		c, err := net.Dial("tcp", s.tlsAddr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // a test's
	}
	eventually(t, "two handshakes and one that waits", func() bool { return s.e.door.connections.Load() == 3 })
	s.stop()
	if err := s.wait(); err != nil {
		t.Error(err)
	}
	if n := s.e.door.connections.Load(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}
