// SPDX-License-Identifier: MIT

package chunk

// Limits bounds what one peer may declare. All of it is checked when a header is
// read, before any payload. Immutable once it was given to a Reader.
type Limits struct {
	// ChunkStreams is how many chunk streams a peer may use, >= 1, whatever
	// their ids are. A Reader keeps under 64 bytes for each.
	ChunkStreams int
	// ControlBytes is the longest message of types 1 to 6: the protocol control
	// messages (§5.4) and user control (§6.2).
	ControlBytes uint32
	// CommandBytes is the longest command (types 17 and 20), shared object
	// (16 and 19), and message of a type that is not known (§7.1).
	CommandBytes uint32
	// DataBytes is the longest data message (types 15 and 18, §7.1.2).
	DataBytes uint32
	// MediaBytes is the longest audio, video and aggregate message (types 8, 9
	// and 22, §7.1.4 to §7.1.6).
	MediaBytes uint32
}

// Message types by which Limits are chosen (§5.4, §6.2, §7.1).
const (
	typeSetChunkSize     = 1
	typeAbort            = 2
	typeAck              = 3
	typeUserControl      = 4
	typeWindowAckSize    = 5
	typeSetPeerBandwidth = 6
	typeAudio            = 8
	typeVideo            = 9
	typeDataAMF3         = 15
	typeDataAMF0         = 18
	typeAggregate        = 22
)

// payloadBytes is the longest payload that a message of type typ may declare.
func (l *Limits) payloadBytes(typ uint8) uint32 {
	switch typ {
	case typeAudio, typeVideo, typeAggregate:
		return l.MediaBytes
	case typeDataAMF0, typeDataAMF3:
		return l.DataBytes
	case typeSetChunkSize, typeAbort, typeAck, typeUserControl, typeWindowAckSize, typeSetPeerBandwidth:
		return l.ControlBytes
	default:
		return l.CommandBytes
	}
}
