// SPDX-License-Identifier: MIT

package amf0

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The connect command as FFmpeg sends it to publish.
const ffmpegConnectWire = "\x02\x00\x07connect" +
	"\x00\x3f\xf0\x00\x00\x00\x00\x00\x00" +
	"\x03" +
	"\x00\x03app\x02\x00\x04live" +
	"\x00\x04type\x02\x00\x0anonprivate" +
	"\x00\x08flashVer\x02\x00\x24FMLE/3.0 (compatible; Lavf59.27.100)" +
	"\x00\x05tcUrl\x02\x00\x1artmp://127.0.0.1:1935/live" +
	"\x00\x00\x09"

var ffmpegConnect = []Value{
	String("connect"),
	Number(1),
	Object{
		{"app", String("live")},
		{"type", String("nonprivate")},
		{"flashVer", String("FMLE/3.0 (compatible; Lavf59.27.100)")},
		{"tcUrl", String("rtmp://127.0.0.1:1935/live")},
	},
}

// The metadata message as OBS sends it.
const obsMetaDataWire = "\x02\x00\x0d@setDataFrame" +
	"\x02\x00\x0aonMetaData" +
	"\x08\x00\x00\x00\x14" +
	"\x00\x08duration\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x08fileSize\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x05width\x00\x40\x9e\x00\x00\x00\x00\x00\x00" +
	"\x00\x06height\x00\x40\x90\xe0\x00\x00\x00\x00\x00" +
	"\x00\x0cvideocodecid\x00\x40\x1c\x00\x00\x00\x00\x00\x00" +
	"\x00\x0dvideodatarate\x00\x40\xa3\x88\x00\x00\x00\x00\x00" +
	"\x00\x09framerate\x00\x40\x3e\x00\x00\x00\x00\x00\x00" +
	"\x00\x0caudiocodecid\x00\x40\x24\x00\x00\x00\x00\x00\x00" +
	"\x00\x0daudiodatarate\x00\x40\x64\x00\x00\x00\x00\x00\x00" +
	"\x00\x0faudiosamplerate\x00\x40\xe7\x70\x00\x00\x00\x00\x00" +
	"\x00\x0faudiosamplesize\x00\x40\x30\x00\x00\x00\x00\x00\x00" +
	"\x00\x0daudiochannels\x00\x40\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x06stereo\x01\x01" +
	"\x00\x032.1\x01\x00" +
	"\x00\x033.1\x01\x00" +
	"\x00\x034.0\x01\x00" +
	"\x00\x034.1\x01\x00" +
	"\x00\x035.1\x01\x00" +
	"\x00\x037.1\x01\x00" +
	"\x00\x07encoder\x02\x00\x2eobs-output module (libobs version 29.1.3-modi)" +
	"\x00\x00\x09"

var obsMetaData = []Value{
	String("@setDataFrame"),
	String("onMetaData"),
	ECMAArray{
		{"duration", Number(0)},
		{"fileSize", Number(0)},
		{"width", Number(1920)},
		{"height", Number(1080)},
		{"videocodecid", Number(7)},
		{"videodatarate", Number(2500)},
		{"framerate", Number(30)},
		{"audiocodecid", Number(10)},
		{"audiodatarate", Number(160)},
		{"audiosamplerate", Number(48000)},
		{"audiosamplesize", Number(16)},
		{"audiochannels", Number(2)},
		{"stereo", Boolean(true)},
		{"2.1", Boolean(false)},
		{"3.1", Boolean(false)},
		{"4.0", Boolean(false)},
		{"4.1", Boolean(false)},
		{"5.1", Boolean(false)},
		{"7.1", Boolean(false)},
		{"encoder", String("obs-output module (libobs version 29.1.3-modi)")},
	},
}

var messages = []struct {
	name   string
	wire   string
	values []Value
}{
	{"connect of FFmpeg", ffmpegConnectWire, ffmpegConnect},
	{"onMetaData of OBS", obsMetaDataWire, obsMetaData},
}

func TestMessages(t *testing.T) {
	for _, tc := range messages {
		t.Run(tc.name, func(t *testing.T) {
			got, err := DecodeAll([]byte(tc.wire), Limits{})
			if diff := cmp.Diff(tc.values, got); diff != "" || err != nil {
				t.Fatal(err, diff)
			}
			var out []byte
			for _, v := range got {
				out = Append(out, v)
			}
			if string(out) != tc.wire {
				t.Fatalf("% x; want % x", out, tc.wire)
			}
		})
	}
}

// A cut message yields the values before the cut, and an error unless the cut is
// between two values or leaves an ECMA array open.
func TestMessagesTruncatedAtEveryByte(t *testing.T) {
	for _, tc := range messages {
		t.Run(tc.name, func(t *testing.T) {
			for cut := range len(tc.wire) {
				got, err := DecodeAll([]byte(tc.wire[:cut]), Limits{})
				if err != nil && !errors.Is(err, ErrTruncated) {
					t.Fatalf("cut at %d: %v", cut, err)
				}
				if len(got) > len(tc.values) {
					t.Fatalf("cut at %d: %d values of %d", cut, len(got), len(tc.values))
				}
				for i, v := range got {
					if last := i == len(got)-1; last && isECMA(v) {
						continue
					}
					if diff := cmp.Diff(tc.values[i], v); diff != "" {
						t.Fatalf("cut at %d: value %d: %s", cut, i, diff)
					}
				}
			}
		})
	}
}

// appendConnectResult writes the answer to connect with the low-level functions,
// as a server does.
func appendConnectResult(b []byte) []byte {
	b = AppendString(b, "_result")
	b = AppendNumber(b, 1)
	b = AppendObjectStart(b)
	b = AppendString(AppendKey(b, "fmsVer"), "FMS/3,5,3,888")
	b = AppendNumber(AppendKey(b, "capabilities"), 127)
	b = AppendObjectEnd(b)
	b = AppendObjectStart(b)
	b = AppendString(AppendKey(b, "level"), "status")
	b = AppendBool(AppendKey(b, "ok"), true)
	b = AppendUndefined(AppendKey(b, "u"))
	b = AppendUnsupported(AppendKey(b, "x"))
	b = AppendReference(AppendKey(b, "r"), 1)
	b = AppendXMLDocument(AppendKey(b, "d"), "<d/>")
	b = AppendECMAArrayStart(AppendKey(b, "data"), 1)
	b = AppendString(AppendKey(b, "version"), "3,5,3,888")
	b = AppendObjectEnd(b)
	b = AppendStrictArrayStart(AppendKey(b, "list"), 2)
	b = AppendDate(AppendNull(b), 86_400_000, 0)
	b = AppendTypedObjectStart(AppendKey(b, "typed"), "C")
	b = AppendObjectEnd(b)
	return AppendObjectEnd(b)
}

func TestAppendFunctions(t *testing.T) {
	want := []Value{
		String("_result"),
		Number(1),
		Object{{"fmsVer", String("FMS/3,5,3,888")}, {"capabilities", Number(127)}},
		Object{
			{"level", String("status")},
			{"ok", Boolean(true)},
			{"u", Undefined{}},
			{"x", Unsupported{}},
			{"r", Reference(1)},
			{"d", XMLDocument("<d/>")},
			{"data", ECMAArray{{"version", String("3,5,3,888")}}},
			{"list", StrictArray{Null{}, Date{UnixMs: 86_400_000}}},
			{"typed", TypedObject{Class: "C", Properties: []Property{}}},
		},
	}
	got, err := DecodeAll(appendConnectResult(nil), Limits{})
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Fatal(err, diff)
	}
}
