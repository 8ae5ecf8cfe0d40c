// SPDX-License-Identifier: MIT

package fake

import (
	"sync"
	"time"

	"srsd/proto/av"
	"srsd/proto/rtmp/msg"
)

// queueFrames is how many frames wait for a player; one that is further behind loses some.
const queueFrames = 4096

// frame is one media message.
type frame struct {
	typ       uint8
	timestamp uint32
	body      []byte
	header    bool // metadata or a sequence header
	keyframe  bool
	arrived   time.Time
}

// player is a queue that ends when it is closed.
type player struct{ frames chan frame }

// stream is what a publisher sends and players get.
type stream struct {
	mu      sync.Mutex
	headers []frame
	group   []frame // since the last keyframe
	players map[*player]struct{}
	videos  uint32
	ended   bool
}

// publish takes one message. dropEvery is Behaviour.DropEvery.
func (s *stream) publish(typ uint8, timestamp uint32, payload []byte, dropEvery uint32) {
	f := frame{typ: typ, timestamp: timestamp, body: append([]byte(nil), payload...), arrived: time.Now()}
	switch typ {
	case msg.TypeVideo:
		v, err := av.ParseVideo(f.body)
		f.header, f.keyframe = err == nil && v.SequenceHeader, err == nil && v.Keyframe
	case msg.TypeAudio:
		a, err := av.ParseAudio(f.body)
		f.header = err == nil && a.SequenceHeader
	default:
		f.header = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case f.header:
		s.headers = append(s.headers, f)
	case f.keyframe:
		s.group = append(s.group[:0:0], f)
	default:
		if typ == msg.TypeVideo && dropEvery > 0 {
			if s.videos++; s.videos%dropEvery == 0 {
				return
			}
		}
		s.group = append(s.group, f)
	}
	for p := range s.players {
		select {
		case p.frames <- f:
		default:
		}
	}
}

// join adds a player, which finds the headers and the last group in its queue.
func (s *stream) join() *player {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &player{frames: make(chan frame, queueFrames)}
	for _, f := range s.headers {
		p.frames <- f
	}
	for _, f := range s.group {
		p.frames <- f
	}
	if s.ended {
		close(p.frames)
		return p
	}
	s.players[p] = struct{}{}
	return p
}

func (s *stream) leave(p *player) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.players, p)
}

// end closes all queues.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for p := range s.players {
		close(p.frames)
		delete(s.players, p)
	}
}

// serve gives the n-th player what it is to get, until it has gone.
func (s *Server) serve(st *stream, n int64, send func(frame) error, gone <-chan struct{}) {
	p := st.join()
	defer st.leave(p)
	var cut <-chan time.Time
	if s.CutAfter > 0 {
		timer := time.NewTimer(s.CutAfter)
		defer timer.Stop()
		cut = timer.C
	}
	muted := false
	for {
		select {
		case <-gone:
			return
		case <-cut:
			return
		case f, ok := <-p.frames:
			if !ok {
				return
			}
			if muted {
				continue
			}
			if s.Delay > 0 {
				time.Sleep(time.Until(f.arrived.Add(s.Delay))) //nolint:forbidigo // a goroutine per player
			}
			if send(f) != nil {
				return
			}
			muted = n <= s.Mute && f.keyframe
		}
	}
}
