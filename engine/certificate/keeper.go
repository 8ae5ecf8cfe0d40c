// SPDX-License-Identifier: MIT

package certificate

import (
	"context"
	"crypto/tls"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"srsd/engine/journal"
)

const (
	// lookEvery is how often the files are looked at.
	lookEvery = 3 * time.Second
	// remindEvery is how often a certificate that ends is mentioned.
	remindEvery = 24 * time.Hour
)

// Keeper has the certificate in force. Certificate may be called from any goroutine, the
// rest from one.
type Keeper struct {
	// Every is how often Watch looks at the files. A change must show in two looks, so that
	// a pair is not read while it is being written.
	Every time.Duration

	files Files
	log   *journal.Log

	current  atomic.Pointer[tls.Certificate]
	tried    stamp // the files that were loaded last, or were found to be wrong
	seen     stamp // the files at the last look
	reminded time.Time
}

// stamp tells two versions of the files apart.
type stamp struct{ key, cert os.FileInfo }

func (f Files) stamp() stamp {
	key, _ := os.Stat(f.Key) // one that is not there is nil, which tells it apart, too
	cert, _ := os.Stat(f.Cert)
	return stamp{key, cert}
}

func (s stamp) same(o stamp) bool { return same(s.key, o.key) && same(s.cert, o.cert) }

func same(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == b
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// NewKeeper loads the files. Errors are those of Files.Load.
func NewKeeper(files Files, log *journal.Log) (*Keeper, error) {
	k := &Keeper{Every: lookEvery, files: files, log: log}
	k.tried = files.stamp()
	k.seen = k.tried
	c, err := files.Load()
	if err != nil {
		return nil, err
	}
	k.current.Store(c)
	return k, nil
}

// Certificate is for tls.Config.GetCertificate: new connections get the newest, those that
// are there keep theirs.
func (k *Keeper) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return k.current.Load(), nil
}

// Watch tells of the certificate, and takes new files as they come, until ctx is done.
func (k *Keeper) Watch(ctx context.Context) {
	k.log.Info("", "certificate", describe(k.current.Load())...)
	for t := time.NewTicker(k.Every); ; {
		k.remind(time.Now())
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		k.look()
	}
}

// look loads the files if they have changed, and have not changed since the last look.
func (k *Keeper) look() {
	now := k.files.stamp()
	settled := now.same(k.seen)
	k.seen = now
	if !settled || now.same(k.tried) {
		return
	}
	k.tried = now
	c, err := k.files.Load()
	if err != nil {
		k.log.Error("", "the new certificate cannot be used, the old one stays", zap.Error(err))
		return
	}
	k.current.Store(c)
	k.reminded = time.Time{}
	k.log.Info("", "new certificate", describe(c)...)
}

// remind warns of a certificate that ends, at once and then each day.
func (k *Keeper) remind(now time.Time) {
	if now.Sub(k.reminded) < remindEvery {
		return
	}
	if warning := Ending(k.current.Load(), now); warning != "" {
		k.reminded = now
		k.log.Warn("", warning, zap.String("at", k.files.CertAt), zap.String("file", k.files.Cert))
	}
}
