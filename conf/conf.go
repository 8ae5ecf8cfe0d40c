// SPDX-License-Identifier: MIT

// Package conf reads SRS's configuration language and turns it into one
// immutable [Config].
//
// [Load] reads a file and the environment, [LoadEnv] the environment alone. Both
// are strict where SRS guesses: an unknown name, a number that is no number, a
// value out of range or a directive given twice is an error that names file and
// line. What SRS knows and srsd does not implement is accepted with a [Warning].
//
// Reading happens in five steps, one file each: token.go (words), tree.go
// (directives and includes), legacy.go (old spellings), check.go (names and
// values, after the table in schema.go) and env.go (SRS_* overrides). The table
// is the only place where a directive, its type, its range and its default stand.
//
// [Budgets] are the bounds that the limits block sets, [Limits] those that no directive
// changes. Nothing here
// starts a goroutine that outlives the call or keeps mutable package state.
package conf

import (
	"net/netip"
	"slices"
)

// DefaultVhost is the name of the vhost that serves every host which has no
// vhost of its own.
const DefaultVhost = "__defaultVhost__"

// Config is a whole configuration: defaults, then the file, then the environment.
// Every value is within the range that the schema states. Immutable.
type Config struct {
	// File is the path as given to [Load]; empty after [LoadEnv].
	File string

	// Listen holds one "host:port" per RTMP listener, at least one, ready for
	// net.Listen("tcp", ...). An empty host (":1935", from a bare port or from
	// [::]) means every address of both families; "0.0.0.0:1935" means IPv4 only
	// and wants network "tcp4" in net.Listen, which else listens on both.
	Listen []string

	// RTMPS is the listener for RTMP over TLS.
	RTMPS RTMPS

	// HTTPServer is what serves browsers.
	HTTPServer HTTPServer

	// HTTPAPI is what tells about the server.
	HTTPAPI HTTPAPI

	// MaxConnections is how many client connections are served at once, >= 1. The
	// engine checks it against RLIMIT_NOFILE with [Limits].FDReserve.
	MaxConnections int

	// ChunkSize is the outgoing RTMP chunk size in bytes, [128, 65536], of clients
	// that have no vhost yet. [Vhost].ChunkSize replaces it.
	ChunkSize int

	// Pid is the path of the pid file; WorkDir is the directory to change to
	// before any relative path other than the configuration's own is used.
	Pid, WorkDir string

	Log Log

	// ProxyProtocol is how clients behind proxies are known.
	ProxyProtocol ProxyProtocol

	// Budgets is what clients may cost.
	Budgets Budgets

	// PithyPrintMs is the period of summary log lines in milliseconds, >= 100.
	PithyPrintMs int64

	// Vhosts are in file order, names are unique.
	Vhosts []*Vhost

	byName map[string]*Vhost
	places map[string]Pos
}

// At tells where a directive outside of all vhosts was given, such as "rtmps.key": file and
// line, or the variable; the file alone if it has its default. It is for errors that only
// show when the value is used.
func (c *Config) At(path string) Pos {
	if pos, ok := c.places[path]; ok {
		return pos
	}
	if c.File == "" {
		return Pos{File: "conf: environment"}
	}
	return Pos{File: c.File}
}

// RTMPS is RTMP over TLS. Immutable.
type RTMPS struct {
	Enabled bool
	Listen  []string // as [Config].Listen; none of them is one of those
	// Key and Cert are paths of PEM files: the private key, and the certificate with those
	// of its issuers. Nobody has looked at the files yet.
	Key, Cert string
}

// Vhost returns the vhost that serves name: the one of exactly that name, else
// [DefaultVhost], else nil. A disabled vhost is returned with Enabled false: its
// clients are refused, they do not fall through to the default.
func (c *Config) Vhost(name string) *Vhost {
	if v := c.byName[name]; v != nil {
		return v
	}
	return c.byName[DefaultVhost]
}

// Budgets are the limits block: what the clients of a server may cost, together and each.
// [Limits] has the bounds that no directive changes. Immutable.
type Budgets struct {
	// MemoryBytes is what the whole process may use; 0 = chosen after the machine.
	MemoryBytes int64
	// StreamBytes is what the log of one stream may hold: its cached group of pictures,
	// and what players that lag have not got yet.
	StreamBytes int64
	// AssemblyBytes is what the incomplete messages of one publisher may hold together.
	// Memory grows with the bytes received, never with the length declared.
	AssemblyBytes int
	// BeforeConnectBytes is how much a client may send after the handshake and before its
	// connect command is accepted. Nobody is known yet, so nobody may cost much.
	BeforeConnectBytes int

	// ConnectRatePerIP is how many new connections per second one source address may open
	// in the long run, ConnectBurstPerIP how many at once, >= 1; rate 0 = no limit. An IPv6
	// client counts by its /64 network.
	ConnectRatePerIP, ConnectBurstPerIP int
	// ConnectionsPerIP is how many connections one source address may have; 0 = no limit.
	ConnectionsPerIP int
	// Exempt are the addresses to which no limit per address applies.
	Exempt []netip.Prefix
}

// IsExempt reports whether no limit per address applies to a.
func (b *Budgets) IsExempt(a netip.Addr) bool {
	a = bare(a)
	return slices.ContainsFunc(b.Exempt, func(n netip.Prefix) bool { return n.Contains(a) })
}

// Log says where the log goes and how much of it. Immutable.
type Log struct {
	Tank  LogTank
	Level LogLevel // lines below it are dropped
	File  string   // path; used when Tank is TankFile
}

// LogTank is where log lines are written.
type LogTank uint8

// The tanks, in the order of the schema's words.
const (
	TankConsole LogTank = iota // stdout
	TankFile                   // Log.File
)

// LogLevel is a log severity, in the words of srs_log_level_v2.
type LogLevel uint8

// The levels, least severe first. The older directive srs_log_level counts the
// same five steps as verbose, info, trace, warn, error.
const (
	LevelTrace LogLevel = iota
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
)

// Vhost is one vhost's settings. Immutable.
type Vhost struct {
	Name    string
	Enabled bool

	ChunkSize  int  // bytes, [128, 65536]; the global value unless given
	MinLatency bool // send at once; Play.MwMsgs defaults to 0 and Publish.MR is off
	TCPNoDelay bool // TCP_NODELAY on every connection of the vhost

	InAckBytes  uint32 // acknowledge as if the peer had announced this window; 0 = as announced
	OutAckBytes uint32 // WindowAckSize announced at connect; 0 = none is sent

	Play    Play
	Publish Publish

	Security Security
	Refer    Refer

	HLS        HLS
	HTTPRemux  HTTPRemux
	HTTPStatic HTTPStatic
	DVR        DVR
	Dash       Dash
	HDS        HDS
}

// Jitter is how a player's timestamps are corrected.
type Jitter uint8

// The corrections, in the order of the schema's words.
const (
	JitterFull Jitter = iota // start at zero and grow monotonically
	JitterZero               // start at zero, otherwise as published
	JitterOff                // as published
)

// Play is how a vhost's streams are played. Immutable.
type Play struct {
	GopCache          bool
	GopCacheMaxFrames int   // audio and video messages; 0 = no limit
	QueueLengthMs     int64 // how far a player may lag before it is moved forward, >= 1000

	TimeJitter Jitter
	ATC        bool // keep the stream's absolute timestamps; TimeJitter has no effect
	ATCAuto    bool // turn ATC on when the metadata has bravo_atc
	MixCorrect bool // order audio and video by timestamp

	MwLatencyMs  int64 // longest wait before queued messages are written; 0 = at once
	MwLatencySet bool  // given by file or environment, so the engine must keep to it
	MwMsgs       int   // messages that may wait before a write, [0, 128]
	MwMsgsSet    bool  // given by file or environment

	SendMinIntervalMs    float64 // shortest time between two messages; 0 = none
	ReduceSequenceHeader bool    // do not repeat an unchanged sequence header

	MaxPlayers      int // of one stream; 0 = no limit
	MaxPlayersPerIP int // of one source address in the vhost; 0 = no limit
}

// Publish is how a vhost's streams are published. Immutable.
type Publish struct {
	MR          bool  // merge small reads; always false when the vhost's MinLatency is on
	MRLatencyMs int64 // longest wait for a fuller read

	FirstPacketTimeoutMs int64 // from the publish command to the first media message, >= 1
	NormalTimeoutMs      int64 // between media messages thereafter, >= 1

	ParseSPS       bool // read width and height from the sequence header
	TryAnnexBFirst bool // look for Annex B start codes before AVCC lengths

	KickoffForIdleMs int64 // close a publisher that had no player for so long; 0 = never
	Takeover         bool  // a new publisher ends the old one, instead of being refused
}
