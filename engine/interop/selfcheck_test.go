// SPDX-License-Identifier: MIT

package interop

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"
)

// The tools of this package are checked here, without any server: a broken ruler
// would pass every server there is.

// finding counts what a check reports.
type finding struct{ said []string }

func (*finding) Helper() {}

func (f *finding) Errorf(format string, args ...any) {
	f.said = append(f.said, fmt.Sprintf(format, args...))
}

// sampleRecording is two groups of four video frames and twice as many audio frames.
func sampleRecording() recording {
	r := recording{peer: "sample", packets: []packet{
		{track: audio, header: true, sum: "ah"}, {track: video, header: true, sum: "vh"},
	}}
	for i := range 8 {
		ms := int64(i) * frameMs
		r.packets = append(r.packets,
			packet{track: video, key: i%4 == 0, dtsMs: ms, sum: fmt.Sprint("v", i), size: i},
			packet{track: audio, dtsMs: ms, sum: fmt.Sprint("a", 2*i), size: i},
			packet{track: audio, dtsMs: ms + frameMs/2, sum: fmt.Sprint("a", 2*i+1), size: i})
	}
	return r
}

// TestChecksNoticeFaults: each fault of a relay is reported, and a faithful one is not.
func TestChecksNoticeFaults(t *testing.T) {
	const firstFrame = 2 // index in sampleRecording
	cut := func(r *recording, at, n int) { r.packets = append(r.packets[:at:at], r.packets[at+n:]...) }
	shift := func(r *recording, ms int64, want func(packet) bool) {
		for i := range r.packets {
			if want(r.packets[i]) {
				r.packets[i].dtsMs += ms
			}
		}
	}
	isAudio := func(p packet) bool { return p.track == audio }
	for _, tc := range []struct {
		name  string
		scope scope
		fault func(r *recording)
		ok    bool
	}{
		{"faithful", whole, func(*recording) {}, true},
		{"clock shifted", whole, func(r *recording) { shift(r, 500, func(packet) bool { return true }) }, true},
		{"joined at the second group", tail, func(r *recording) { cut(r, firstFrame, 12) }, true},
		{"joined late but should not", whole, func(r *recording) { cut(r, firstFrame, 12) }, false},
		{"joined at no keyframe", tail, func(r *recording) { cut(r, firstFrame, 9) }, false},
		{"video frame lost", tail, func(r *recording) { cut(r, firstFrame+6, 1) }, false},
		{"audio frame lost", tail, func(r *recording) { cut(r, firstFrame+7, 1) }, false},
		{"last frame lost", tail, func(r *recording) { cut(r, len(r.packets)-1, 1) }, false},
		{"frame twice", whole, func(r *recording) { r.packets = append(r.packets, r.packets[len(r.packets)-1]) }, false},
		{"payload damaged", whole, func(r *recording) { r.packets[firstFrame+3].sum = "x" }, false},
		{"composition time damaged", whole, func(r *recording) { r.packets[firstFrame].ctsMs = 40 }, false},
		{"key flag damaged", whole, func(r *recording) { r.packets[firstFrame+3].key = true }, false},
		{"time goes back", whole, func(r *recording) { r.packets[firstFrame+3].dtsMs = -1 }, false},
		{"audio a frame late", whole, func(r *recording) { shift(r, frameMs, isAudio) }, false},
		{"no video header", whole, func(r *recording) { cut(r, 1, 1) }, false},
		{"header after the frames", whole, func(r *recording) { r.packets = append(r.packets[1:], r.packets[0]) }, false},
		{"another header", whole, func(r *recording) { r.packets[0].sum = "x" }, false},
		{"no video", whole, func(r *recording) { r.packets = r.pick(isAudio) }, false},
		{"nothing", tail, func(r *recording) { r.packets = nil }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, f := sampleRecording(), &finding{}
			tc.fault(&got)
			checkRelay(f, sampleRecording(), got, tc.scope)
			if (len(f.said) == 0) != tc.ok {
				t.Errorf("reports %q; want a report: %v", f.said, !tc.ok)
			}
		})
	}
}

// TestClockChecksNoticeFaults does it for the checks of time.
func TestClockChecksNoticeFaults(t *testing.T) {
	moved := func(ms int64) recording {
		r := sampleRecording()
		for i := range r.packets {
			r.packets[i].dtsMs += ms
		}
		return r
	}
	for _, tc := range []struct {
		name  string
		check func(f *finding)
		ok    bool
	}{
		{"starts at zero", func(f *finding) { checkStartsAtZero(f, moved(0)) }, true},
		{"starts late", func(f *finding) { checkStartsAtZero(f, moved(frameMs)) }, false},
		{"starts early", func(f *finding) { checkStartsAtZero(f, moved(-1)) }, false},
		{"same times", func(f *finding) { checkSameTimes(f, moved(0), moved(0)) }, true},
		{"other times", func(f *finding) { checkSameTimes(f, moved(0), moved(1)) }, false},
		{"seam runs on", func(f *finding) { checkSeam(f, moved(0), moved(8*frameMs)) }, true},
		{"seam goes back", func(f *finding) { checkSeam(f, moved(0), moved(0)) }, false},
		{"seam jumps", func(f *finding) { checkSeam(f, moved(0), moved(8*frameMs+seamMs)) }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := &finding{}
			tc.check(f)
			if (len(f.said) == 0) != tc.ok {
				t.Errorf("reports %q; want a report: %v", f.said, !tc.ok)
			}
		})
	}
}

func TestSplitAt(t *testing.T) {
	one, two := sampleRecording(), sampleRecording()
	both := recording{packets: append(append([]packet(nil), one.packets...), two.packets...)}
	a, b := splitAt(both, map[track]int{audio: len(one.media(audio)), video: len(one.media(video))})
	if !reflect.DeepEqual(a.packets, one.packets) || !reflect.DeepEqual(b.packets, two.packets) {
		t.Errorf("split into %v and %v", a.packets, b.packets)
	}
}

// TestChunkRoundTrip: the raw client reads what it writes, in every header form, over the end of 24-bit time.
func TestChunkRoundTrip(t *testing.T) {
	var sent []message
	for i, csid := range []uint32{2, 3, 63, 64, 319, 320, 65599, 6, 6, 6, 6, 6} {
		for j := range uint32(6) {
			sent = append(sent, message{
				csid: csid, typ: typeVideo - byte(j/4), msid: mediaMsid, tsMs: extendedTime - 100 + uint32(i)*300 + j/2*40,
				body: bytes.Repeat([]byte{byte(i), byte(j)}, 1+int(j/3)*400),
			})
		}
	}
	// Deltas that do not fit 24 bits.
	sent = append(sent,
		message{csid: 7, typ: typeAudio, msid: mediaMsid, tsMs: 5, body: make([]byte, 300)},
		message{csid: 7, typ: typeAudio, msid: mediaMsid, tsMs: 5 + extendedTime, body: make([]byte, 300)},
		message{csid: 7, typ: typeAudio, msid: mediaMsid, tsMs: 5 + 2*extendedTime, body: make([]byte, 300)})
	for _, compress := range []bool{false, true} {
		for _, size := range []int{1, 128, 300, 60000} {
			t.Run(fmt.Sprintf("compress %v, chunk size %d", compress, size), func(t *testing.T) {
				w := newChunkWriter()
				w.compress, w.size = compress, size
				var wire []byte
				for _, m := range sent {
					wire = w.append(wire, m)
				}
				r := newChunkReader(bytes.NewReader(wire))
				r.size = size
				for i, want := range sent {
					got, err := r.read()
					if err != nil || !reflect.DeepEqual(got, want) {
						t.Fatalf("message %d: %v, %d bytes; want %v", i, err, len(got.body), want.tsMs)
					}
				}
			})
		}
	}
}

func TestAMFRoundTrip(t *testing.T) {
	want := []any{"connect", 1.0, nil, true, false, object{"a": "b", "n": -2.5, "in": object{"x": nil}}}
	b, err := appendAMF(nil, want...)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseAMF(b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for cut := range b {
		if v, err := parseAMF(b[:cut]); err == nil && len(v) == len(want) {
			t.Errorf("cut at %d: all %d values", cut, len(v))
		}
	}
}

func TestFLVRoundTrip(t *testing.T) {
	want := []flvTag{
		{typeData, 0, []byte("meta")},
		{typeVideo, extendedTime + 1, bytes.Repeat([]byte{7}, 70000)},
		{typeAudio, 0xffffffff, []byte{0xaf, 1, 2}},
	}
	b := flvFile(want)
	got, err := parseFLV(b, false)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v; %d tags", err, len(got))
	}
	if _, err := parseFLV(b[:len(b)-1], false); err == nil {
		t.Error("a cut file is no error")
	}
	if got, err := parseFLV(b[:len(b)-1], true); err != nil || len(got) != 2 {
		t.Errorf("a cut file: %d tags, %v; want 2", len(got), err)
	}
}

func TestParseFramehash(t *testing.T) {
	const text = `#format: frame checksums
#extradata 0,                              40, 50e0cc1b5cf67e8f6de5280d433bbd7d
#extradata 1,                               5, ff45c3a76898cdd565877d2f8752846e
#tb 0: 1/1000
#media_type 0: video
#tb 1: 1/1000
#media_type 1: audio
0,          0,         80,       40,     7606, 1b6df0c051b54ddc21ab23f9fcc253a1
1,         57,         57,       23,      280, 35f1d0632bb79248f591ef8ea5b1ac6c
0,         40,        200,       40,     3075, 020ffe08780503e42399f93655c9ad78, S=1,  40, 0
0,         80,        120,       40,     2284, 020ffe08780503e42399
`
	got, err := parseFramehash(text)
	want := []packet{
		{track: video, header: true, size: 40, sum: "50e0cc1b5cf67e8f6de5280d433bbd7d"},
		{track: video, ctsMs: 80, size: 7606, sum: "1b6df0c051b54ddc21ab23f9fcc253a1"},
		{track: audio, header: true, dtsMs: 57, size: 5, sum: "ff45c3a76898cdd565877d2f8752846e"},
		{track: audio, dtsMs: 57, size: 280, sum: "35f1d0632bb79248f591ef8ea5b1ac6c"},
		{track: video, dtsMs: 40, ctsMs: 160, size: 3075, sum: "020ffe08780503e42399f93655c9ad78"},
	}
	if err != nil || !reflect.DeepEqual(got.packets, want) {
		t.Errorf("%v\n%v; want\n%v", err, got.packets, want)
	}
	if _, err := parseFramehash("#tb 0: 1/44100\n"); err == nil {
		t.Error("another time base is no error")
	}
}

// TestFixtures: the generated files are what the tests take them for.
func TestFixtures(t *testing.T) {
	for _, f := range append([]fixture{fixtureOther}, relayFixtures...) {
		t.Run(f.name, func(t *testing.T) {
			src := generate(t, f)
			checkMonotonic(t, src.rec)
			checkRelay(t, src.rec, src.rec, whole)
			checkStartsAtZero(t, src.rec)
			keys, reordered := 0, 0
			for _, p := range src.rec.media(video) {
				if p.key {
					keys++
				}
				if p.ctsMs > 0 {
					reordered++
				}
			}
			if f.hasV && keys != f.seconds {
				t.Errorf("%d keyframes in %d s; want one each", keys, f.seconds)
			}
			if (f.name == fixtureBFrame.name) != (reordered > 0) && f.name != fixtureVideo.name {
				t.Errorf("%d frames with a composition offset", reordered)
			}
			for _, tr := range bothTracks {
				seen := map[string]bool{}
				for _, p := range src.rec.media(tr) {
					if seen[p.sum] && p.size > 16 {
						t.Errorf("track %c: %v comes twice: a loss could go unseen", tr, p)
					}
					seen[p.sum] = true
				}
			}
		})
	}
}
