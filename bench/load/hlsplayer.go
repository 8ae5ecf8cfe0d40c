// SPDX-License-Identifier: MIT

package load

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"
)

const (
	// hlsRetry is how long a player waits after a request that failed.
	hlsRetry = time.Second
	// hlsPlaylistMax bounds a playlist.
	hlsPlaylistMax = 1 << 20
	// hlsBlockMax is how long a server may hold a playlist back, beyond the timeout.
	hlsBlockMax = 10 * time.Second
	// hlsReadBytes is what a connection reads ahead.
	hlsReadBytes = 4 << 10
)

// errStatus: an answer that is not 200; wrapped.
var errStatus = errors.New("HTTP")

// hlsPlayer plays one stream, without showing it. One goroutine, but for buffered.
type hlsPlayer struct {
	f       *hlsFigures
	target  *Target
	source  netip.Addr
	timeout time.Duration

	conn net.Conn
	tcp  net.Conn // under conn, or the same
	r    *bufio.Reader
	used bool // the connection had a whole answer
	body bytes.Buffer
	text []byte // the request

	media         *url.URL // of the media playlist
	followed      bool     // a master playlist led there
	begun         bool     // sequence and part are set
	sequence      uint64   // what is wanted next
	part          int
	init          string
	first         time.Time // of connect
	blocks, skips bool

	mu       sync.Mutex
	buffered time.Time // until then there is something to show
	slack    time.Duration
}

func newHLSPlayer(f *hlsFigures, target *Target, source netip.Addr, timeout time.Duration) *hlsPlayer {
	return &hlsPlayer{f: f, target: target, source: source, timeout: timeout}
}

// run plays until the context is done.
func (p *hlsPlayer) run(ctx context.Context) {
	p.first = time.Now()
	for ctx.Err() == nil {
		wait, err := p.turn(ctx)
		if err != nil && ctx.Err() == nil {
			p.f.problem(err.Error())
			p.hangUp()
			wait = hlsRetry
		}
		if wait > 0 && !pause(ctx, wait) {
			break
		}
	}
	p.hangUp()
}

// turn loads the playlist once, and what is new in it. It returns how long to wait with the next.
func (p *hlsPlayer) turn(ctx context.Context) (wait time.Duration, err error) {
	began := time.Now()
	l, blocked, err := p.playlist(ctx)
	if err != nil || l.variant != "" {
		return 0, err
	}
	now := time.Now()
	histogram := p.f.playlist
	if blocked {
		histogram = p.f.reload
	}
	p.f.note(histogram, now.Sub(began))
	before, part := p.sequence, p.part
	if err := p.load(ctx, &l); err != nil {
		return 0, err
	}
	p.mu.Lock()
	p.slack = l.target
	p.mu.Unlock()
	changed := p.sequence != before || p.part != part
	p.blocks, p.skips = l.blocks && changed, l.skips
	switch {
	case p.blocks:
		return 0, nil
	case changed: // RFC 8216 §6.3.4
		return max(l.target-time.Since(began), 0), nil
	default:
		return max(l.target/2-time.Since(began), 0), nil
	}
}

// playlist loads the media playlist, or finds out its URL. blocked: it may have been held back.
func (p *hlsPlayer) playlist(ctx context.Context) (l hlsPlaylist, blocked bool, err error) {
	if p.media == nil {
		if p.media, err = url.Parse(p.target.URL); err != nil {
			return l, false, err
		}
	}
	uri, timeout := p.media.RequestURI(), p.timeout
	if p.blocks {
		blocked, timeout = true, timeout+hlsBlockMax
		q := p.media.Query()
		q.Set("_HLS_msn", fmt.Sprint(p.sequence))
		q.Set("_HLS_part", fmt.Sprint(p.part))
		if p.skips {
			q.Set("_HLS_skip", "YES")
		}
		uri = p.media.EscapedPath() + "?" + q.Encode()
	}
	p.body.Reset()
	if err = p.get(ctx, uri, timeout, &limitedBuffer{&p.body}); err != nil {
		return l, blocked, fmt.Errorf("playlist: %w", err)
	}
	p.f.playlists.Add(1)
	if l, err = parsePlaylist(p.body.String()); err != nil {
		return l, blocked, err
	}
	if l.variant == "" {
		return l, blocked, nil
	}
	if p.followed {
		return l, blocked, fmt.Errorf("%w: a master playlist leads to another one", ErrPlaylist)
	}
	p.followed = true
	p.media, err = p.media.Parse(l.variant)
	return l, blocked, err
}

// load loads what of a playlist was not loaded before, in order.
func (p *hlsPlayer) load(ctx context.Context, l *hlsPlaylist) error {
	if !p.begun {
		p.sequence, p.part = l.start()
		p.begun = true
	}
	init := p.init // of a delta playlist it may be one that is left out
	for i := range l.segments {
		s := &l.segments[i]
		init = cmp.Or(s.init, init)
		if s.sequence < p.sequence {
			continue
		}
		if init != p.init {
			if err := p.segment(ctx, init, 0); err != nil {
				return err
			}
			p.init = init
		}
		if s.sequence > p.sequence {
			p.f.skipped.Add(int64(s.sequence - p.sequence))
			p.sequence, p.part = s.sequence, 0
		}
		if err := p.parts(ctx, s, l.blocks); err != nil {
			return err
		}
	}
	return nil
}

// parts loads a segment, by its parts if the player has them.
func (p *hlsPlayer) parts(ctx context.Context, s *hlsSegment, low bool) error {
	if low && len(s.parts) > 0 {
		for ; p.part < len(s.parts); p.part++ {
			if err := p.segment(ctx, s.parts[p.part].uri, s.parts[p.part].duration); err != nil {
				return err
			}
		}
	} else if s.uri != "" {
		if err := p.segment(ctx, s.uri, s.duration); err != nil {
			return err
		}
	}
	if s.uri != "" {
		p.sequence, p.part = s.sequence+1, 0
	}
	return nil
}

// segment loads a segment, a part, or with duration 0 an initialization segment.
func (p *hlsPlayer) segment(ctx context.Context, uri string, duration time.Duration) error {
	u, err := p.media.Parse(uri)
	if err != nil || u.Host != p.media.Host {
		return fmt.Errorf("%w: %q is on another server", ErrPlaylist, uri)
	}
	began := time.Now()
	if err := p.get(ctx, u.RequestURI(), p.timeout, io.Discard); err != nil {
		return fmt.Errorf("segment: %w", err)
	}
	p.f.segments.Add(1)
	now := time.Now()
	p.f.note(p.f.segment, now.Sub(began))
	if duration > 0 {
		p.came(now, duration)
	}
	return nil
}

// came notes that media of a duration is there, and whether pictures stood still before it was.
func (p *hlsPlayer) came(now time.Time, duration time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.buffered.IsZero():
		p.f.playing.Add(1)
		p.f.always(p.f.first, now.Sub(p.first))
		p.buffered = now
	case now.After(p.buffered):
		p.f.stood(p, now.Sub(p.buffered))
		p.buffered = now
	}
	p.buffered = p.buffered.Add(duration)
}

// shows says whether a player has something to show, or had not long ago.
func (p *hlsPlayer) shows(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.buffered.IsZero() && now.Before(p.buffered.Add(p.slack))
}

// get makes a request, and a second time if the server has closed the connection meanwhile.
func (p *hlsPlayer) get(ctx context.Context, uri string, timeout time.Duration, to io.Writer) error {
	for {
		again := p.used
		p.f.all.Add(1)
		n, err := p.try(ctx, uri, timeout, to)
		p.f.bytes.Add(n)
		if err == nil || !again || n > 0 || !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			return err
		}
		p.f.reconnects.Add(1)
		p.hangUp()
	}
}

func (p *hlsPlayer) try(ctx context.Context, uri string, timeout time.Duration, to io.Writer) (n int64, err error) {
	if p.conn == nil {
		if err := p.dial(ctx, timeout); err != nil {
			return 0, err
		}
	}
	conn := p.conn
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return 0, plainNet(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	p.text = fmt.Appendf(p.text[:0], "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: srsbench\r\n\r\n", uri, p.target.Host)
	if _, err := p.conn.Write(p.text); err != nil {
		return 0, plainNet(err)
	}
	answer, err := http.ReadResponse(p.r, nil)
	if err != nil {
		return 0, plainNet(err)
	}
	n, err = io.Copy(to, answer.Body)
	_ = answer.Body.Close()
	if err != nil {
		return n, plainNet(err)
	}
	p.used = true
	if answer.Close {
		p.hangUp()
	}
	if answer.StatusCode != http.StatusOK {
		return n, fmt.Errorf("%w %s", errStatus, answer.Status)
	}
	return n, nil
}

func (p *hlsPlayer) dial(ctx context.Context, timeout time.Duration) (err error) {
	d := net.Dialer{Timeout: timeout}
	if p.source.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(p.source, 0))
	}
	if p.conn, err = d.DialContext(ctx, "tcp", p.target.Addr.String()); err != nil {
		p.conn = nil
		return plainNet(err)
	}
	p.f.connected.Add(1)
	p.tcp = p.conn
	if p.target.TLS { // it shakes hands with the first request
		p.conn = tls.Client(p.conn, clientTLS)
	}
	p.r, p.used = bufio.NewReaderSize(p.conn, hlsReadBytes), false
	return nil
}

// hangUp ends the connection with a reset: so many ports in TIME_WAIT would be in the way of the next test.
func (p *hlsPlayer) hangUp() {
	if p.conn == nil {
		return
	}
	if c, ok := p.tcp.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
	_ = p.tcp.Close()
	p.conn, p.tcp, p.r, p.used = nil, nil, nil, false
}

// plainNet is an error without addresses and ports, so that the same causes are counted together.
func plainNet(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// limitedBuffer takes a playlist of hlsPlaylistMax at most.
type limitedBuffer struct{ b *bytes.Buffer }

func (l *limitedBuffer) Write(b []byte) (int, error) {
	if l.b.Len()+len(b) > hlsPlaylistMax {
		return 0, fmt.Errorf("%w: it is longer than 1 MiB", ErrPlaylist)
	}
	return l.b.Write(b)
}
