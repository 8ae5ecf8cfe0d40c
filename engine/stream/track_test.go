// SPDX-License-Identifier: MIT

package stream

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"srsd/conf"
	"srsd/proto/av"
)

// Messages of Enhanced RTMP, as encoders send them. n makes payloads different.
const (
	typeStart = 0
	typeFrame = 1
	typeEnd   = 2
	typeMeta  = 4
)

// ex is a plain extended video message of frame type 1 (key) or 2.
func ex(frameType, packetType byte, fourCC, data string) []byte {
	return []byte(string([]byte{0x80 | frameType<<4 | packetType}) + fourCC + data)
}

// one is a multitrack message with one track.
func one(frameType, packetType byte, fourCC string, id byte, data string) []byte {
	return []byte(string([]byte{0x86 | frameType<<4, packetType}) + fourCC + string([]byte{id}) + data)
}

// listed is a track of a message that carries many.
func listed(id byte, data string) string { return string([]byte{id, 0, 0, byte(len(data))}) + data }

// many is a multitrack message with many tracks of one codec.
func many(frameType, packetType byte, fourCC string, tracks ...string) []byte {
	return []byte(string([]byte{0x86 | frameType<<4, 0x10 | packetType}) + fourCC + strings.Join(tracks, ""))
}

// sound is a plain extended audio message; soundOf one of a track.
func sound(packetType byte, fourCC, data string) []byte {
	return []byte(string([]byte{0x90 | packetType}) + fourCC + data)
}

func soundOf(packetType byte, fourCC string, id byte, data string) []byte {
	return []byte(string([]byte{0x95, packetType}) + fourCC + string([]byte{id}) + data)
}

// av1 is a frame of AV1 in a plain message.
func av1(n int, key bool) []byte {
	return ex(map[bool]byte{true: 1, false: 2}[key], typeFrame, "av01", fmt.Sprintf("frame %d", n))
}

// TestLeadOfManyTracks: a player to come gets the newest header of every track, and what
// was said of colours and channels, before the keyframe.
func TestLeadOfManyTracks(t *testing.T) {
	b := newBench(t, nil).publish()
	b.s.WriteMetadata(0, []byte("meta"), false, b.nowMs)
	starts := [][]byte{
		ex(1, typeStart, "av01", "v0"), one(1, typeStart, "hvc1", 1, "v1"), one(1, typeStart, "vvc1", 255, "v255"),
	}
	colours := [][]byte{ex(1, typeMeta, "av01", "hdr0"), one(1, typeMeta, "hvc1", 1, "hdr1")}
	sounds := [][]byte{
		sound(typeStart, "Opus", ""), soundOf(typeStart, "fLaC", 1, "a1"),
		sound(4, "Opus", "\x01\x06"), soundOf(4, "fLaC", 1, "\x01\x08"),
	}
	for i := range 2 {
		for _, m := range slices.Concat(starts, colours) {
			b.video(0, m)
		}
		for _, m := range sounds {
			b.audio(0, m)
		}
		b.video(uint32(40*i), av1(i, true))
	}
	want := []got{d(0, "meta")}
	for _, m := range sounds {
		want = append(want, a(0, m))
	}
	for _, m := range slices.Concat(starts, colours) {
		want = append(want, v(0, m))
	}
	expect(t, b.join().messages(), append(want, v(0, av1(1, true)))...)

	// A newer one takes the place of its own track's and kind's alone.
	b.video(80, one(1, typeStart, "hvc1", 1, "newer"))
	b.video(80, one(1, typeMeta, "hvc1", 1, "newer hdr"))
	b.audio(80, soundOf(4, "fLaC", 1, "\x01\x02"))
	b.video(80, av1(2, true))
	expect(t, b.join().messages(), d(0, "meta"),
		a(0, sounds[0]), a(0, sounds[1]), a(0, sounds[2]), a(0, soundOf(4, "fLaC", 1, "\x01\x02")),
		v(0, starts[0]), v(0, starts[2]), v(0, colours[0]), v(0, one(1, typeStart, "hvc1", 1, "newer")),
		v(0, one(1, typeMeta, "hvc1", 1, "newer hdr")), v(0, av1(2, true)))

	// Another codec on a track: what was said of the last one's colours is over.
	b.video(120, ex(1, typeStart, "vp09", "vp9"))
	b.video(120, ex(1, typeFrame, "vp09", "key"))
	for _, m := range b.join().messages() {
		if m.data == string(colours[0]) {
			t.Fatal("a player gets the colours of a codec that is not sent any more")
		}
	}
}

// TestHeadersInOneMessage: a message with the headers of many tracks is kept until newer
// ones have replaced all of them.
func TestHeadersInOneMessage(t *testing.T) {
	b := newBench(t, nil).publish()
	all := many(1, typeStart, "hvc1", listed(0, "v0"), listed(1, "v1"))
	first := one(1, typeStart, "hvc1", 0, "newer 0")
	second := one(1, typeStart, "hvc1", 1, "newer 1")
	key := many(1, typeFrame, "hvc1", listed(0, "\x00\x00\x00k0"), listed(1, "\x00\x00\x00k1"))
	for i, tc := range []struct {
		send []byte
		want [][]byte
	}{
		{all, [][]byte{all}},
		{first, [][]byte{all, first}}, // in the order in which they came, so that the newer one counts
		{second, [][]byte{first, second}},
		{all, [][]byte{all}},
		{ex(1, typeStart, "hvc1", "plain"), [][]byte{all, ex(1, typeStart, "hvc1", "plain")}},
		{first, [][]byte{all, first}}, // track 0 by its number is the same as without one
	} {
		b.video(uint32(i*40), tc.send)
		b.video(uint32(i*40), key)
		var want []got
		for _, m := range append(tc.want, key) {
			want = append(want, v(0, m))
		}
		expect(t, b.join().messages(), want...)
	}
}

// TestTooManyTracks: headers above the limits are passed on, not kept, and counted; a
// stale one is not kept in place of them.
func TestTooManyTracks(t *testing.T) {
	b := newBench(t, nil).publish()
	live := b.join()
	for id := range headersMax + 10 {
		b.video(0, one(1, typeStart, "hvc1", byte(id), "header"))
	}
	if b.s.Unkept != 10 || b.s.Dropped != 0 {
		t.Fatalf("%d headers were not kept, want 10; %d dropped", b.s.Unkept, b.s.Dropped)
	}
	b.sleep(500)
	if n := len(live.messages()); n != headersMax+10 {
		t.Fatalf("a player that was there got %d headers", n)
	}
	b.video(0, ex(1, typeFrame, "hvc1", "\x00\x00\x00key"))
	if n := len(b.join().messages()); n != headersMax+1 {
		t.Fatalf("a player to come gets %d messages", n)
	}

	b = newBench(t, nil).publish()
	long := strings.Repeat("x", headerBytesMax-20)
	for id := range byte(3) {
		b.video(0, one(1, typeStart, "hvc1", id, long))
	}
	b.video(0, one(1, typeStart, "hvc1", 0, "short"))
	if b.s.Unkept != 1 || len(b.s.headers) != 2 {
		t.Fatalf("%d headers of 64 KiB are kept, %d not", len(b.s.headers), b.s.Unkept)
	}
	b.video(0, one(1, typeStart, "hvc1", 0, long))
	b.audio(0, sound(typeStart, "fLaC", long))
	b.audio(0, sound(typeStart, "fLaC", "fits"))
	if b.s.Unkept != 2 || len(b.s.headers) != 3 {
		t.Fatalf("%d headers are kept, %d not", len(b.s.headers), b.s.Unkept)
	}
}

// TestRepublishWithFewerTracks: whoever comes then gets nothing of the tracks that are
// gone; with reduce_sequence_header, what the new publisher repeats is left out for
// players that have it.
func TestRepublishWithFewerTracks(t *testing.T) {
	for _, reduce := range []bool{false, true} {
		b := newBench(t, func(v *conf.Vhost) { v.Play.ReduceSequenceHeader = reduce }).publish()
		plain, extra := ex(1, typeStart, "av01", "v0"), one(1, typeStart, "av01", 1, "v1")
		both := many(1, typeStart, "av01", listed(2, "v2"), listed(3, "v3"))
		live := b.join()
		for _, m := range [][]byte{plain, extra, both, ex(1, typeMeta, "av01", "hdr"), av1(0, true), extra} {
			b.video(0, m)
		}
		b.sleep(500)
		had := len(live.messages())
		if want := map[bool]int{false: 6, true: 5}[reduce]; had != want {
			t.Fatalf("reduce %v: a player got %d messages, want %d", reduce, had, want)
		}
		b.s.Unpublish(b, b.nowMs)
		b.publish()
		b.video(0, plain)
		b.video(0, av1(1, true))
		b.sleep(500)
		want := []got{v(10, plain), v(10, av1(1, true))}
		expect(t, live.messages()[had:], want[map[bool]int{false: 0, true: 1}[reduce]:]...)
		expect(t, b.join().messages(), v(0, plain), v(0, av1(1, true)))
	}
}

// TestTracksOfASlowPlayer: one that is moved forward gets every track's header again.
func TestTracksOfASlowPlayer(t *testing.T) {
	b := newBench(t, func(v *conf.Vhost) { v.Play.QueueLengthMs = 1000 }).publish()
	h0, h1 := ex(1, typeStart, "av01", "v0"), one(1, typeStart, "hvc1", 1, "v1")
	b.video(0, h0)
	b.video(0, h1)
	slow := b.join()
	b.video(0, av1(0, true))
	had := len(slow.messages())
	slow.room = 0
	for i := 1; i < 60; i++ {
		b.video(uint32(40*i), av1(i, i == 50))
		b.sleep(40)
	}
	slow.p.Check(b.nowMs)
	slow.room = -1
	b.sleep(500)
	m := slow.messages()[had:]
	if slow.p.Skipped != 1 || len(m) != 12 {
		t.Fatalf("skipped %d times, %d messages", slow.p.Skipped, len(m))
	}
	expect(t, m[:3], v(m[0].ts, h0), v(m[0].ts, h1), v(m[0].ts, av1(50, true)))
}

// TestGroupOfManyTracks: a group of pictures begins with the first of the keyframes that
// the tracks have at the same time, whichever track comes first.
func TestGroupOfManyTracks(t *testing.T) {
	frame := func(id byte, at uint32, key bool) []byte {
		return one(map[bool]byte{true: 1, false: 2}[key], typeFrame, "av01", id, fmt.Sprint(at))
	}
	for _, order := range [][]byte{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}} {
		b := newBench(t, nil).publish()
		var last []got
		for at := uint32(0); at < 4000; at += 40 {
			if at%1000 == 0 {
				last = nil
			}
			b.audio(at, audioFrame(int(at), 20))
			for _, id := range order {
				b.video(at, frame(id, at, at%1000 == 0))
				last = append(last, v(at%1000, frame(id, at, at%1000 == 0)))
			}
			if at == 0 || at == 40 || at == 1040 {
				expect(t, videos(b.join().messages()), last...)
			}
		}
		expect(t, videos(b.join().messages()), last...)
	}
}

func videos(all []got) []got {
	return slices.DeleteFunc(slices.Clone(all), func(g got) bool { return g.typ != 9 })
}

// TestGroupFollowsTheMainTrack: other tracks' keyframes at other times neither begin a
// group nor end a player's wait for one; they are passed on.
func TestGroupFollowsTheMainTrack(t *testing.T) {
	b := newBench(t, nil).publish()
	side := func(at string, key bool) []byte {
		return one(map[bool]byte{true: 1, false: 2}[key], typeFrame, "hvc1", 1, "\x00\x00\x00"+at)
	}
	waiting := b.join()
	b.video(0, av1(0, false))
	b.video(20, side("20", true))
	b.video(40, av1(1, true))
	b.video(60, side("60", false))
	b.video(80, side("80", true))
	b.sleep(100)
	expect(t, b.join().messages(), v(0, av1(1, true)), v(20, side("60", false)), v(40, side("80", true)))
	expect(t, waiting.messages(), v(0, side("20", true)), v(20, av1(1, true)), v(40, side("60", false)),
		v(60, side("80", true)))

	// The main track ends: the other one takes its place.
	b.video(120, ex(2, typeEnd, "av01", ""))
	b.video(140, side("140", true))
	expect(t, b.join().messages(), v(0, side("140", true)))
	// It comes back.
	b.video(180, av1(2, true))
	b.video(200, side("200", true))
	expect(t, b.join().messages(), v(0, av1(2, true)), v(20, side("200", true)))
	// It goes without a word.
	for at := uint32(240); at < 240+keyWaitMaxMs+1000; at += 1000 {
		b.video(at, side(fmt.Sprint(at), true))
	}
	m := b.join().messages()
	expect(t, m, v(0, side(fmt.Sprint(240+keyWaitMaxMs), true)))
}

// TestUnmarkedKeyframes: a sender that leaves the frame type at 0 has its keyframes found
// in the coded data, across chunks.
func TestUnmarkedKeyframes(t *testing.T) {
	nalu := func(kind byte, size int) string {
		return string([]byte{0, 0, byte(size >> 8), byte(size), kind << 1, 1}) + strings.Repeat("x", size-2)
	}
	for _, chunkSize := range []int{128, 60_000} {
		b := newBench(t, func(v *conf.Vhost) { v.ChunkSize = chunkSize }).publish()
		header := ex(0, typeStart, "hvc1", "record")
		key := ex(0, 3, "hvc1", nalu(39, 300)+nalu(19, 200)) // SEI, IDR
		inter := ex(0, typeFrame, "hvc1", "\x00\x00\x21"+nalu(39, 300)+nalu(1, 200))
		b.video(0, header)
		b.video(0, inter)
		b.video(40, key)
		b.video(80, inter)
		expect(t, b.join().messages(), v(0, header), v(0, key), v(40, inter))
		// As many units as there are: none is a picture.
		b.video(120, ex(0, 3, "hvc1", strings.Repeat("\x00\x00\x00\x00\x4e\x01", 50_000)))
		expect(t, b.join().messages()[:2], v(0, header), v(0, key))
	}
}

// TestLongModEx: elements before the header that are longer than anybody sends today hide
// nothing of it.
func TestLongModEx(t *testing.T) {
	b := newBench(t, nil).publish()
	modEx := func(size int, next byte, rest string) []byte {
		in := "\x97\xff" + string([]byte{byte((size - 1) >> 8), byte(size - 1)}) + strings.Repeat("m", size)
		return []byte(in + string([]byte{0xf0 | next}) + rest)
	}
	header := modEx(300, typeStart, "hvc1record")
	key := modEx(1<<16, typeFrame, "hvc1\x00\x00\x00key")
	nano := []byte("\xa7\x02\x00\x12\x34\x01hvc1\x00\x00\x00inter")
	b.video(0, header)
	b.video(40, key)
	b.video(80, nano)
	b.audio(80, []byte("\x97\x02\x00\x12\x34\x01Opus\xfc"))
	expect(t, b.join().messages(), v(0, header), v(0, key), v(40, nano), a(40, []byte("\x97\x02\x00\x12\x34\x01Opus\xfc")))
	before := b.s.Dropped
	b.video(80, modEx(1<<16, 7, "\x00")) // cut
	if b.s.Dropped != before+1 {
		t.Error("a message that ends inside its header was passed on")
	}
}

// TestTypesToCome: what no version defines yet is passed on, and decides nothing.
func TestTypesToCome(t *testing.T) {
	b := newBench(t, nil).publish()
	unknown := [][]byte{
		ex(1, 12, "hvc1", "?"), []byte("\x9e"), []byte("\x96\x70hvc1???"), one(1, 11, "hvc1", 3, "?"),
		ex(1, typeStart, "zzzz", ""), ex(2, typeFrame, "zzzz", "data"),
	}
	live := b.join()
	b.video(0, ex(1, typeFrame, "zzzz", "key"))
	for _, m := range unknown {
		b.video(40, m)
	}
	b.audio(40, sound(13, "yyyy", ""))
	b.sleep(300)
	var want []got
	for _, m := range unknown {
		want = append(want, v(40, m))
	}
	want = append(want, a(40, sound(13, "yyyy", "")))
	expect(t, live.messages(), append([]got{v(0, ex(1, typeFrame, "zzzz", "key"))}, want...)...)
	late := b.join().messages()
	expect(t, late[:2], v(0, unknown[4]), v(0, ex(1, typeFrame, "zzzz", "key")))
	if b.s.Dropped != 0 {
		t.Errorf("%d messages were dropped", b.s.Dropped)
	}
}

// TestLegacyCodecs: those without a sequence header begin with a keyframe, and with it
// alone; HEVC by its old number has one.
func TestLegacyCodecs(t *testing.T) {
	for _, id := range []byte{2, 3, 4, 5, 6} {
		for _, format := range []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 13, 14} {
			b := newBench(t, nil).publish()
			key, inter := []byte{0x10 | id, 1}, []byte{0x20 | id, 2}
			first, second := []byte{format<<4 | 2, 1}, []byte{format<<4 | 2, 2}
			b.audio(0, first)
			b.video(0, inter)
			b.video(40, key)
			b.audio(40, second)
			b.video(80, inter)
			expect(t, b.join().messages(), v(0, key), a(0, second), v(40, inter))
		}
	}
	b := newBench(t, nil).publish()
	header := []byte("\x1c\x00\x00\x00\x00record")
	b.video(0, header)
	b.video(0, []byte("\x2c\x01\x00\x00\x00inter"))
	b.video(40, []byte("\x1c\x01\x00\x00\x00key"))
	expect(t, b.join().messages(), v(0, header), v(0, []byte("\x1c\x01\x00\x00\x00key")))
}

// TestNewHeaders: each is told once, and so is a codec that has none.
func TestNewHeaders(t *testing.T) {
	b := newBench(t, nil).publish()
	news := func() (all []string) {
		if b.s.HeaderChanged() {
			b.s.NewHeaders(func(t Track, payload []byte) { all = append(all, fmt.Sprint(t, string(payload))) })
		}
		return all
	}
	want := func(want ...string) {
		t.Helper()
		if have := news(); !slices.Equal(have, want) {
			t.Errorf("told %q, want %q", have, want)
		}
	}
	want()
	start := one(1, typeStart, "hvc1", 1, "v1")
	b.video(0, ex(1, typeStart, "av01", "v0"))
	b.video(0, start)
	b.video(0, ex(1, typeMeta, "av01", "hdr"))
	want("1\x90av01v0", "1"+string(start))
	b.video(0, start)
	b.video(0, av1(0, true))
	want()
	b.audio(0, []byte("\x72ulaw"))
	want("0\x72ulaw")
	b.audio(0, []byte("\x72ulaw"))
	want()
	b.video(0, one(1, typeStart, "hvc1", 1, "other"))
	want("1" + string(one(1, typeStart, "hvc1", 1, "other")))
}

// TestMemoryOfHeaders: a stream with one header of each kind is not larger for what
// multitrack needs.
func TestMemoryOfHeaders(t *testing.T) {
	b := newBench(t, nil).publish()
	b.headers(0)
	for _, h := range b.s.headers {
		if h.many != nil || cap(h.payload) > len(h.payload)+16 {
			t.Errorf("header %+v", h)
		}
	}
	if cap(b.s.headers) > 2 {
		t.Errorf("place for %d headers", cap(b.s.headers))
	}
	if av.PrefixBytes != len(b.s.tail.sniff) {
		t.Error("a message's beginning takes more than what is looked at")
	}
}
