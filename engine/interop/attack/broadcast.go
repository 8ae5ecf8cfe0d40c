// SPDX-License-Identifier: MIT

package attack

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// broadcast publishes a test stream in real time, from a goroutine of its own, until it is
// ended. It remembers by how much each frame was its own fault to be late.
type broadcast struct {
	*peer
	stop    chan struct{}
	stopped chan struct{}

	mu     sync.Mutex
	next   uint64
	late   []time.Duration // by frame number
	failed error
}

// broadcast begins to publish tcURL/name.
func (s *server) broadcast(t *testing.T, tcURL, name string) *broadcast {
	t.Helper()
	p := s.shaken(t)
	if err := p.connect(tcURL); err != nil {
		t.Fatal(err)
	}
	return p.broadcast(t, name)
}

// broadcast has a connected peer publish name.
func (p *peer) broadcast(t *testing.T, name string) *broadcast {
	t.Helper()
	if err := p.publishes(name); err != nil {
		t.Fatal(err)
	}
	if err := p.setChunkSize(mediaChunk); err != nil {
		t.Fatal(err)
	}
	b := &broadcast{peer: p, stop: make(chan struct{}), stopped: make(chan struct{})}
	if err := p.send(video(0, avcHeader), audio(0, aacHeader)); err != nil {
		t.Fatal(err)
	}
	go b.run()
	t.Cleanup(b.end)
	return b
}

// mediaChunk is the size of a broadcast's chunks: a frame is one.
const mediaChunk = 60000

// end stops sending and closes the connection.
func (b *broadcast) end() {
	b.halt()
	b.close()
}

// halt stops sending.
func (b *broadcast) halt() {
	select {
	case <-b.stop:
	default:
		close(b.stop)
	}
	<-b.stopped
}

func (b *broadcast) run() {
	defer close(b.stopped)
	begin, free := time.Now(), time.Now()
	for n := uint64(0); ; n++ {
		due := begin.Add(time.Duration(n) * time.Second / framesPerSecond)
		if d := time.Until(due); d > 0 {
			select {
			case <-b.stop:
				return
			case <-time.After(d):
			}
		}
		select {
		case <-b.stop:
			return
		default:
		}
		// Late is what a frame waited for this goroutine; what the server made it wait in the
		// write before is the server's.
		from := due
		if free.After(due) {
			from = free
		}
		b.mu.Lock()
		b.next, b.late = n+1, append(b.late, time.Since(from))
		b.mu.Unlock()
		if err := b.send(video(frameTimeMs(n), videoFrame(n)), audio(frameTimeMs(n)+10, audioFrame(n))); err != nil {
			b.mu.Lock()
			b.failed = err
			b.mu.Unlock()
			return
		}
		free = time.Now()
	}
}

// check demands that the server has taken all so far.
func (b *broadcast) check(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed != nil {
		t.Errorf("publisher was disturbed: %v", b.failed)
	}
}

// number is how many frames were sent.
func (b *broadcast) number() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next
}

// lateness is the worst that the frames from first to last were late by themselves.
func (b *broadcast) lateness(first, last uint64) (worst time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for n := first; n <= last && n < uint64(len(b.late)); n++ {
		worst = max(worst, b.late[n])
	}
	return worst
}

// arrival is a gap between two video frames at a viewer.
type arrival struct {
	from, to time.Time
	number   uint64 // of the frame that ended it
}

// viewer plays a test stream and checks each byte of it as it comes.
type viewer struct {
	*peer
	skips bool // it may be moved forward, to a keyframe

	mu      sync.Mutex
	fault   error
	next    map[byte]uint64 // number that must come next, by type
	shift   map[byte]int64  // what the player's clock differs from the publisher's
	frames  int             // video frames
	jumps   int             // times that it was moved forward
	last    time.Time       // when the last video frame came
	arrived []arrival       // gaps worth a thought
}

// gapNoted is what a gap must have at least to be remembered.
const gapNoted = 50 * time.Millisecond

// views plays tcURL/name. Options change the viewer before it begins.
func (s *server) views(t *testing.T, tcURL, name string, options ...func(*viewer)) *viewer {
	t.Helper()
	v, err := s.tryView(tcURL, name, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.close)
	return v
}

// tryView is views for many at once; the caller closes.
func (s *server) tryView(tcURL, name string, options ...func(*viewer)) (*viewer, error) {
	p, err := s.tryDial()
	if err != nil {
		return nil, err
	}
	v := newViewer(p)
	for _, o := range options {
		o(v)
	}
	if err = p.shake(); err == nil {
		err = p.connect(tcURL)
	}
	if err == nil {
		err = p.plays(name)
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return v, nil
}

// newViewer is a viewer that gets what p does.
func newViewer(p *peer) *viewer {
	v := &viewer{peer: p, next: map[byte]uint64{}, shift: map[byte]int64{}}
	p.onMessage = v.got
	return v
}

// got checks one message.
func (v *viewer) got(m *message) {
	if m.typ != typeVideo && m.typ != typeAudio || isHeader(m) {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	number, err := checkFrame(m)
	if err == nil {
		err = v.order(m, number)
	}
	if err != nil && v.fault == nil {
		v.fault = err
	}
	if m.typ != typeVideo {
		return
	}
	now := time.Now()
	if v.frames > 0 && now.Sub(v.last) > gapNoted {
		v.arrived = append(v.arrived, arrival{v.last, now, number})
	}
	v.frames, v.last = v.frames+1, now
}

// order checks that frame number is the next one of its track and has its time.
func (v *viewer) order(m *message, number uint64) error {
	want, seen := v.next[m.typ]
	v.next[m.typ] = number + 1
	stamp := int64(frameTimeMs(number))
	if m.typ == typeAudio {
		stamp += 10
	}
	shift := int64(m.tsMs) - stamp
	switch {
	case !seen || v.skips && number > want:
		if seen {
			v.jumps++
		}
		if m.typ == typeVideo && !isKey(number) {
			return fmt.Errorf("video begins with frame %d, which is no keyframe", number)
		}
		v.shift[m.typ] = shift
		return nil
	case number != want:
		return fmt.Errorf("type %d: frame %d came, due was %d", m.typ, number, want)
	case shift != v.shift[m.typ]:
		return fmt.Errorf("type %d, frame %d: timestamp %d, the frames before say %d",
			m.typ, number, m.tsMs, stamp+v.shift[m.typ])
	}
	return nil
}

// check demands that all that came was right and that the connection stands.
func (v *viewer) check(t *testing.T) {
	t.Helper()
	if err := v.state(); err != nil {
		t.Errorf("player %s: %v", v.local, err)
	}
}

func (v *viewer) state() error {
	v.mu.Lock()
	fault := v.fault
	v.mu.Unlock()
	if fault != nil {
		return fault
	}
	v.peer.mu.Lock()
	defer v.peer.mu.Unlock()
	if v.err != nil {
		return fmt.Errorf("connection ended: %w", v.err)
	}
	return nil
}

// count is how many video frames have come.
func (v *viewer) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.frames
}

// gets waits for n more video frames, all of them right.
func (v *viewer) gets(t *testing.T, n int) {
	t.Helper()
	v.reaches(t, v.count()+n)
}

// reaches waits for the video frame that is number want of those that came, all of them right.
func (v *viewer) reaches(t *testing.T, want int) {
	t.Helper()
	if !eventually(answerWithin, func() bool { return v.count() >= want || v.state() != nil }) || v.state() != nil {
		t.Fatalf("player %s: %d of %d frames, %v; the server said %q", v.local, v.count(), want, v.state(), v.saidAll())
	}
}
