// SPDX-License-Identifier: MIT

package interop

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
)

// startSecure runs a server that listens for RTMPS, too. secure is the same server under its
// rtmps:// URLs.
func startSecure(t *testing.T, s settings) (plain, secure *server) {
	t.Helper()
	dir, port := t.TempDir(), freePort(t)
	key, cert := makeCertificate(t, dir)
	s.root += fmt.Sprintf("\nrtmps { enabled on; listen 127.0.0.1:%d; key %s; cert %s; }", port, key, cert)
	plain = startServer(t, s)
	over := *plain
	over.scheme, over.port = "rtmps", port
	return plain, &over
}

// makeCertificate makes server.key and server.crt in dir, for localhost.
func makeCertificate(t *testing.T, dir string) (key, cert string) {
	t.Helper()
	requireTool(t, "openssl")
	key, cert = filepath.Join(dir, "server.key"), filepath.Join(dir, "server.crt")
	// README.md's line.
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		"-days", "365", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
		"-keyout", key, "-out", cert).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	return key, cert
}

// TestRTMPS: what ffmpeg publishes over TLS reaches players over TLS, and without, unchanged,
// from the first to the last packet.
func TestRTMPS(t *testing.T) {
	t.Parallel()
	src := generate(t, fixtureBFrame)
	plain, secure := startSecure(t, settings{})
	players := []player{
		ffmpegPlay(t, secure, "live/tls"),
		rtmpdumpPlay(t, "-r", secure.url("live/tls")),
		gortmpPlay(t, secure, "tls"),
		rawPlay(t, plain, "live", "tls"),
	}
	finish(t, ffmpegPublish(t, secure.url("live/tls"), src), src)
	for _, p := range players {
		got := p.stop(t)
		checkRelay(t, src.rec, got, whole)
		checkStartsAtZero(t, got)
	}
}

// TestRTMPSJoinMidGOP: a TLS player that joins late gets its first picture at once.
func TestRTMPSJoinMidGOP(t *testing.T) {
	t.Parallel()
	src := generate(t, fixtureAVCAAC)
	plain, secure := startSecure(t, settings{})
	witness := rawPlay(t, plain, "live", "join")
	publisher := ffmpegPublish(t, plain.url("live/join"), src)
	waitPosition(t, witness, 1500)
	players := []player{ffmpegPlay(t, secure, "live/join"), gortmpPlay(t, secure, "join")}
	finish(t, publisher, src)
	checkRelay(t, src.rec, witness.stop(t), whole)
	for _, p := range players {
		got := p.stop(t)
		checkRelay(t, src.rec, got, tail)
		checkStartsAtZero(t, got)
	}
}

// TestRTMPSGortmplibPublishes: another library's TLS and another library's RTMP.
func TestRTMPSGortmplibPublishes(t *testing.T) {
	t.Parallel()
	src := plainAAC(generate(t, fixtureBFrame))
	_, secure := startSecure(t, settings{publish: "mr on; mr_latency 100;"})
	p := ffmpegPlay(t, secure, "live/go")
	gortmpPublish(t, gortmpDial(t, secure, "go", true), src.tags)
	pause(drain)
	got := p.stop(t)
	checkRelay(t, src.rec, got, whole)
	checkStartsAtZero(t, got)
}
