// SPDX-License-Identifier: MIT

package certificate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"srsd/engine/journal"
)

// pair makes a key and a certificate for name that ends at a time.
func pair(t *testing.T, name string, from, to time.Time) (key, cert []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}, NotBefore: from, NotAfter: to,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return block("PRIVATE KEY", secret), block("CERTIFICATE", der)
}

func block(kind string, b []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}) }

func put(t *testing.T, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func files(t *testing.T) Files {
	dir := t.TempDir()
	return Files{
		Key: filepath.Join(dir, "key.pem"), KeyAt: "a.conf:3: rtmps.key",
		Cert: filepath.Join(dir, "cert.pem"), CertAt: "a.conf:4: rtmps.cert",
	}
}

// TestLoad: what is wrong with the files is said with the directive and its place.
func TestLoad(t *testing.T) {
	now := time.Now()
	key, cert := pair(t, "a", now, now.Add(time.Hour))
	otherKey, _ := pair(t, "b", now, now.Add(time.Hour))
	for _, tc := range []struct {
		name      string
		key, cert []byte // nil: there is no such file
		want      string
	}{
		{"good", key, cert, ""},
		{"both in both", append(key, cert...), append(cert, key...), ""},
		{"text around", append([]byte("my key\n"), key...), append([]byte("my cert\n"), cert...), ""},
		{"no cert", key, nil, "ATCERT: stat CERT: no such file or directory; a pair for a test is made by: openssl"},
		{"no key", nil, cert, "ATKEY: stat KEY: no such file or directory; a pair for a test is made by: openssl"},
		{"mixed up", cert, key, "ATCERT: CERT holds no PEM certificate, but a private key: key and cert may"},
		{"cert twice", cert, cert, "ATKEY: KEY holds no PEM private key, but a certificate: key and cert may"},
		{"empty cert", key, []byte{}, "ATCERT: CERT holds no PEM certificate"},
		{"empty key", []byte{}, cert, "ATKEY: KEY holds no PEM private key"},
		{"not of each other", otherKey, cert, "ATCERT: CERT with key KEY: private key does not match public key"},
		{"broken key", block("PRIVATE KEY", []byte("x")), cert, "ATCERT: CERT with key KEY: failed to parse private key"},
		{"broken cert", key, block("CERTIFICATE", []byte("x")), "ATCERT: CERT with key KEY: x509: "},
		{"passphrase", block("ENCRYPTED PRIVATE KEY", []byte("x")), cert, "ATKEY: KEY has a passphrase"},
		{"too large", bytes.Repeat([]byte("x"), fileBytesMax+1), cert, "ATKEY: KEY is larger than 1048576 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := files(t)
			if tc.key != nil {
				put(t, f.Key, tc.key)
			}
			if tc.cert != nil {
				put(t, f.Cert, tc.cert)
			}
			_, err := f.Load()
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			want := strings.NewReplacer("ATKEY", f.KeyAt, "ATCERT", f.CertAt, "KEY", f.Key, "CERT", f.Cert).Replace(tc.want)
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%v\nwant %s", err, want)
			}
		})
	}
	f := files(t)
	put(t, f.Key, key)
	f.Cert = t.TempDir()
	if _, err := f.Load(); err == nil || !strings.HasSuffix(err.Error(), "is not a regular file") {
		t.Errorf("a directory: %v", err)
	}
}

func TestEnding(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		from, to int // hours from now
		want     string
	}{
		{-1, 24 * 15, ""},
		{-1, 24 * 13, "the certificate expires on 2026-05-14 00:00 UTC: renew it"},
		{-48, -24, "the certificate expired on 2026-04-30 00:00 UTC: clients will refuse it"},
		{24, 48, "the certificate is not valid before 2026-05-02 00:00 UTC: clients will refuse it; is the clock right?"},
	} {
		c := &tls.Certificate{Leaf: &x509.Certificate{
			NotBefore: now.Add(time.Duration(tc.from) * time.Hour), NotAfter: now.Add(time.Duration(tc.to) * time.Hour),
		}}
		if got := Ending(c, now); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}

// keeper returns one, and what its log says so far.
func keeper(t *testing.T, f Files) (*Keeper, func() string) {
	t.Helper()
	var out bytes.Buffer
	log, err := journal.New(journal.Options{Tank: journal.TankConsole, Level: zapcore.InfoLevel, Console: &out})
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewKeeper(f, log)
	if err != nil {
		t.Fatal(err)
	}
	return k, func() string {
		if err := log.Close(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
}

// presented is the name on the certificate in force.
func presented(t *testing.T, k *Keeper) string {
	t.Helper()
	c, err := k.Certificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf.Subject.CommonName
}

// TestKeeper: a new pair is taken when it has settled, a wrong one is named once and changes
// nothing.
func TestKeeper(t *testing.T) {
	now := time.Now()
	f := files(t)
	write := func(name string, to time.Time) {
		key, cert := pair(t, name, now.Add(-time.Hour), to)
		put(t, f.Key, key)
		put(t, f.Cert, cert)
	}
	write("first", now.Add(1000*time.Hour))
	k, log := keeper(t, f)
	look := func(want string) {
		t.Helper()
		if k.look(); presented(t, k) != want {
			t.Fatalf("%s is presented, want %s", presented(t, k), want)
		}
	}
	look("first")
	write("second", now.Add(1000*time.Hour))
	look("first") // it may still be being written
	look("second")

	key, _ := pair(t, "third", now, now.Add(time.Hour))
	put(t, f.Key, key) // half of a change
	for range 4 {
		look("second")
	}
	if err := os.Remove(f.Cert); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		look("second")
	}
	write("fourth", now.Add(time.Hour))
	look("second")
	look("fourth")
	k.remind(now)
	k.remind(now.Add(time.Minute))
	k.remind(now.Add(remindEvery))

	text := log()
	for what, want := range map[string]int{
		`new certificate subject="CN=second" names="second 192.0.2.1" expires=`: 1,
		"[ERROR]": 2, "private key does not match public key": 1, "no such file": 1,
		`new certificate subject="CN=fourth"`: 1,
		"[WARN]":                              2, "the certificate expires on": 1, "the certificate expired on": 1,
	} {
		if n := strings.Count(text, what); n != want {
			t.Errorf("%d times %q, want %d:\n%s", n, what, want, text)
		}
	}
}

// TestKeeperReplacedFile: as certbot does it, a link that points elsewhere.
func TestKeeperReplacedFile(t *testing.T) {
	now := time.Now()
	f := files(t)
	dir := filepath.Dir(f.Key)
	for _, name := range []string{"old", "new"} {
		key, cert := pair(t, name, now, now.Add(1000*time.Hour))
		put(t, filepath.Join(dir, name+".key"), key)
		put(t, filepath.Join(dir, name+".crt"), cert)
	}
	link := func(name string) {
		_, _ = os.Remove(f.Key), os.Remove(f.Cert)
		if err := os.Symlink(name+".key", f.Key); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(name+".crt", f.Cert); err != nil {
			t.Fatal(err)
		}
	}
	link("old")
	k, log := keeper(t, f)
	link("new")
	k.look()
	k.look()
	if presented(t, k) != "new" {
		t.Errorf("%s is presented:\n%s", presented(t, k), log())
	}
}
