// SPDX-License-Identifier: MIT

package load

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"srsd/bench/fake"
)

// tlsFront is TLS before a server, which returns the server's URL through it, and counts.
func tlsFront(t *testing.T, plain string) (rtmps string, shaken *atomic.Int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	u, err := url.Parse(plain)
	if err != nil {
		t.Fatal(err)
	}
	shaken = new(atomic.Int64)
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer near.Close() //nolint:errcheck // a test's
				if near.(*tls.Conn).Handshake() != nil {
					return
				}
				shaken.Add(1)
				far, err := net.Dial("tcp", u.Host)
				if err != nil {
					return
				}
				go func() {
					_, _ = io.Copy(far, near)
					_ = far.Close()
				}()
				_, _ = io.Copy(near, far)
			}()
		}
	}()
	return strings.Replace(strings.Replace(plain, u.Host, l.Addr().String(), 1), u.Scheme, u.Scheme+"s", 1), shaken
}

// TestTLS: publishers and players over TLS, of which those that are no sample discard records.
func TestTLS(t *testing.T) {
	s := start(t, fake.Behaviour{})
	o := small(t, s, 20, 2)
	front, shaken := tlsFront(t, s.RTMP("s"))
	o.PlayTargets, o.PublishTargets = targets(t, front, 2), targets(t, front, 2)
	o.Duration = 2 * time.Second
	r := mustRun(t, o)
	p := r.Players
	if p.Playing != 20 || p.Lost != 0 || p.Starved != 0 || p.NoMedia != 0 || p.FramesMissing != 0 || r.Failed() {
		t.Errorf("players: %+v, problems %+v", p, r.Problems)
	}
	if shaken.Load() != 22 {
		t.Errorf("%d handshakes, want 22", shaken.Load())
	}
	near(t, "bit rate of the median player", p.KbpsP50, 332+8, 0.15) // headers and records
	near(t, "frames with a latency", float64(r.LatencyMs.N), 10*2*50, 0.1)
}

// TestTLSOverHTTP: HTTP-FLV players over TLS.
func TestTLSOverHTTP(t *testing.T) {
	s := start(t, fake.Behaviour{})
	o := small(t, s, 20, 1)
	front, shaken := tlsFront(t, s.HTTP("s"))
	o.PlayTargets = targets(t, front, 1)
	o.Duration = 2 * time.Second
	p := mustRun(t, o).Players
	if p.Playing != 20 || p.Lost != 0 || p.NoMedia != 0 || p.FramesMissing != 0 || shaken.Load() != 20 {
		t.Errorf("players: %+v, %d handshakes", p, shaken.Load())
	}
}

// TestTLSRefused: a server that speaks no TLS is named, and the test ends.
func TestTLSRefused(t *testing.T) {
	s := start(t, fake.Behaviour{})
	o := small(t, s, 2, 0)
	o.Duration = 100 * time.Millisecond
	o.PlayTargets = targets(t, "rtmps"+strings.TrimPrefix(s.RTMP("s"), "rtmp"), 1)
	r := mustRun(t, o)
	if r.Players.Lost != 2 || len(r.Problems) == 0 || !strings.Contains(r.Problems[0].Cause, "in the TLS handshake") {
		t.Errorf("players: %+v, problems %+v", r.Players, r.Problems)
	}
}
