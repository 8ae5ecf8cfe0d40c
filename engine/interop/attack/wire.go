// SPDX-License-Identifier: MIT

package attack

import (
	"encoding/binary"
	"math"
)

// Message types (RTMP 1.0 §5.4, §7.1).
const (
	typeSetChunkSize = 1
	typeAbort        = 2
	typeAck          = 3
	typeUserControl  = 4
	typeWindowAck    = 5
	typeBandwidth    = 6
	typeAudio        = 8
	typeVideo        = 9
	typeCommandAMF3  = 17
	typeData         = 18
	typeCommand      = 20
	typeAggregate    = 22
)

// Chunk stream ids that the peers here use, and the message stream id that srsd gives.
const (
	csidControl = 2
	csidCommand = 3
	csidAudio   = 4
	csidData    = 5
	csidVideo   = 6

	mediaMsid = 1
)

const (
	chunkSizeDefault = 128
	extendedTime     = 0xffffff // §5.3.1.3
	c1Bytes          = 1536     // C1, C2, S1, S2
)

// message is one RTMP message.
type message struct {
	csid uint32
	typ  byte
	msid uint32
	tsMs uint32
	body []byte
}

// control is a protocol control message.
func control(typ byte, body []byte) message { return message{csid: csidControl, typ: typ, body: body} }

func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

// userControl is an event with its data, right or wrong.
func userControl(event uint16, data ...byte) message {
	return control(typeUserControl, append(binary.BigEndian.AppendUint16(nil, event), data...))
}

// ping asks for an answer with the same value.
func ping(value uint32) message { return userControl(eventPingRequest, u32(value)...) }

const (
	eventPingRequest  = 6
	eventPingResponse = 7
)

// video and audio are media of the first message stream.
func video(tsMs uint32, body []byte) message {
	return message{csid: csidVideo, typ: typeVideo, msid: mediaMsid, tsMs: tsMs, body: body}
}

func audio(tsMs uint32, body []byte) message {
	return message{csid: csidAudio, typ: typeAudio, msid: mediaMsid, tsMs: tsMs, body: body}
}

// data is a data message, its values as amf takes them.
func data(tsMs uint32, values ...any) message {
	return message{csid: csidData, typ: typeData, msid: mediaMsid, tsMs: tsMs, body: amf(values...)}
}

// command is an AMF0 command on the control stream.
func command(name string, args ...any) message {
	return message{csid: csidCommand, typ: typeCommand, body: amf(append([]any{name}, args...)...)}
}

// streamCommand is a command about the first message stream.
func streamCommand(name string, args ...any) message {
	m := command(name, args...)
	m.csid, m.msid = 8, mediaMsid
	return m
}

// appendTo appends the message: a chunk of fmt 0 and the rest of fmt 3.
func (m message) appendTo(dst []byte, chunkSize int) []byte {
	dst = appendHeader(dst, 0, m.csid, m.tsMs, len(m.body), m.typ, m.msid)
	for body := m.body; ; {
		n := min(chunkSize, len(body))
		dst = append(dst, body[:n]...)
		if body = body[n:]; len(body) == 0 {
			return dst
		}
		dst = appendBasic(dst, 3, m.csid)
		if m.tsMs >= extendedTime {
			dst = binary.BigEndian.AppendUint32(dst, m.tsMs)
		}
	}
}

// appendHeader appends a chunk header with any values, whether they are true or not.
func appendHeader(dst []byte, format byte, csid, timeMs uint32, length int, typ byte, msid uint32) []byte {
	dst = appendBasic(dst, format, csid)
	field := min(timeMs, extendedTime)
	if format < 3 {
		dst = append(dst, byte(field>>16), byte(field>>8), byte(field))
	}
	if format < 2 {
		dst = append(dst, byte(length>>16), byte(length>>8), byte(length), typ)
	}
	if format == 0 {
		dst = binary.LittleEndian.AppendUint32(dst, msid)
	}
	if field == extendedTime {
		dst = binary.BigEndian.AppendUint32(dst, timeMs)
	}
	return dst
}

// appendBasic appends the shortest basic header (§5.3.1.1).
func appendBasic(dst []byte, format byte, csid uint32) []byte {
	switch {
	case csid < 64:
		return append(dst, format<<6|byte(csid))
	case csid < 320:
		return append(dst, format<<6, byte(csid-64))
	default:
		return appendBasic3(dst, format, csid)
	}
}

// appendBasic3 appends the 3-byte form, which csids 64 to 319 may have, too.
func appendBasic3(dst []byte, format byte, csid uint32) []byte {
	return append(dst, format<<6|1, byte(csid-64), byte((csid-64)>>8))
}

// AMF0 markers (AMF0 §2.1).
const (
	amfNumber      = 0x00
	amfBoolean     = 0x01
	amfString      = 0x02
	amfObject      = 0x03
	amfNull        = 0x05
	amfECMAArray   = 0x08
	amfObjectEnd   = 0x09
	amfStrictArray = 0x0a
	amfLongString  = 0x0c
)

// raw is bytes that stand in AMF as they are.
type raw []byte

// property is a key and its value, prop pairs in the order that they are sent in.
type property struct {
	key   string
	value any
}

type object []property

// amf encodes values: int, float64, string, bool, nil, object, raw.
func amf(values ...any) []byte {
	var dst []byte
	for _, v := range values {
		dst = appendAMF(dst, v)
	}
	return dst
}

func appendAMF(dst []byte, v any) []byte {
	switch v := v.(type) {
	case int:
		return appendAMF(dst, float64(v))
	case float64:
		return binary.BigEndian.AppendUint64(append(dst, amfNumber), math.Float64bits(v))
	case bool:
		if v {
			return append(dst, amfBoolean, 1)
		}
		return append(dst, amfBoolean, 0)
	case string:
		return appendKey(append(dst, amfString), v)
	case object:
		dst = append(dst, amfObject)
		for _, p := range v {
			dst = appendAMF(appendKey(dst, p.key), p.value)
		}
		return append(dst, 0, 0, amfObjectEnd)
	case raw:
		return append(dst, v...)
	default:
		return append(dst, amfNull)
	}
}

func appendKey(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}
