// SPDX-License-Identifier: MIT

package session

import (
	"errors"
	"io"
	"syscall"

	"srsd/conf"
)

const (
	// readMuteBytes is how much must wait in a publisher's socket before the kernel wakes
	// the loop all the same, while its input is fetched by time: a quarter of the buffer that
	// a socket begins with by default (tcp_rmem), so that fetching does not close the peer's
	// window.
	readMuteBytes = 32 << 10
	// fetchBytes is what one read takes at most, fetchRounds how many reads one visit does.
	fetchBytes  = 64 << 10
	fetchRounds = 4
)

// Reads is the wheel of the publishers whose input is fetched once per period instead of
// being read as it comes: each wake-up costs 2 to 8 us, whatever it brings, and an encoder
// sends 60 times a second. The kernel is told to keep quiet meanwhile (SO_RCVLOWAT); the
// end of the connection it reports at once. The period is what publish.mr and mr_latency
// ask for, or what the load asks for (stream.Pace.ReadMs). *loop-owned*.
type Reads struct {
	env    *Env
	rounds []*readRound // one for each vhost that has publishers
	next   int          // the round that Due goes on with
	buffer []byte       // of Fetch; nil before the first
}

// readRound is the wheel of one vhost's publishers.
type readRound struct {
	vhost    *conf.Vhost
	list     []*Session
	at       int   // whose turn is next
	periodMs int64 // of the turn of the wheel that is due, > 0
	credit   int64 // ms times sessions; a visit costs periodMs
}

func (r *Reads) init(env *Env) { *r = Reads{env: env} }

// PeriodMs is how often the input of a vhost's publishers is fetched; 0: it is read as it
// comes.
func (r *Reads) PeriodMs(vhost *conf.Vhost) int64 {
	if vhost.MinLatency {
		return 0
	}
	period := r.env.Hub.Pace.ReadMs
	if vhost.Publish.MR {
		period = max(period, vhost.Publish.MRLatencyMs)
	}
	return period
}

// Fetched returns how many publishers' input is fetched.
func (r *Reads) Fetched() (n int) {
	for _, round := range r.rounds {
		n += len(round.list)
	}
	return n
}

// Advance turns the wheel by dtMs. Due then tells whose turn it is.
func (r *Reads) Advance(dtMs int64) {
	r.next = 0
	for _, round := range r.rounds {
		n := int64(len(round.list))
		// A period that has become 0 ends at the publishers' next Check.
		round.periodMs = max(r.PeriodMs(round.vhost), 1)
		round.credit = min(round.credit+n*dtMs, n*round.periodMs)
	}
}

// Due returns the next session whose Fetch is due, or nil.
//
//srsd:hot
func (r *Reads) Due() *Session {
	for ; r.next < len(r.rounds); r.next++ {
		round := r.rounds[r.next]
		if round.credit < round.periodMs || len(round.list) == 0 {
			continue
		}
		round.credit -= round.periodMs
		if round.at >= len(round.list) {
			round.at = 0
		}
		round.at++
		return round.list[round.at-1]
	}
	return nil
}

func (r *Reads) round(vhost *conf.Vhost) *readRound {
	for _, round := range r.rounds {
		if round.vhost == vhost {
			return round
		}
	}
	round := &readRound{vhost: vhost, periodMs: 1}
	r.rounds = append(r.rounds, round)
	return round
}

// worthFetching decides, at each check, whether a publisher belongs into the wheel. One that
// sends in large pieces by itself does not: what has just arrived is still in the processor's
// cache, and when thousands of pieces wait, they are not any more when their turn comes.
func (p *publisher) worthFetching(s *Session) bool {
	period := s.env.Reads.PeriodMs(p.vhost)
	elapsed := s.nowMs - p.checkedMs
	reads, visits, bytes := int64(p.reads), int64(p.visits), s.Conn.Received-p.checkedBytes
	p.reads, p.visits, p.checkedMs, p.checkedBytes = 0, 0, s.nowMs, s.Conn.Received
	switch {
	case period == 0:
		return false
	case p.fetch < 0:
		return reads*period >= elapsed && bytes < reads*largeBytes
	default:
		return visits <= fetchVainMax*reads // nothing at all: let the kernel tell when it comes
	}
}

const (
	// largeBytes is from where on a piece is large: what it costs itself is then more than
	// the wake-up.
	largeBytes = 8 << 10
	// fetchVainMax is how many visits there may be for one that finds something.
	fetchVainMax = 2
)

// fetching puts a publisher into the wheel, or takes it out.
func (p *publisher) fetching(s *Session, on bool) {
	if on == (p.fetch >= 0) {
		return
	}
	round := s.env.Reads.round(p.vhost)
	if on {
		p.fetch = int32(len(round.list))
		round.list = append(round.list, s)
		s.Conn.SetReadLow(readMuteBytes)
		return
	}
	last := len(round.list) - 1
	moved := round.list[last]
	round.list[p.fetch] = moved
	moved.publish.fetch = p.fetch
	round.list[last] = nil
	round.list = round.list[:last]
	p.fetch = -1
	s.Conn.SetReadLow(1) // reports at once what waits; does nothing on a closed connection
}

// Fetch is Pull at a publisher's turn of the wheel.
func (s *Session) Fetch(nowMs int64) (closeNow bool) {
	s.publish.visits++
	return s.Pull(nowMs)
}

// Pull reads from the socket what has come, 256 KiB at most. It returns whether the connection
// must be closed now.
func (s *Session) Pull(nowMs int64) (closeNow bool) {
	reads := &s.env.Reads
	if reads.buffer == nil {
		reads.buffer = make([]byte, fetchBytes)
	}
	buffer := reads.buffer
	for range fetchRounds {
		n, err := s.Conn.Read(buffer)
		if n > 0 && s.Feed(buffer[:n], nowMs) {
			return true
		}
		if err != nil {
			s.end(Broken(err))
		}
		if err != nil || n < len(buffer) {
			break
		}
	}
	return s.settle()
}

// Broken says why a connection ended whose socket failed with err.
func Broken(err error) (reason Reason, detail string) {
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return ReasonPeerClosed, ""
	case errors.Is(err, syscall.ECONNRESET):
		return ReasonPeerClosed, err.Error()
	case errors.Is(err, syscall.ETIMEDOUT):
		return ReasonTimedOut, "the peer takes no data, or cannot be reached: " + err.Error()
	}
	return ReasonBroken, err.Error()
}
