// SPDX-License-Identifier: MIT

// Package msg reads and writes the bodies of RTMP messages: protocol control
// and user control (RTMP 1.0 §5.4, §6.2, §7.1.7), commands and their answers
// (§7.2), metadata, and the URL rules by which a connection finds its vhost,
// application and stream.
//
// It starts where package chunk ends: a body is a whole payload, and a body that
// ends early is an error, never wire.ErrShort. Nothing here blocks, logs, reads a
// clock, starts a goroutine or keeps its input; Append functions write to the end
// of dst, which stays the caller's, and allocate nothing but its growth.
package msg

// Message types, RTMP 1.0 §5.4, §7.1.
const (
	TypeSetChunkSize      uint8 = 1
	TypeAbort             uint8 = 2
	TypeAck               uint8 = 3
	TypeUserControl       uint8 = 4
	TypeWindowAckSize     uint8 = 5
	TypeSetPeerBandwidth  uint8 = 6
	TypeAudio             uint8 = 8
	TypeVideo             uint8 = 9
	TypeDataAMF3          uint8 = 15
	TypeSharedObjectAMF3  uint8 = 16
	TypeCommandAMF3       uint8 = 17
	TypeDataAMF0          uint8 = 18
	TypeSharedObjectAMF0  uint8 = 19
	TypeCommandAMF0       uint8 = 20
	TypeAggregate         uint8 = 22
	typeFirstUndocumented uint8 = 23
)

// typeNames are for logs; "" where no type has the number.
var typeNames = [typeFirstUndocumented]string{
	TypeSetChunkSize: "set chunk size", TypeAbort: "abort", TypeAck: "acknowledgement",
	TypeUserControl: "user control", TypeWindowAckSize: "window acknowledgement size",
	TypeSetPeerBandwidth: "set peer bandwidth", TypeAudio: "audio", TypeVideo: "video",
	TypeDataAMF3: "data (AMF3)", TypeSharedObjectAMF3: "shared object (AMF3)",
	TypeCommandAMF3: "command (AMF3)", TypeDataAMF0: "data", TypeSharedObjectAMF0: "shared object",
	TypeCommandAMF0: "command", TypeAggregate: "aggregate",
}

// TypeName names a message type for a log line; "unknown" if it has no name.
func TypeName(t uint8) string {
	if t >= typeFirstUndocumented || typeNames[t] == "" {
		return "unknown"
	}
	return typeNames[t]
}

// Chunk stream ids by purpose. RTMP 1.0 reserves 2 (§5.4); the others are custom,
// the same that SRS and Adobe's servers use.
const (
	CSIDProtocolControl uint32 = 2 // protocol control and user control
	CSIDConnection      uint32 = 3 // answers that concern the connection: _result, onBWDone
	CSIDMetadata        uint32 = 4
	CSIDStream          uint32 = 5 // onStatus, onFCPublish, |RtmpSampleAccess
	CSIDVideo           uint32 = 6
	CSIDAudio           uint32 = 7
)

// MediaCSID is the chunk stream of a message type that carries a stream: audio, video, and
// data for every other.
func MediaCSID(messageType uint8) uint32 {
	switch messageType {
	case TypeAudio:
		return CSIDAudio
	case TypeVideo:
		return CSIDVideo
	default:
		return CSIDMetadata
	}
}

// Message stream ids that a server uses. Every createStream of a connection is
// answered with StreamIDMedia.
const (
	StreamIDControl uint32 = 0
	StreamIDMedia   uint32 = 1
)
