// SPDX-License-Identifier: MIT

package interop

import (
	"encoding/binary"
	"testing"
)

// mediaQuirk is a way to put messages on the wire, once publishing has begun.
type mediaQuirk struct {
	name    string
	prepare func(t *testing.T, p rawPublisher)
	shape   func(tags []flvTag) []message // nil: messagesOf
}

// mediaQuirks: README.md says who does each.
var mediaQuirks = []mediaQuirk{
	{"csid 64 in two bytes", nil, onCsids(64, 64)},
	{"csid 64 in three bytes", wide, onCsids(64, 64)},
	{"csids 64 and 65599, compressed", compressed, onCsids(64, 65599)},
	{"sixty csids", nil, onManyCsids(60)},
	{"fmt 1 first on every csid", freshFmt1, nil},
	{"fmt 1 first, then all forms", func(t *testing.T, p rawPublisher) {
		t.Helper()
		freshFmt1(t, p)
		compressed(t, p)
	}, nil},
	{"chunk size 1", chunkSize(1), nil},
	{"chunk size 16 MiB", chunkSize(16 << 20), nil},
	{"message stream 0", nil, onMessageStream(0)},
	{"message stream 5", nil, onMessageStream(5)},
	{"message stream 1 in the wrong byte order", nil, onMessageStream(0x1000000)},
	{"empty messages", nil, between(
		message{csid: csidAudio, typ: typeAudio, msid: mediaMsid}, message{csid: csidVideo, typ: typeVideo, msid: mediaMsid},
		message{csid: csidData, typ: typeData, msid: mediaMsid}, message{csid: csidCommand, typ: typeCommand},
		message{csid: csidVideo, typ: typeAggregate, msid: mediaMsid})},
	{"one-byte messages", nil, between(
		message{csid: csidAudio, typ: typeAudio, msid: mediaMsid, body: []byte{0xaf}},
		message{csid: csidData, typ: typeData, msid: mediaMsid, body: []byte{amfNull}})},
	{"acknowledgements", nil, between(control(typeAck, 1), control(typeAck, 1<<31), control(typeAck, 0))},
	{"windows and bandwidths", nil, between(control(typeWindowAck, 2500000), control(typeWindowAck, 0),
		message{csid: csidControl, typ: typeBandwidth, body: []byte{0, 0x26, 0x25, 0xa0, 2}})},
	{"pings and buffer lengths", nil, between(userControl(eventPingResponse, 7), userControl(3, mediaMsid, 3000),
		userControl(eventPingRequest, 9), userControl(eventStreamBegin, mediaMsid))},
	{"user control that nobody knows", nil, between(userControl(31, 1), userControl(32, 1), userControl(0x7777),
		message{csid: csidControl, typ: typeUserControl, body: []byte{0, 26, 1}})},
	{"types that nobody knows", nil, between(
		message{csid: 9, typ: 16, msid: mediaMsid, body: []byte("shared")}, message{csid: 9, typ: 19, body: []byte("shared")},
		message{csid: 9, typ: 0, body: []byte("zero")}, message{csid: 9, typ: 7, body: []byte("seven")},
		message{csid: 9, typ: 255, body: []byte("last")})},
	{"commands", nil, between(
		amfMessage(typeCommand, csidCommand, "_checkbw", 9, nil), amfMessage(typeCommand, csidCommand, "_result", 4, nil),
		amfMessage(typeCommand, csidStream, "receiveAudio", 0, nil, true), amfMessage(typeCommand, csidStream, "x", -1))},
	{"time codes and cue points", nil, between(
		amfMessage(typeData, csidData, "onCuePoint", object{"name": "x"}),
		amfMessage(typeData, csidData, "onTextData", object{}),
		amfMessage(typeData, csidData, "@clearDataFrame", "onMetaData"), message{
			csid: csidData, typ: typeData, msid: mediaMsid, body: []byte{0xde, 0xad, 0xbe, 0xef},
		})},
	{"a message given up in the middle", giveUp, nil},
	{"aggregates", nil, aggregates},
}

func wide(_ *testing.T, p rawPublisher)       { p.out.wideCSID = true }
func compressed(_ *testing.T, p rawPublisher) { p.out.compress = true }

// freshFmt1 forgets which csids were used: those of the media have not been.
func freshFmt1(_ *testing.T, p rawPublisher) { p.out.freshFmt1 = true }

// onManyCsids gives each message the next of n chunk streams.
func onManyCsids(n uint32) func([]flvTag) []message {
	return func(tags []flvTag) []message {
		messages := messagesOf(tags)
		for i := range messages {
			messages[i].csid = 64 + uint32(i)%n
		}
		return messages
	}
}

func onMessageStream(msid uint32) func([]flvTag) []message {
	return func(tags []flvTag) []message {
		messages := messagesOf(tags)
		for i := range messages {
			messages[i].msid = msid
		}
		return messages
	}
}

// between puts one of the others, in turn, after each message.
func between(others ...message) func([]flvTag) []message {
	return func(tags []flvTag) []message {
		var messages []message
		for i, m := range messagesOf(tags) {
			other := others[i%len(others)]
			other.tsMs = m.tsMs
			messages = append(messages, m, other)
		}
		return messages
	}
}

// control is a protocol control message with one number.
func control(typ byte, value uint32) message {
	return message{csid: csidControl, typ: typ, body: binary.BigEndian.AppendUint32(nil, value)}
}

// userControl is a user control message with these numbers.
func userControl(kind uint16, values ...uint32) message {
	m := message{csid: csidControl, typ: typeUserControl, body: binary.BigEndian.AppendUint16(nil, kind)}
	for _, v := range values {
		m.body = binary.BigEndian.AppendUint32(m.body, v)
	}
	return m
}

// amfMessage is a message of AMF0 values; a value that cannot be written is left out with
// those after it, which the tests would notice.
func amfMessage(typ byte, csid uint32, values ...any) message {
	body, _ := appendAMF(nil, values...)
	return message{csid: csid, typ: typ, msid: mediaMsid, body: body}
}

// giveUp begins a video message and aborts it (RTMP 1.0 §5.4.2).
func giveUp(t *testing.T, p rawPublisher) {
	t.Helper()
	torn := p.out.append(nil, message{csid: 40, typ: typeVideo, msid: mediaMsid, body: make([]byte, 1000)})
	if _, err := p.conn.Write(torn[:1+11+chunkSizeDefault]); err != nil {
		t.Fatal(err)
	}
	p.mustSend(t, message{csid: csidControl, typ: 2, body: []byte{0, 0, 0, 40}})
}

// TestMediaQuirks: whatever way an encoder writes its messages, and whatever it sends between
// them, its media arrive.
func TestMediaQuirks(t *testing.T) {
	t.Parallel()
	src, srv := excerpt(t, fixtureBFrame), startServer(t, settings{})
	for _, q := range mediaQuirks {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			stream := streamName(t)
			p := rawPlay(t, srv, "live", stream)
			pub := rawPublish(t, srv, "live", stream)
			if q.prepare != nil {
				q.prepare(t, pub)
			}
			messages := messagesOf(src.tags)
			if q.shape != nil {
				messages = q.shape(src.tags)
			}
			pub.sendAll(t, messages)
			checkArrives(t, src, p)
		})
	}
}

// TestPingIsAnswered: a ping request comes back as a response with its number, which librtmp
// sends with fmt 1 as the first thing on csid 2.
func TestPingIsAnswered(t *testing.T) {
	t.Parallel()
	srv := startServer(t, settings{})
	c := dial(t, srv)
	c.out.freshFmt1 = true
	c.mustSend(t, userControl(eventPingRequest, 0xcafe))
	c.connect(t, "live", srv.url("live"))
	c.waitFor(t, 0, "ping response", replyWithin, func(e event) bool {
		return e.typ == typeUserControl && len(e.body) == 6 && e.body[1] == eventPingResponse &&
			binary.BigEndian.Uint32(e.body[2:]) == 0xcafe
	})
}

// metadataQuirks are forms in which encoders describe their streams; kept says that a player gets it.
var metadataQuirks = []struct {
	name string
	m    message
	kept bool
}{
	{"@setDataFrame", amfMessage(typeData, csidData, "@setDataFrame", "onMetaData", object{"width": 320}), true},
	{"bare onMetaData", amfMessage(typeData, csidData, "onMetaData", object{"width": 320}), true},
	{"two numbers first", amfMessage(typeData, csidData, 1, 2, "@setDataFrame", "onMetaData", object{"width": 320}), true},
	{"ECMA array", ecmaMetadata(), true},
	{"AMF3 data", amf3Data(amfMessage(typeData, csidData, "@setDataFrame", "onMetaData", object{"width": 320})), true},
	{"AMF3 data without the first byte", message{
		csid: csidData, typ: typeDataAMF3, msid: mediaMsid,
		body: amfMessage(typeData, csidData, "@setDataFrame", "onMetaData", object{"width": 320}).body,
	}, true},
	{"on message stream 0", message{
		csid: csidCommand, typ: typeData,
		body: amfMessage(typeData, csidData, "@setDataFrame", "onMetaData", object{"width": 320}).body,
	}, true},
	{"no object", amfMessage(typeData, csidData, "@setDataFrame", "onMetaData"), false},
	{"a number for the object", amfMessage(typeData, csidData, "@setDataFrame", "onMetaData", 5), false},
	{"cut short", message{
		csid: csidData, typ: typeData, msid: mediaMsid,
		body: amfMessage(typeData, csidData, "@setDataFrame", "onMetaData", object{"width": 320}).body[:40],
	}, false},
}

// ecmaMetadata is metadata in an ECMA array whose count is wrong, as it often is.
func ecmaMetadata() message {
	m := amfMessage(typeData, csidData, "@setDataFrame", "onMetaData")
	m.body = append(m.body, amfECMAArray, 0, 0, 0, 0)
	m.body = binary.BigEndian.AppendUint64(append(appendAMFKey(m.body, "width"), amfNumber), 0x4074000000000000) // 320
	m.body = append(m.body, 0, 0, amfObjectEnd)
	return m
}

// amf3Data turns a data message into its AMF3 form: a zero byte, then AMF0 (RTMP 1.0 §7.1.2).
func amf3Data(m message) message {
	m.typ, m.body = typeDataAMF3, append([]byte{0}, m.body...)
	return m
}

// TestMetadataQuirks: metadata that can be read reaches players of every kind of time, before
// and after the publisher; what cannot be read does no harm.
func TestMetadataQuirks(t *testing.T) {
	t.Parallel()
	src, srv := excerpt(t, fixtureBFrame), startServer(t, settings{})
	isMetadata := func(e event) bool { v := e.values(); return e.typ == typeData && len(v) == 2 && v[0] == "onMetaData" }
	for _, q := range metadataQuirks {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			stream := streamName(t)
			early := rawPlay(t, srv, "live", stream)
			pub := rawPublish(t, srv, "live", stream)
			pub.mustSend(t, q.m)
			pub.sendAll(t, messagesOf(src.tags[1:]))
			checkArrives(t, src, early)
			late := rawPlay(t, srv, "live", stream)
			late.waitMedia(t, late.from, video, 1)
			for _, p := range []*rawPlayer{early, late} {
				events, _ := p.log()
				var got []any
				for _, e := range events {
					if isMetadata(e) {
						got = append(got, e.values()[1])
					}
				}
				if !q.kept {
					if len(got) > 0 {
						t.Errorf("got metadata %v", got)
					}
					continue
				}
				if len(got) != 1 {
					t.Fatalf("got metadata %d times", len(got))
				}
				if o, ok := got[0].(object); !ok || o["width"] != 320.0 {
					t.Errorf("metadata is %v; want width 320", got[0])
				}
			}
		})
	}
}
