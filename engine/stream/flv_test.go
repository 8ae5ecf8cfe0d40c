// SPDX-License-Identifier: MIT

package stream

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"srsd/conf"
	"srsd/proto/rtmp/msg"
	"srsd/proto/ws"
)

// remuxed turns everything of http_remux on, as conf does by default.
func remuxed(v *conf.Vhost) {
	v.HTTPRemux = conf.HTTPRemux{Enabled: true, HasAudio: true, HasVideo: true, GuessHasAV: true, DropIfNotMatch: true}
}

// watch joins a player of the FLV form.
func (b *bench) watch() *viewer { return b.watchAs(FLV) }

// watchAs joins a player of a form.
func (b *bench) watchAs(kind Form) *viewer {
	v := b.viewer()
	v.p = b.hub.Form(kind, b.s.Name, b.vhost).Join(v, v, 0, b.nowMs)
	v.p.Flush(b.nowMs)
	return v
}

// file reads what a player got as an FLV file, as a reader that believes nothing.
func (v *viewer) file() (kinds byte, tags []got) {
	v.t.Helper()
	if len(v.raw) == 0 {
		return 0, nil
	}
	if len(v.raw) < 13 || string(v.raw[:4]) != "FLV\x01" || !bytes.Equal(v.raw[5:13], []byte{0, 0, 0, 9, 0, 0, 0, 0}) {
		v.t.Fatalf("no FLV header: %x", v.raw[:min(len(v.raw), 16)])
	}
	kinds = v.raw[4]
	for b := v.raw[13:]; len(b) > 0; {
		if len(b) < 15 {
			v.t.Fatalf("%d bytes are no tag", len(b))
		}
		n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		if len(b) < n+15 || binary.BigEndian.Uint32(b[11+n:]) != uint32(n+11) || b[8]|b[9]|b[10] != 0 {
			v.t.Fatalf("tag of %d bytes, %d are left, wrong sizes or stream id", n, len(b))
		}
		ts := uint32(b[7])<<24 | uint32(b[4])<<16 | uint32(b[5])<<8 | uint32(b[6])
		tags = append(tags, got{b[0], ts, string(b[11 : 11+n])})
		b = b[n+15:]
	}
	return kinds, tags
}

// unframed takes the file out of its WebSocket frames, each of which must be binary, whole, of the
// shortest form, and have the file's header or one tag.
func (v *viewer) unframed() (file []byte) {
	v.t.Helper()
	for b := v.raw; len(b) > 0; {
		at, n := 2, int(b[1])
		switch n {
		case 126:
			at, n = 4, int(binary.BigEndian.Uint16(b[2:]))
		case 127:
			at, n = 10, int(binary.BigEndian.Uint64(b[2:]))
		}
		if b[0] != 0x82 || at != ws.HeaderBytes(n) || len(b) < at+n {
			v.t.Fatalf("frame %x of %d bytes, %d are there", b[:at], n, len(b)-at)
		}
		unit := b[at : at+n]
		if file != nil && len(unit) != 15+int(unit[1])<<16+int(unit[2])<<8+int(unit[3]) {
			v.t.Fatalf("a frame of %d bytes is not one tag", len(unit))
		}
		file = append(file, unit...)
		b = b[at+n:]
	}
	return file
}

func (b *bench) audit() {
	b.t.Helper()
	if err := b.hub.Audit(); err != nil {
		b.t.Error(err)
	}
}

// TestFLVEqualsRTMP: players of both forms, whenever they come, get the same messages, byte for
// byte; of those that came first the times are the same, too.
func TestFLVEqualsRTMP(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			b := newBench(t, func(v *conf.Vhost) {
				remuxed(v)
				v.Play.GopCache = seed%2 == 0 // else those who come later wait for a keyframe
			})
			rtmp, flv, framed := []*viewer{b.join()}, []*viewer{b.watch()}, []*viewer{b.watchAs(WS)}
			b.publish()
			b.headers(0)
			for i := range 200 {
				ts := uint32(i * 20)
				switch {
				case i%50 == 0:
					b.video(ts, keyframe(i, 1000+r.IntN(100_000)))
				case i%2 == 0:
					b.video(ts, interframe(i, 10+r.IntN(40_000)))
				default:
					b.audio(ts, audioFrame(i, 10+r.IntN(400)))
				}
				if r.IntN(40) == 0 {
					rtmp, flv, framed = append(rtmp, b.join()), append(flv, b.watch()), append(framed, b.watchAs(WS))
				}
				b.audit()
				b.sleep(20)
			}
			b.sleep(2000)
			for i := range rtmp {
				if !bytes.Equal(framed[i].unframed(), flv[i].raw) {
					t.Errorf("player %d: over WebSocket it gets another file", i)
				}
				kinds, tags := flv[i].file()
				if kinds != 5 {
					t.Errorf("player %d: kinds %d, want 5", i, kinds)
				}
				want := rtmp[i].messages()
				if len(tags) != len(want) {
					t.Fatalf("player %d got %d tags, over RTMP %d messages", i, len(tags), len(want))
				}
				for n := range want {
					if tags[n].typ != want[n].typ || tags[n].data != want[n].data || i == 0 && tags[n].ts != want[n].ts {
						t.Fatalf("player %d, tag %d: %v, over RTMP %v", i, n, tags[n], want[n])
					}
				}
			}
			if n := b.s.Players(); n != 3*len(rtmp) || b.hub.Viewers(b.s.Name) != n {
				t.Errorf("%d players are counted, %d viewers, want %d", n, b.hub.Viewers(b.s.Name), 3*len(rtmp))
			}
			for _, v := range slices.Concat(flv, framed) {
				v.p.Leave(nil, b.nowMs)
				b.audit()
			}
			if b.hub.Streams() != 1 || b.s.taps != nil || len(b.s.forms) > 0 {
				t.Error("nobody plays a form, and it is still made")
			}
		})
	}
}

// TestFLVRepublish: a player stays when the publisher goes, and its clock goes on.
func TestFLVRepublish(t *testing.T) {
	b := newBench(t, remuxed)
	v := b.watch()
	for n := range 3 {
		b.s = b.hub.Stream("v/live/s", b.vhost)
		b.publish()
		b.headers(0)
		b.video(0, keyframe(n, 5000))
		b.video(40, interframe(n, 500))
		b.sleep(200)
		b.s.Unpublish(b, b.nowMs)
		b.sleep(1000)
		b.audit()
	}
	_, tags := v.file()
	last, frames := uint32(0), 0
	for _, tag := range tags {
		if tag.typ == msg.TypeVideo && tag.ts < last {
			t.Errorf("the clock goes back from %d to %d", last, tag.ts)
		}
		if tag.typ == msg.TypeVideo {
			last = tag.ts
			frames++
		}
	}
	if frames != 9 {
		t.Errorf("%d video tags, want 9", frames)
	}
	if n := b.hub.Streams(); n != 1 {
		t.Errorf("%d streams, want the FLV form alone", n)
	}
	v.p.Leave(nil, b.nowMs)
	if n := b.hub.Streams(); n != 0 {
		t.Errorf("%d streams are left", n)
	}
	b.audit()
}

// TestFLVKinds: what the header says, and what is left out, also over WebSocket.
func TestFLVKinds(t *testing.T) {
	for _, kind := range []Form{FLV, WS} {
		t.Run(formSuffix[kind], func(t *testing.T) { kindsOf(t, kind) })
	}
}

func kindsOf(t *testing.T, kind Form) {
	for _, c := range []struct {
		name         string
		change       func(*conf.HTTPRemux)
		audio, video bool // published
		kinds        byte
		tags         int // audio and video
	}{
		{"both", nil, true, true, 5, 4},
		{"audio", nil, true, false, 4, 2},
		{"video", nil, false, true, 1, 2},
		{"no guess", func(r *conf.HTTPRemux) { r.GuessHasAV = false }, true, false, 5, 2},
		{"has no audio", func(r *conf.HTTPRemux) { r.HasAudio = false }, true, true, 1, 2},
		{"has no audio, kept", func(r *conf.HTTPRemux) { r.HasAudio, r.DropIfNotMatch = false, false }, true, true, 1, 4},
	} {
		for _, late := range []bool{false, true} {
			b := newBench(t, func(v *conf.Vhost) {
				remuxed(v)
				if c.change != nil {
					c.change(&v.HTTPRemux)
				}
			})
			var v *viewer
			if !late {
				v = b.watchAs(kind)
			}
			b.publish()
			if c.video {
				b.video(0, videoHeader(1))
			}
			if c.audio {
				b.audio(0, audioHeader(1))
			}
			if late && !c.video {
				v = b.watchAs(kind) // no keyframe to begin with
			}
			if c.video {
				b.video(0, keyframe(1, 100))
			}
			if c.audio {
				b.audio(0, audioFrame(1, 100))
			}
			if v == nil {
				v = b.watchAs(kind)
			}
			b.sleep(2000)
			if kind == WS {
				v.raw = v.unframed()
			}
			kinds, tags := v.file()
			if kinds != c.kinds || len(tags) != c.tags {
				t.Errorf("%s, late %v: kinds %d, %d tags; want %d, %d", c.name, late, kinds, len(tags), c.kinds, c.tags)
			}
		}
	}
}

// TestFLVSlow: N03, a player that takes a little at a time is moved forward between two tags, and
// what it has is a whole file.
func TestFLVSlow(t *testing.T) {
	for _, kind := range []Form{FLV, WS} {
		t.Run(formSuffix[kind], func(t *testing.T) { slowForm(t, kind) })
	}
}

func slowForm(t *testing.T, kind Form) {
	b := newBench(t, func(v *conf.Vhost) { remuxed(v); v.Play.QueueLengthMs = 2000 })
	b.publish()
	b.headers(0)
	v := b.watchAs(kind)
	v.room = 0
	for i := range 1000 {
		if i%25 == 0 {
			b.video(uint32(i*40), keyframe(i, 20_000))
		} else {
			b.video(uint32(i*40), interframe(i, 3000))
		}
		v.room = 1000
		b.sleep(40)
		v.p.Check(b.nowMs)
		b.audit()
	}
	v.room = -1
	b.sleep(1000)
	if kind == WS {
		v.raw = v.unframed()
	}
	_, tags := v.file()
	if v.p.Skipped == 0 || len(tags) < 100 || tags[len(tags)-1].ts != 999*40 {
		t.Errorf("moved %d times, %d tags, the last is %v", v.p.Skipped, len(tags), tags[len(tags)-1])
	}
}

// TestFarewell: a last word goes out between two frames, and never inside of one.
func TestFarewell(t *testing.T) {
	b := newBench(t, remuxed)
	b.publish()
	b.headers(0)
	v := b.watchAs(WS)
	b.video(0, keyframe(1, 5000))
	b.sleep(1000)
	v.p.Farewell([]byte("bye"))
	if !bytes.HasSuffix(v.raw, []byte("bye")) {
		t.Error("nothing was said between two frames")
	}
	b.video(20, interframe(1, 500))
	if b.sleep(1000); !bytes.HasSuffix(v.raw, []byte("bye")) {
		t.Error("something was said behind the last word")
	}
	v = b.watchAs(WS)
	b.sleep(1000)
	v.room = 100
	b.video(40, interframe(1, 5000))
	b.sleep(1000)
	v.room = -1
	before := len(v.raw)
	v.p.Farewell([]byte("bye"))
	if len(v.raw) != before {
		t.Error("something was said inside of a frame")
	}
}

// A form is no stream of its own to who counts them.
func TestNames(t *testing.T) {
	b := newBench(t, remuxed)
	b.hub.Form(FLV, "/live/other", b.vhost)
	b.hub.Form(WS, "/live/other", b.vhost)
	b.hub.Form(FLV, b.s.Name, b.vhost)
	if n, all := b.hub.Names(), b.hub.Streams(); n != 2 || all != 4 {
		t.Errorf("%d names of %d streams", n, all)
	}
}

// TestFLVBehindAtRepublish: what a player had not got yet of the last publisher still comes.
func TestFLVBehindAtRepublish(t *testing.T) {
	b := newBench(t, remuxed)
	b.publish()
	b.headers(0)
	v := b.watch()
	b.video(0, keyframe(1, 1000))
	b.sleep(1000)
	v.room = 0
	for i := range 5 {
		b.video(uint32(40+i*40), interframe(i, 500))
	}
	b.sleep(200)
	b.s.Unpublish(b, b.nowMs)
	b.s = b.hub.Stream("v/live/s", b.vhost)
	b.publish()
	b.headers(0)
	b.video(0, keyframe(2, 1000))
	v.room = -1
	b.sleep(2000)
	_, tags := v.file()
	frames := 0
	for _, tag := range tags {
		if tag.typ == msg.TypeVideo && tag.data[1] == 1 {
			frames++
		}
	}
	if frames != 7 {
		t.Errorf("%d frames, want 7", frames)
	}
}

// TestFLVEnhanced: messages of Enhanced RTMP, of several codecs and tracks, stand in the FLV forms as
// they came, and those who come later get the headers of every track.
func TestFLVEnhanced(t *testing.T) {
	b := newBench(t, remuxed)
	early := [...]*viewer{b.join(), b.watch(), b.watchAs(WS)}
	b.publish()
	b.s.WriteMetadata(0, []byte("meta"), false, b.nowMs)
	for _, m := range [][]byte{
		ex(1, typeStart, "hvc1", "v0"), one(1, typeStart, "av01", 1, "v1"), ex(1, typeMeta, "hvc1", "hdr0"),
	} {
		b.video(0, m)
	}
	b.audio(0, sound(typeStart, "Opus", ""))
	b.audio(0, soundOf(typeStart, "fLaC", 1, "a1"))
	b.video(0, ex(1, typeFrame, "hvc1", "\x00\x00\x00k0"))
	b.video(0, one(1, typeFrame, "av01", 1, "k1"))
	b.audio(10, sound(typeFrame, "Opus", "s0"))
	b.audio(10, soundOf(typeFrame, "fLaC", 1, "s1"))
	b.video(40, many(2, typeFrame, "hvc1", listed(0, "\x00\x00\x00i0"), listed(1, "\x00\x00\x00i1")))
	b.sleep(1000)
	late := [...]*viewer{b.join(), b.watch(), b.watchAs(WS)}
	b.video(80, ex(2, typeFrame, "hvc1", "\x00\x00\x00i2"))
	b.sleep(1000)
	for name, three := range map[string][3]*viewer{"early": early, "late": late} {
		want := three[0].messages()
		_, tags := three[1].file()
		three[2].raw = three[2].unframed()
		_, framed := three[2].file()
		if len(want) != 12 {
			t.Errorf("%s: %d messages over RTMP, want 12", name, len(want))
		}
		expect(t, framed, tags...)
		if name == "early" {
			expect(t, tags, want...)
			continue
		}
		for i := range want { // times of those who come later are their own over RTMP
			if i >= len(tags) || tags[i].typ != want[i].typ || tags[i].data != want[i].data {
				t.Fatalf("%s: FLV %v\nRTMP %v", name, tags, want)
			}
		}
	}
	b.audit()
}

// TestFLVTimes: atc, atc_auto and mix_correct change the tags as they change RTMP's messages.
func TestFLVTimes(t *testing.T) {
	const from = 1_000_000
	for name, c := range map[string]struct {
		change func(*conf.Play)
		first  uint32 // time of the first frame of video
	}{
		"time_jitter full": {func(*conf.Play) {}, from},
		"atc":              {func(p *conf.Play) { p.ATC = true }, from},
		"atc_auto":         {func(p *conf.Play) { p.ATCAuto = true }, from},
		"mix_correct":      {func(p *conf.Play) { p.MixCorrect = true }, from},
	} {
		b := newBench(t, func(v *conf.Vhost) { remuxed(v); c.change(&v.Play) })
		rtmp, flv := b.join(), b.watch()
		b.publish()
		b.s.WriteMetadata(from, []byte("meta"), true, b.nowMs)
		b.video(from, videoHeader(1))
		b.audio(from, audioHeader(1))
		for i := range 50 {
			ts := uint32(from + i*40)
			b.video(ts, interOrKey(i))
			b.audio(ts-10, audioFrame(i, 50)) // late: mix_correct puts it before
			b.sleep(40)
		}
		b.sleep(2000)
		want := rtmp.media()
		_, tags := flv.file()
		var got []got
		for _, tag := range tags {
			if tag.typ != msg.TypeDataAMF0 {
				got = append(got, tag)
			}
		}
		if len(got) != len(want) || len(got) < 100 {
			t.Fatalf("%s: %d tags, over RTMP %d messages", name, len(got), len(want))
		}
		shift := got[0].ts - want[0].ts
		for i := range got {
			if got[i].data != want[i].data || got[i].ts-want[i].ts != shift {
				t.Fatalf("%s: tag %d is %v, over RTMP %v; the first ones differ by %d", name, i, got[i], want[i], shift)
			}
		}
		if got[2].ts < c.first-10 || got[2].ts > c.first {
			t.Errorf("%s: the first frame is at %d, want %d", name, got[2].ts, c.first)
		}
	}
}

func interOrKey(i int) []byte {
	if i%25 == 0 {
		return keyframe(i, 200)
	}
	return interframe(i, 100)
}

// TestFLVAllocs: the FLV forms and their players cost no memory per message beside what the tap takes.
func TestFLVAllocs(t *testing.T) {
	allocs := func(watch ...Form) float64 {
		b := newBench(t, remuxed).publish()
		b.headers(0)
		b.video(0, keyframe(1, 1000))
		b.s.Attach(discarder{})
		for _, kind := range watch {
			v := b.watchAs(kind)
			v.p.conn = discarder{}
		}
		payload, ts := interframe(1, 1000), uint32(0)
		round := func() {
			for range 10 {
				ts += 40
				b.s.Write(msg.TypeVideo, ts, payload, b.nowMs)
			}
			b.s.Flush(b.nowMs)
			b.sleep(400)
		}
		for i := range 50 { // rings and pools have their size then
			round()
			if i%10 == 0 {
				b.video(ts, keyframe(i, 1000))
			}
		}
		return testing.AllocsPerRun(200, round)
	}
	none, both := allocs(), allocs(FLV, WS)
	if both > none+2 { // the list of taps is one of three
		t.Errorf("%.1f allocations for a batch of 10 messages, %.1f without players", both, none)
	}
}

// discarder is a tap, and a player's far end.
type discarder struct{}

func (discarder) Take([]Message) {}

func (discarder) Writev(iov [][]byte) (n int, err error) {
	for _, b := range iov {
		n += len(b)
	}
	return n, nil
}
