// SPDX-License-Identifier: MIT

package snapshot

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"srsd/conf"
)

const (
	// freshFor is how long a picture is good for everybody who asks.
	freshFor = time.Second
	// within is how long a new one may take to come.
	within = 3 * time.Second
)

// ErrLate says that the loop did not answer in time.
var ErrLate = errors.New("snapshot: the event loop does not answer")

// Board is where the newest picture is. It may be used from any goroutine. *off-loop*.
type Board struct {
	config *conf.Config
	// ask has done called with a survey, once, on the loop, where it must not block.
	ask func(done func(*Survey)) error
	// Beside returns clients that are none of the loop's, as of a time on its clock; nil: there are
	// none. Any goroutine calls it. Set it before the first Get.
	Beside func(atMs int64) []Client
	salt   string // of ids: none is as it was before a restart

	mu    sync.Mutex
	last  *Snapshot // nil: none yet
	stale bool      // last is not good any more
	under *exposure // nil: nobody has asked for a new one
}

// exposure is a picture that is being made.
type exposure struct {
	done  chan struct{}
	shot  *Snapshot
	stale bool // something has been changed since it was asked for
}

// New returns a Board. It asks for a survey only while no other is under way.
func New(config *conf.Config, ask func(done func(*Survey)) error) *Board {
	return &Board{config: config, ask: ask, salt: rand.Text()}
}

// Get returns a picture that is a second old at most, or made by now. Errors: ErrLate, those of
// ctx, and those of the loop when it has ended.
func (b *Board) Get(ctx context.Context) (*Snapshot, error) {
	x, shot, err := b.expose()
	if x == nil {
		return shot, err
	}
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case <-x.done:
		return x.shot, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-late.C:
		return nil, ErrLate
	}
}

// expose returns the newest picture if it is good, else the one that is being made.
func (b *Board) expose() (*exposure, *Snapshot, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last != nil && !b.stale && time.Since(b.last.Taken) < freshFor {
		return nil, b.last, nil
	}
	if b.under != nil {
		return b.under, nil, nil
	}
	x := &exposure{done: make(chan struct{})}
	// The loop hands the survey over and goes on.
	if err := b.ask(func(v *Survey) { go b.develop(x, v) }); err != nil {
		return nil, nil, err
	}
	b.under = x
	return x, nil, nil
}

func (b *Board) develop(x *exposure, v *Survey) {
	b.mu.Lock()
	before := b.last
	b.mu.Unlock()
	if b.Beside != nil {
		v.Clients = append(v.Clients, b.Beside(v.AtMs)...)
	}
	x.shot = b.picture(v, before)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last, b.stale, b.under = x.shot, x.stale, nil
	close(x.done)
}

// Expire has the next Get make a new picture: something has been changed.
func (b *Board) Expire() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stale = true
	if b.under != nil {
		b.under.stale = true
	}
}

// id makes an id of a name, the same as long as the process lives: "vid-" and 7 characters.
func (b *Board) id(name string) string { return "vid-" + b.letters(name, 7) }

func (b *Board) letters(name string, n int) string {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyz"
	id := make([]byte, n)
	v := xxhash.Sum64String(b.salt + name)
	for i := range id {
		id[i] = letters[v%uint64(len(letters))]
		v /= uint64(len(letters))
	}
	return string(id)
}

// VhostID returns the id of a vhost, and StreamID that of a stream called vhost/app/stream.
func (b *Board) VhostID(v *conf.Vhost) string { return b.id("vhost " + v.Name) }

// StreamID is described at VhostID.
func (b *Board) StreamID(name string) string { return b.id("stream " + name) }

// ID is the server's own.
func (b *Board) ID() string { return b.id("server") }

// Service is the id of this run of the server: 8 characters.
func (b *Board) Service() string { return b.letters("service", 8) }
