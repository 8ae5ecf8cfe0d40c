// SPDX-License-Identifier: MIT

package load

import "srsd/engine/link"

// state is what a connection is about.
type state uint8

const (
	idle       state = iota // not yet opened, or about to come back
	connecting              // the SYN is out
	securing                // TLS handshake
	greeting                // RTMP handshake; HTTP: until the head of the response
	asking                  // RTMP commands, until play is sent or publish is granted
	waiting                 // player: no picture yet
	running                 // a player that has a picture; a publisher that publishes
	closed                  // over, and not by our will
)

// String says in a cause of loss what the connection was doing.
func (s state) String() string {
	switch s {
	case idle:
		return "idle"
	case connecting:
		return "connecting"
	case securing:
		return "in the TLS handshake"
	case greeting:
		return "in the handshake"
	case asking:
		return "in the commands"
	case waiting:
		return "waiting for the first picture"
	case running:
		return "running"
	case closed:
		return "closed"
	}
	return "unknown"
}

// conn is one connection, or the place of one: a player that leaves and joins again
// keeps its place. There are tens of thousands, so what is not needed while a
// player discards lives in the dialog, which is lent. Loop-owned.
type conn struct {
	target *Target
	tls    *link.TLS  // nil: nothing is encrypted
	d      *dialog    // nil when idle, closed, or discarding
	pub    *publisher // nil for a player
	out    []byte     // what the socket did not take

	startNs  int64  // when it was opened
	bytes    int64  // received since then
	mark     int64  // of bytes, when the measurement began
	acked    int64  // of bytes, in the last acknowledgement
	window   uint32 // acknowledge every so many bytes; 0: never (RTMP 1.0 §5.4.4)
	fd       int32
	index    int32 // in the loop
	life     int32 // how often the place has been used; tells stale events apart
	number   int32 // in the test: publishers from 0, players from 0
	stream   int32 // index of target
	state    state
	sample   bool
	slow     bool // reads less than it gets (Soak.Slow)
	measured bool // has been running since before the measurement began
}

// holds says whether records wait that the socket did not take.
func (c *conn) holds() bool { return c.tls != nil && c.tls.Holds() }
