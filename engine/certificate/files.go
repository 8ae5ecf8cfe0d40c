// SPDX-License-Identifier: MIT

// Package certificate reads the private key and the certificate of a TLS listener, says what
// is wrong with them, and takes new ones while the server runs.
package certificate

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"
)

// Files are the two PEM files of a listener. Immutable.
type Files struct {
	Key, Cert string // paths
	// KeyAt and CertAt are what messages call them: where the paths were given, and the
	// directive, such as "conf/rtmps.conf:9: rtmps.key".
	KeyAt, CertAt string
}

const (
	// fileBytesMax is far more than any chain has: a wrong path is an error, and not a log
	// of some gigabytes in memory.
	fileBytesMax = 1 << 20
	// soon is how long before its end a certificate is worth a warning each day.
	soon = 14 * 24 * time.Hour
)

// Load reads both files and checks that they belong together. Errors begin with KeyAt or
// CertAt and say what to do.
func (f Files) Load() (*tls.Certificate, error) {
	cert, err := read(f.Cert)
	if err != nil {
		return nil, fmt.Errorf("%s: %w%s", f.CertAt, err, f.howTo(err))
	}
	key, err := read(f.Key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w%s", f.KeyAt, err, f.howTo(err))
	}
	switch hasCert, hasKey := blocks(cert), blocks(key); {
	case !hasCert.certificate:
		return nil, fmt.Errorf("%s: %s holds no PEM certificate%s", f.CertAt, f.Cert, hasCert.instead())
	case hasKey.locked:
		return nil, fmt.Errorf("%s: %s has a passphrase, which nobody could type in: take it off with "+
			"`openssl pkey -in %s -out NEW`", f.KeyAt, f.Key, f.Key)
	case !hasKey.key:
		return nil, fmt.Errorf("%s: %s holds no PEM private key%s", f.KeyAt, f.Key, hasKey.instead())
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		// The names of both: it may be that they do not belong together.
		return nil, fmt.Errorf("%s: %s with key %s: %s", f.CertAt, f.Cert, f.Key, strings.TrimPrefix(err.Error(), "tls: "))
	}
	return &pair, nil
}

// howTo says how to come by files that are not there.
func (f Files) howTo(err error) string {
	if !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return fmt.Sprintf("; a pair for a test is made by: openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "+
		"-nodes -days 365 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout %s -out %s",
		f.Key, f.Cert)
}

// read returns the content of a regular file.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // reading a pipe could block for ever
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(file, fileBytesMax+1))
	if err == nil && len(b) > fileBytesMax {
		err = fmt.Errorf("%s is larger than %d bytes", path, fileBytesMax)
	}
	return b, err
}

// content says what PEM blocks a file holds.
type content struct{ certificate, key, locked bool }

func blocks(b []byte) (c content) {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return c
		}
		switch {
		case block.Type == "CERTIFICATE":
			c.certificate = true
		case block.Type == "ENCRYPTED PRIVATE KEY", strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			c.locked = true
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			c.key = true
		}
	}
}

// instead names what a file holds that was to hold something else.
func (c content) instead() string {
	switch {
	case c.certificate:
		return ", but a certificate: key and cert may have been mixed up"
	case c.key, c.locked:
		return ", but a private key: key and cert may have been mixed up"
	}
	return ""
}

// Ending returns a warning if a certificate is not valid now, or not for long any more, or "".
func Ending(c *tls.Certificate, now time.Time) string {
	from, to := c.Leaf.NotBefore, c.Leaf.NotAfter
	switch {
	case now.Before(from):
		return fmt.Sprintf("the certificate is not valid before %s: clients will refuse it; is the clock right?", day(from))
	case now.After(to):
		return fmt.Sprintf("the certificate expired on %s: clients will refuse it", day(to))
	case to.Sub(now) < soon:
		return fmt.Sprintf("the certificate expires on %s: renew it", day(to))
	}
	return ""
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// describe returns what the log says of a certificate.
func describe(c *tls.Certificate) []zap.Field {
	names := append([]string(nil), c.Leaf.DNSNames...)
	for _, ip := range c.Leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return []zap.Field{
		zap.String("subject", c.Leaf.Subject.String()), zap.String("names", strings.Join(names, " ")),
		zap.String("expires", day(c.Leaf.NotAfter)),
	}
}
