// SPDX-License-Identifier: MIT

package engine

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"time"

	"go.uber.org/zap"

	"srsd/conf"
	"srsd/engine/access"
	"srsd/engine/journal"
	"srsd/engine/link"
	"srsd/proto/wire"
)

// handshakes are the TLS handshakes under way. They block, so each has a goroutine, and the
// loop gets the connection when its handshake is complete. There is a place for so many. When
// all are taken the next one waits, in the accepting goroutine, and the oldest handshake is
// given up for it if it has had TLSGraceMs: clients that are slow on purpose keep the others
// out for that long, and a crowd of honest ones just takes its turns. *off-loop*.
type handshakes struct {
	config *tls.Config
	proxy  *conf.ProxyProtocol
	limits *conf.Limits
	log    *journal.Log
	places chan struct{} // holds one for each that is under way

	turns turns

	mu      sync.Mutex
	oldest  list.List // of *tlsHandshake, the oldest first
	flood   journal.Every
	started time.Time
}

// turns holds one for each handshake that computes, RTMPS's and HTTPS's together, and none for one that
// waits for its peer. Many that compute at once would have the loop wait for its own turn behind
// all of them.
type turns chan struct{}

func newTurns() turns { return make(turns, max(1, runtime.GOMAXPROCS(0)-1)) }

func (t turns) take() { t <- struct{}{} }
func (t turns) give() { <-t }

// tlsHandshake is one of them. As a net.Conn it gives its turn away while it waits.
type tlsHandshake struct {
	*net.TCPConn
	all      *handshakes
	since    time.Time
	received int
	head     []byte // was read before TLS, and is of it
	place    *list.Element
	givenUp  bool // for another
}

// newHandshakes makes the handshakes of the listeners that present what certificate returns.
func newHandshakes(
	certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error), opts *Options, turns turns,
) *handshakes {
	limits := &opts.Limits
	return &handshakes{
		config: &tls.Config{
			MinVersion: tls.VersionTLS12, GetCertificate: certificate,
			// Whole records from the beginning: a keyframe is the first that a player gets.
			DynamicRecordSizingDisabled: true,
			// Nobody comes back often enough to gain by one, and librtmp takes the message that
			// brings one (TLS 1.3) for the end of the connection.
			SessionTicketsDisabled: true,
		},
		proxy: &opts.Config.ProxyProtocol, limits: limits, log: opts.Log,
		places: make(chan struct{}, limits.TLSHandshakesMax),
		turns:  turns,
		flood:  journal.NewEvery(floodEveryMs), started: time.Now(),
	}
}

// enter waits for a place. It returns false when ctx is done.
func (h *handshakes) enter(ctx context.Context) bool {
	for {
		select {
		case h.places <- struct{}{}:
			return true
		default:
		}
		select {
		case h.places <- struct{}{}:
			return true
		case <-ctx.Done():
			return false
		case <-time.After(h.giveUpOldest()):
		}
	}
}

// giveUpOldest ends the oldest handshake if it is old enough, and returns when to look again.
func (h *handshakes) giveUpOldest() time.Duration {
	const soon = 50 * time.Millisecond // places become free by themselves
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.oldest.Front()
	if e == nil {
		return soon
	}
	hs := e.Value.(*tlsHandshake)
	grace := time.Duration(h.limits.TLSGraceMs) * time.Millisecond
	if left := grace - time.Since(hs.since); left > 0 {
		return min(left, soon)
	}
	h.oldest.Remove(e)
	hs.givenUp = true
	_ = hs.Close() // which ends its reading
	return soon
}

// shake shakes hands with c, for which enter has got a place. It returns nil if that failed;
// c is closed then, and the log says why.
func (h *handshakes) shake(ctx context.Context, c *net.TCPConn, peer netip.AddrPort) *link.TLS {
	hs := &tlsHandshake{TCPConn: c, all: h, since: time.Now()}
	h.mu.Lock()
	hs.place = h.oldest.PushBack(hs)
	h.mu.Unlock()
	_ = c.SetDeadline(hs.since.Add(time.Duration(h.limits.HandshakeMs) * time.Millisecond))
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	t := link.NewTLS(hs, tls.Server, h.config)
	h.turns.take()
	ahead, err := hs.identify(peer)
	if err == nil {
		err = t.Handshake(ctx)
	}
	h.turns.give()
	h.mu.Lock()
	h.oldest.Remove(hs.place) // does nothing if it was given up
	if hs.givenUp && err == nil {
		err = net.ErrClosed
	}
	h.mu.Unlock()
	<-h.places
	if err == nil {
		t.Ahead(ahead)
		return t
	}
	_ = c.Close()
	if ctx.Err() == nil {
		h.explain(hs, peer, len(ahead), err)
	}
	return nil
}

// identify reads what a proxy may have put before TLS to tell whom it speaks for. The session
// is given it once more, as if it had come inside of TLS: who the client is it decides itself.
func (hs *tlsHandshake) identify(peer netip.AddrPort) (header []byte, err error) {
	b, have := make([]byte, access.HeadBytesMax), 0
	for {
		n, err := hs.Read(b[have:])
		if have += n; err != nil {
			return nil, err
		}
		_, used, err := access.Identify(b[:have], peer, hs.all.proxy)
		if err == wire.ErrShort {
			continue
		}
		hs.head = b[used:have]
		if err != nil || used == 0 {
			return nil, err
		}
		return b[:used:used], nil
	}
}

// explain writes one line about a handshake that failed, before which ahead bytes came.
func (h *handshakes) explain(hs *tlsHandshake, peer netip.AddrPort, ahead int, err error) {
	to := []zap.Field{zap.Stringer("addr", peer), zap.Stringer("listen", hs.LocalAddr())}
	var header tls.RecordHeaderError
	switch {
	case hs.givenUp:
		h.mu.Lock()
		more, ok := h.flood.Allow(time.Since(h.started).Milliseconds())
		h.mu.Unlock()
		if ok {
			h.log.Warn("", "TLS handshake given up: too slow while others wait", append(to,
				zap.Int("at_once", h.limits.TLSHandshakesMax), zap.Uint64("and_others", more))...)
		}
	case hs.received == ahead && errors.Is(err, io.EOF):
		h.log.Debug("", "probe", to...) // a port check, not a client
	case errors.Is(err, os.ErrDeadlineExceeded):
		h.log.Warn("", "no complete TLS handshake in time", append(to, zap.Int64("ms", h.limits.HandshakeMs))...)
	case errors.Is(err, access.ErrUntrusted), errors.Is(err, access.ErrRequired):
		h.log.Warn("", "refused before TLS", append(to, zap.Error(err))...)
	case errors.As(err, &header) && header.RecordHeader[0] == 3: // C0
		h.log.Warn("", "plain RTMP on the RTMPS port, closed: use rtmps:// in the client's URL, or a port of `listen`", to...)
	case errors.As(err, &header):
		h.log.Warn("", "not TLS on the RTMPS port, closed", append(to, zap.Binary("bytes", header.RecordHeader[:]))...)
	default:
		h.log.Warn("", "TLS handshake failed", append(to, zap.Error(err))...)
	}
}

// Read implements net.Conn.
func (hs *tlsHandshake) Read(b []byte) (int, error) {
	if len(hs.head) > 0 {
		n := copy(b, hs.head)
		hs.head = hs.head[n:]
		return n, nil
	}
	hs.all.turns.give()
	n, err := hs.TCPConn.Read(b)
	hs.all.turns.take()
	hs.received += n
	return n, err
}

// Write implements net.Conn.
func (hs *tlsHandshake) Write(b []byte) (int, error) {
	hs.all.turns.give()
	n, err := hs.TCPConn.Write(b)
	hs.all.turns.take()
	return n, err
}
