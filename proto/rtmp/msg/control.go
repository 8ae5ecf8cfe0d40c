// SPDX-License-Identifier: MIT

package msg

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrControlBody says that the body of a protocol control or user control
// message ends before its last field. Bytes after the last field are ignored.
var ErrControlBody = errors.New("msg: control message is too short")

//go:noinline
func shortControl(what string, got, want int) error {
	return fmt.Errorf("%w: %s has %d bytes, needs %d", ErrControlBody, what, got, want)
}

// u32Body reads the one field of message types 1, 2, 3 and 5.
func u32Body(b []byte, messageType uint8) (uint32, error) {
	if len(b) < 4 {
		return 0, shortControl(TypeName(messageType), len(b), 4)
	}
	return binary.BigEndian.Uint32(b), nil
}

// ParseSetChunkSize returns the new chunk size in bytes as the peer gave it. Its
// range, and that the top bit is 0, is the business of chunk.Reader.SetChunkSize.
//
// Source: RTMP 1.0 §5.4.1.
func ParseSetChunkSize(b []byte) (bytes uint32, err error) { return u32Body(b, TypeSetChunkSize) }

// AppendSetChunkSize appends the body of a set chunk size message; bytes is 1 to 0x7fffffff.
//
// Source: RTMP 1.0 §5.4.1.
func AppendSetChunkSize(dst []byte, bytes uint32) []byte {
	return binary.BigEndian.AppendUint32(dst, bytes&0x7fffffff)
}

// ParseAbort returns the chunk stream whose unfinished message is given up.
//
// Source: RTMP 1.0 §5.4.2.
func ParseAbort(b []byte) (csid uint32, err error) { return u32Body(b, TypeAbort) }

// AppendAbort appends the body of an abort message.
//
// Source: RTMP 1.0 §5.4.2.
func AppendAbort(dst []byte, csid uint32) []byte { return binary.BigEndian.AppendUint32(dst, csid) }

// ParseAck returns how many bytes the peer says to have received, modulo 2^32.
//
// Source: RTMP 1.0 §5.4.3.
func ParseAck(b []byte) (receivedBytes uint32, err error) { return u32Body(b, TypeAck) }

// AppendAck appends the body of an acknowledgement: bytes received, modulo 2^32.
//
// Source: RTMP 1.0 §5.4.3.
func AppendAck(dst []byte, receivedBytes uint32) []byte {
	return binary.BigEndian.AppendUint32(dst, receivedBytes)
}

// ParseWindowAckSize returns the window in bytes, as the peer gave it: any
// value, also 0. Whoever acts on it clamps it.
//
// Source: RTMP 1.0 §5.4.4.
func ParseWindowAckSize(b []byte) (bytes uint32, err error) { return u32Body(b, TypeWindowAckSize) }

// AppendWindowAckSize appends the body of a window acknowledgement size message.
//
// Source: RTMP 1.0 §5.4.4.
func AppendWindowAckSize(dst []byte, bytes uint32) []byte {
	return binary.BigEndian.AppendUint32(dst, bytes)
}

// LimitType says how a peer should apply a bandwidth. Values above 2 may arrive;
// the specification does not define them.
type LimitType uint8

// Limit types, RTMP 1.0 §5.4.5.
const (
	LimitHard    LimitType = 0
	LimitSoft    LimitType = 1
	LimitDynamic LimitType = 2
)

// PeerBandwidth is the body of a set peer bandwidth message.
type PeerBandwidth struct {
	WindowBytes uint32
	Limit       LimitType
}

const peerBandwidthBytes = 5

// ParseSetPeerBandwidth decodes a set peer bandwidth message. Neither field is
// checked.
//
// Source: RTMP 1.0 §5.4.5.
func ParseSetPeerBandwidth(b []byte) (PeerBandwidth, error) {
	if len(b) < peerBandwidthBytes {
		return PeerBandwidth{}, shortControl(TypeName(TypeSetPeerBandwidth), len(b), peerBandwidthBytes)
	}
	return PeerBandwidth{WindowBytes: binary.BigEndian.Uint32(b), Limit: LimitType(b[4])}, nil
}

// AppendSetPeerBandwidth appends the body of a set peer bandwidth message.
//
// Source: RTMP 1.0 §5.4.5.
func AppendSetPeerBandwidth(dst []byte, p PeerBandwidth) []byte {
	return append(binary.BigEndian.AppendUint32(dst, p.WindowBytes), byte(p.Limit))
}

// Event is the kind of a user control message.
type Event uint16

// User control events, RTMP 1.0 §7.1.7. Peers send others as well (Adobe's
// servers 31 and 32, and 26 with one byte of data).
const (
	EventStreamBegin      Event = 0 // Value: message stream id
	EventStreamEOF        Event = 1 // Value: message stream id
	EventStreamDry        Event = 2 // Value: message stream id
	EventSetBufferLength  Event = 3 // Value: message stream id, and BufferMs
	EventStreamIsRecorded Event = 4 // Value: message stream id
	EventPingRequest      Event = 6 // Value: the sender's time, ms
	EventPingResponse     Event = 7 // Value: the time of the request
)

// UserControl is the body of a user control message.
type UserControl struct {
	Event    Event
	Value    uint32 // see Event; 0 for an event that is not in the list
	BufferMs uint32 // EventSetBufferLength only
}

// dataBytes is the length of the event's data; 0 for events that are not known,
// whose data is ignored.
func (e Event) dataBytes() int {
	switch e {
	case EventStreamBegin, EventStreamEOF, EventStreamDry, EventStreamIsRecorded, EventPingRequest, EventPingResponse:
		return 4
	case EventSetBufferLength:
		return 8
	default:
		return 0
	}
}

const eventBytes = 2

// ParseUserControl decodes a user control message. An event that is not known
// comes back with its number alone.
//
// Source: RTMP 1.0 §6.2, §7.1.7.
func ParseUserControl(b []byte) (UserControl, error) {
	if len(b) < eventBytes {
		return UserControl{}, shortControl(TypeName(TypeUserControl), len(b), eventBytes)
	}
	u := UserControl{Event: Event(binary.BigEndian.Uint16(b))}
	need := u.Event.dataBytes()
	data := b[eventBytes:]
	if len(data) < need {
		return UserControl{}, shortControl(TypeName(TypeUserControl), len(b), eventBytes+need)
	}
	if need >= 4 {
		u.Value = binary.BigEndian.Uint32(data)
	}
	if need >= 8 {
		u.BufferMs = binary.BigEndian.Uint32(data[4:])
	}
	return u, nil
}

// AppendUserControl appends the body of a user control message. Of an event that
// is not in the list the number alone is written.
//
// Source: RTMP 1.0 §6.2, §7.1.7.
func AppendUserControl(dst []byte, u UserControl) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(u.Event))
	need := u.Event.dataBytes()
	if need >= 4 {
		dst = binary.BigEndian.AppendUint32(dst, u.Value)
	}
	if need >= 8 {
		dst = binary.BigEndian.AppendUint32(dst, u.BufferMs)
	}
	return dst
}
