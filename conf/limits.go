// SPDX-License-Identifier: MIT

package conf

// Limits are the bounds that hold for every client, whatever the configuration
// says: no directive changes them ([Budgets] are those that one does). Each comment says what it counts, why the
// bound is there, and what happens to the connection that reaches it. Immutable.
type Limits struct {
	// HandshakeMs is the absolute time from accept to the end of the handshake.
	// Sockets that send nothing would hold file descriptors. The session closes.
	// A TLS handshake before it has the same time for itself.
	HandshakeMs int64
	// TLSHandshakesMax is how many TLS handshakes may be under way at once, of all
	// listeners: each holds a goroutine and about 40 KiB. The next client waits, and
	// the oldest handshake is closed for it once it has had TLSGraceMs, which is
	// plenty for a peer that answers.
	TLSHandshakesMax int
	TLSGraceMs       int64
	// RoleMs is the absolute time from the end of the handshake to a play or
	// publish command that was accepted. The session closes.
	RoleMs int64
	// RoleAgainMs is how long a client may do nothing after it ended its own
	// publish or play (unpublish, closeStream, deleteStream). The session closes.
	RoleAgainMs int64

	// CommandBytesMax is the longest command message (types 17 and 20). The chunk
	// reader refuses the declared length, the session closes.
	CommandBytesMax int
	// DataBytesMax is the longest data message (types 15 and 18); metadata with
	// embedded cover art reaches hundreds of KiB. Refused like a command.
	DataBytesMax int
	// MediaBytesMax is the longest audio, video or aggregate message; keyframes of
	// more than 1 MiB are real. Refused like a command.
	MediaBytesMax int
	// ChunkStreamsMax is how many chunk stream ids a client may have in use, of
	// any value 2 to 65599: the count costs memory, the value does not. The chunk
	// reader refuses the next one, the session closes.
	ChunkStreamsMax int
	// MessageStreamsMax is how many message streams a client may create. The
	// session closes on the createStream after the last one.
	MessageStreamsMax int

	// AMFDepthMax is how deep AMF objects and arrays may nest: a parser that
	// recurses further would end the process. The message is refused, the
	// session closes.
	AMFDepthMax int
	// AMFMemoryFactor bounds decoded AMF memory to this multiple of its wire
	// size. The message is refused, the session closes.
	AMFMemoryFactor int

	// AMFValuesMax is how many values a message may hold: a million short ones would
	// keep the loop busy for a tenth of a second. The message is refused, the
	// session closes.
	AMFValuesMax int

	// AckWindowBytesMin and AckWindowBytesMax clamp the acknowledgement window a
	// peer asks for: a window of a few bytes would make every read answer with a
	// message. Nothing closes.
	AckWindowBytesMin, AckWindowBytesMax uint32

	// StallMs is how long a player's socket may take nothing at all while bytes
	// wait. The session closes.
	StallMs int64
	// SndbufBytes is SO_SNDBUF of a player, half of what the kernel then reserves
	// at most. It bounds kernel memory per slow player.
	SndbufBytes int
	// TCPUserTimeoutMs is TCP_USER_TIMEOUT: unacknowledged data older than this means that
	// the peer is gone. The kernel closes. It is taken off players that turn out to be slow,
	// which StallMs watches.
	TCPUserTimeoutMs int

	// SpareSessionsMax is how many ended sessions, and how many players, leave their memory to
	// those to come: 480 and 224 bytes each. What is above it goes to the garbage
	// collector, so that a crowd that has gone costs nothing. Nothing closes.
	SpareSessionsMax int

	// FDReserve is how many file descriptors stay free for everything that is not
	// a client: log, pid file, listeners, epoll, disk, hooks. The engine refuses
	// to start when max_connections + FDReserve reaches RLIMIT_NOFILE.
	FDReserve int
}

// The units of the numbers below.
const (
	kib = 1 << 10
	mib = 1 << 20

	secondMs = 1000
	minuteMs = 60 * secondMs
)

// DefaultLimits returns the limits that srsd runs with. Tests lower them.
func DefaultLimits() Limits {
	return Limits{
		HandshakeMs:      10 * secondMs,
		TLSHandshakesMax: 256,
		TLSGraceMs:       2 * secondMs,
		RoleMs:           20 * secondMs,
		RoleAgainMs:      3 * minuteMs,

		CommandBytesMax:   64 * kib,
		DataBytesMax:      1 * mib,
		MediaBytesMax:     8 * mib,
		ChunkStreamsMax:   64,
		MessageStreamsMax: 32,

		AMFDepthMax:     32,
		AMFMemoryFactor: 16,
		AMFValuesMax:    16384,

		AckWindowBytesMin: 32 * kib,
		AckWindowBytesMax: 64 * mib,

		StallMs:          30 * secondMs,
		SndbufBytes:      256 * kib,
		TCPUserTimeoutMs: 30 * secondMs,

		SpareSessionsMax: 1024,

		FDReserve: 128,
	}
}
