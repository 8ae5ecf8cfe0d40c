// SPDX-License-Identifier: MIT

package msg

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"srsd/proto/amf0"
)

// Bytes of AMF0 values, so that the golden bodies below can be read.
const (
	null      = "\x05"
	undefined = "\x06"
	objectEnd = "\x00\x00\x09"
	zero      = "\x00\x00\x00\x00\x00\x00\x00\x00\x00" // the number 0
	one       = "\x00\x3f\xf0\x00\x00\x00\x00\x00\x00"
	three     = "\x00\x40\x08\x00\x00\x00\x00\x00\x00"
)

// text is a string, key a property name: a 16-bit length and the bytes.
func text(s string) string { return "\x02" + key(s) }
func key(s string) string  { return string([]byte{byte(len(s) >> 8), byte(len(s))}) + s }

func property(k, v string) string { return key(k) + text(v) }

func status(level, code, description string) string {
	return property("level", level) + property("code", code) + property("description", description)
}

// forwards is an info map's properties: CanForward, 4, for each codec.
func forwards(names ...string) (out string) {
	for _, name := range names {
		out += key(name) + "\x00\x40\x10\x00\x00\x00\x00\x00\x00"
	}
	return out
}

func TestReplies(t *testing.T) {
	onStatus := text("onStatus") + zero + null + "\x03"
	details, clientID := property("details", "stream"), property("clientid", "ASAICiss")
	for _, tc := range []struct {
		name string
		got  []byte
		want string
	}{
		{
			"connect _result",
			AppendConnectResult(nil, ConnectReply{
				TransactionID: 1, ObjectEncoding: 3, ServerVersion: "1.2", ClientID: "abcd1234", PID: 1,
			}),
			text("_result") + one +
				"\x03" + property("fmsVer", "FMS/3,5,3,888") + key("capabilities") + "\x00\x40\x5f\xc0\x00\x00\x00\x00\x00" +
				key("mode") + one + objectEnd +
				"\x03" + status("status", "NetConnection.Connect.Success", "Connection succeeded") + key("objectEncoding") + three +
				key("data") + "\x08\x00\x00\x00\x04" + property("version", "3,5,3,888") + property("srsd_version", "1.2") +
				property("srsd_id", "abcd1234") + key("srsd_pid") + one + objectEnd + objectEnd,
		},
		{
			"connect _result for a client of Enhanced RTMP",
			AppendConnectResult(nil, ConnectReply{
				TransactionID: 1, ObjectEncoding: 3, ServerVersion: "1.2", ClientID: "abcd1234", PID: 1, Enhanced: true,
			}),
			text("_result") + one +
				"\x03" + property("fmsVer", "FMS/3,5,3,888") + key("capabilities") + "\x00\x40\x5f\xc0\x00\x00\x00\x00\x00" +
				key("mode") + one +
				key("fourCcList") + "\x0a\x00\x00\x00\x0d" + text("avc1") + text("hvc1") + text("av01") + text("vp08") +
				text("vp09") + text("vvc1") + text("mp4a") + text(".mp3") + text("Opus") + text("fLaC") + text("ac-3") +
				text("ec-3") + text("*") +
				key("videoFourCcInfoMap") + "\x03" + forwards("avc1", "hvc1", "av01", "vp08", "vp09", "vvc1", "*") +
				objectEnd +
				key("audioFourCcInfoMap") + "\x03" + forwards("mp4a", ".mp3", "Opus", "fLaC", "ac-3", "ec-3", "*") +
				objectEnd +
				key("capsEx") + "\x00\x40\x2e\x00\x00\x00\x00\x00\x00" + objectEnd +
				"\x03" + status("status", "NetConnection.Connect.Success", "Connection succeeded") + key("objectEncoding") + three +
				key("data") + "\x08\x00\x00\x00\x04" + property("version", "3,5,3,888") + property("srsd_version", "1.2") +
				property("srsd_id", "abcd1234") + key("srsd_pid") + one + objectEnd + objectEnd,
		},
		{
			"reconnect request", AppendOnStatus(nil, StatusReconnectRequest, ""),
			onStatus + status("status", "NetConnection.Connect.ReconnectRequest", "The server stops, please reconnect.") +
				objectEnd,
		},
		{
			"connect _error", AppendConnectError(nil, 1, "no such vhost"),
			text("_error") + one + null +
				"\x03" + status("error", "NetConnection.Connect.Rejected", "no such vhost") + objectEnd,
		},
		{"onBWDone", AppendOnBWDone(nil), text("onBWDone") + zero + null},
		{"createStream _result", AppendCreateStreamResult(nil, 3, 1), text("_result") + three + null + one},
		{"releaseStream _result", AppendFMLEResult(nil, 3), text("_result") + three + null + undefined},
		{"empty _result", AppendEmptyResult(nil, 3), text("_result") + three + null + null},
		{"sample access", AppendSampleAccess(nil, true, true), text("|RtmpSampleAccess") + "\x01\x01\x01\x01"},
		{"no sample access", AppendSampleAccess(nil, false, true), text("|RtmpSampleAccess") + "\x01\x00\x01\x01"},
		{
			"onFCPublish", AppendOnFCPublish(nil),
			text("onFCPublish") + zero + null + "\x03" + property("code", "NetStream.Publish.Start") +
				property("description", "Started publishing stream.") + objectEnd,
		},
		{
			"onFCUnpublish", AppendOnFCUnpublish(nil),
			text("onFCUnpublish") + zero + null + "\x03" + property("code", "NetStream.Unpublish.Success") +
				property("description", "Stop publishing stream.") + objectEnd,
		},
		{
			"Play.Reset", AppendOnStatus(nil, StatusPlayReset, ""),
			onStatus + status("status", "NetStream.Play.Reset", "Playing and resetting stream.") +
				details + clientID + objectEnd,
		},
		{
			"Play.Start", AppendOnStatus(nil, StatusPlayStart, ""),
			onStatus + status("status", "NetStream.Play.Start", "Started playing stream.") + details + clientID + objectEnd,
		},
		{
			"Pause.Notify", AppendOnStatus(nil, StatusPauseNotify, ""),
			onStatus + status("status", "NetStream.Pause.Notify", "Paused stream.") + objectEnd,
		},
		{
			"Unpause.Notify", AppendOnStatus(nil, StatusUnpauseNotify, ""),
			onStatus + status("status", "NetStream.Unpause.Notify", "Unpaused stream.") + objectEnd,
		},
		{
			"Publish.Start", AppendOnStatus(nil, StatusPublishStart, ""),
			onStatus + status("status", "NetStream.Publish.Start", "Started publishing stream.") + clientID + objectEnd,
		},
		{
			"Unpublish.Success", AppendOnStatus(nil, StatusUnpublishSuccess, ""),
			onStatus + status("status", "NetStream.Unpublish.Success", "Stream is now unpublished") + clientID + objectEnd,
		},
		{
			"Failed", AppendOnStatus(nil, StatusFailed, ""),
			onStatus + status("error", "NetStream.Failed", "The server cannot go on with this stream.") + clientID + objectEnd,
		},
		{
			"Publish.BadName with a reason", AppendOnStatus(nil, StatusPublishBadName, "busy"),
			onStatus + status("error", "NetStream.Publish.BadName", "busy") + clientID + objectEnd,
		},
		{
			"Play.StreamNotFound", AppendOnStatus(nil, StatusPlayStreamNotFound, ""),
			onStatus + status("error", "NetStream.Play.StreamNotFound", "Stream not found.") + clientID + objectEnd,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if string(tc.got) != tc.want {
				t.Fatalf("got\n%q, want\n%q", tc.got, tc.want)
			}
			if _, err := amf0.DecodeAll(tc.got, amf0.Limits{}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestStatusTable(t *testing.T) {
	seen := map[string]bool{}
	for s := range statusCount {
		row := s.text()
		if row.code == "" || row.description == "" || row.level != levelStatus && row.level != levelError || seen[row.code] {
			t.Errorf("status %d: %+v", s, row)
		}
		seen[row.code] = true
		if s.String() != row.code || s.Code() != row.code {
			t.Errorf("status %d: String %q, Code %q", s, s, s.Code())
		}
		values, err := amf0.DecodeAll(AppendOnStatus(nil, s, ""), amf0.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := amf0.GetString(amf0.At(values, 3), "code"); got != row.code {
			t.Errorf("status %d is sent as %q", s, got)
		}
	}
	if got := statusCount.Code(); got != StatusPlayFailed.Code() {
		t.Errorf("a status that is not in the list is %q", got)
	}
}

func TestRewriteMetadata(t *testing.T) {
	in := []amf0.Property{
		{Key: "duration", Value: amf0.Number(12)},
		{Key: "width", Value: amf0.Number(1280)},
		{Key: "server", Value: amf0.String("other")},
		{Key: "encoder", Value: amf0.String("obs")},
		{Key: "", Value: amf0.Number(1)},
		{Key: "server_version", Value: amf0.String("0")},
		{Key: "nested", Value: amf0.StrictArray{amf0.Boolean(true), amf0.Date{UnixMs: 1}}},
	}
	want := []amf0.Value{amf0.String("onMetaData"), amf0.Object{
		{Key: "width", Value: amf0.Number(1280)},
		{Key: "encoder", Value: amf0.String("obs")},
		{Key: "nested", Value: amf0.StrictArray{amf0.Boolean(true), amf0.Date{UnixMs: 1}}},
		{Key: "server", Value: amf0.String("srsd")},
		{Key: "server_version", Value: amf0.String("1.2")},
	}}
	atc := func(v amf0.Value) []byte {
		return body(amf0.String("onMetaData"), amf0.Object{{Key: "bravo_atc", Value: v}})
	}
	array := body(amf0.String("@setDataFrame"), amf0.String("onMetaData"), amf0.ECMAArray(in))
	for _, tc := range []struct {
		name string
		in   []byte
		amf3 bool
		want []amf0.Value
		atc  bool
	}{
		{"object", body(amf0.String("onMetaData"), amf0.Object(in)), false, want, false},
		{"ECMA array with @setDataFrame", array, false, want, false},
		{"ECMA array without end", array[:len(array)-3], false, want, false},
		{"message type 15", append([]byte{0}, array...), true, want, false},
		{"message type 15 without the first byte", array, true, want, false},
		{"two numbers first", body(
			amf0.Number(0), amf0.Number(1), amf0.String("@setDataFrame"), amf0.String("onMetaData"), amf0.Object(in),
		), false, want, false},
		{"more values after it", append(bytes.Clone(array), body(amf0.Null{})...), false, want, false},
		{"bravo_atc", atc(amf0.String("true")), false, nil, true},
		{"bravo_atc is something else", atc(amf0.String("True")), false, nil, false},
		{"bravo_atc is no string", atc(amf0.Boolean(true)), false, nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, info, err := RewriteMetadata(tc.in, tc.amf3, amf0.Limits{}, "srsd", "1.2")
			if err != nil || info.BravoATC != tc.atc {
				t.Fatalf("%+v, %v", info, err)
			}
			got, err := amf0.DecodeAll(out, amf0.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); tc.want != nil && diff != "" {
				t.Fatal(diff)
			}
			// What players get is stable: the next server that sees it changes nothing.
			again, _, err := RewriteMetadata(out, false, amf0.Limits{}, "srsd", "1.2")
			if err != nil || !bytes.Equal(again, out) {
				t.Fatalf("rewritten again: %q, %v; want %q", again, err, out)
			}
		})
	}
}

func TestRewriteMetadataErrors(t *testing.T) {
	object := amf0.Object{{Key: "width", Value: amf0.Number(1)}}
	whole := body(amf0.String("onMetaData"), object)
	for _, tc := range []struct {
		name string
		in   []byte
		want error
	}{
		{"empty", nil, ErrNotMetadata},
		{"four bytes of time code", []byte{0, 0, 0, 1}, ErrNotMetadata},
		{"another name", body(amf0.String("onTextData"), object), ErrNotMetadata},
		{"@setDataFrame alone", body(amf0.String("@setDataFrame")), ErrNotMetadata},
		{"@setDataFrame twice", body(amf0.String("@setDataFrame"), amf0.String("@setDataFrame")), ErrNotMetadata},
		{"three numbers first", append(body(amf0.Number(0), amf0.Number(0), amf0.Number(0)), whole...), ErrNotMetadata},
		{"only numbers", body(amf0.Number(0), amf0.Number(0)), ErrNotMetadata},
		{"object first", body(object), ErrNotMetadata},
		{"no value", body(amf0.String("onMetaData")), ErrMetadata},
		{"value is null", body(amf0.String("onMetaData"), amf0.Null{}), ErrMetadata},
		{"value is cut", whole[:len(whole)-5], ErrMetadata},
		{"value is AMF3", append(body(amf0.String("onMetaData")), 0x11, 0x0a), ErrMetadata},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, info, err := RewriteMetadata(tc.in, false, amf0.Limits{}, "srsd", "1")
			if out != nil || info != (Metadata{}) {
				t.Fatalf("got %q, %+v with %v", out, info, err)
			}
			checkIs(t, err, tc.want)
		})
	}
}

// FuzzRewriteMetadata: no body panics; what comes out can be read and has what
// was added, once.
func FuzzRewriteMetadata(f *testing.F) {
	object := amf0.Object{{Key: "duration", Value: amf0.Number(1)}, {Key: "server", Value: amf0.Null{}}}
	whole := body(amf0.String("@setDataFrame"), amf0.String("onMetaData"), amf0.ECMAArray(object))
	f.Add(whole, false)
	f.Add(whole[:len(whole)-3], false)
	f.Add(append([]byte{0}, whole...), true)
	f.Add(body(amf0.Number(0), amf0.String("onMetaData"), object), false)
	f.Fuzz(func(t *testing.T, b []byte, amf3 bool) {
		out, _, err := RewriteMetadata(b, amf3, amf0.Limits{}, "srsd", "1")
		if err != nil {
			return
		}
		values, err := amf0.DecodeAll(out, amf0.Limits{})
		if err != nil || len(values) != 2 {
			t.Fatalf("% x became % x: %d values, %v", b, out, len(values), err)
		}
		properties, _ := amf0.AsProperties(values[1])
		count := map[string]int{}
		for _, p := range properties {
			count[p.Key]++
		}
		if count["server"] != 1 || count["server_version"] != 1 || count["duration"] != 0 {
			t.Fatalf("% x became % x", b, out)
		}
	})
}

func BenchmarkParseConnect(b *testing.B) {
	in := AppendConnect(nil, ConnectRequest{App: "live", TcURL: "rtmp://example.com/live", FlashVer: "FMLE/3.0"})
	b.ReportAllocs()
	for b.Loop() {
		c, err := ParseCommand(in, false, amf0.Limits{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ParseConnect(c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendConnectResult(b *testing.B) {
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendConnectResult(dst[:0], ConnectReply{TransactionID: 1, ServerVersion: "1.0", ClientID: "abcd1234", PID: 1})
	}
}
