// SPDX-License-Identifier: MIT

package stream

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"srsd/conf"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

// tick is a message as the publisher stamps it, how long after the one before it comes,
// and what a player that was there from the beginning must get.
type tick struct {
	track  Track
	waitMs int64
	ts     uint32
	want   uint32
}

const hourMs = 3_600_000

// TestTimeJitter: what becomes of the publisher's timestamps in each mode. The player's
// time begins with the first message.
func TestTimeJitter(t *testing.T) {
	full, zero, off := conf.JitterFull, conf.JitterZero, conf.JitterOff
	for _, tc := range []struct {
		name  string
		mode  conf.Jitter
		ticks []tick
	}{
		{"a steady stream", full, []tick{
			{Video, 0, 5000, 0}, {Audio, 10, 5010, 10}, {Video, 30, 5040, 40}, {Audio, 3, 5033, 33}, {Video, 37, 5080, 80},
		}},
		{"1 fps", full, []tick{
			{Video, 0, 0, 0}, {Video, 1000, 1000, 1000}, {Video, 1000, 2000, 2000}, {Video, 1000, 3000, 3000},
		}},
		{"a slide show at 30 s per picture", full, []tick{
			{Video, 0, 0, 0}, {Video, 30_000, 30_000, 30_000}, {Video, 29_000, 60_000, 60_000}, {Video, 15_000, 90_000, 90_000},
		}},
		{"a gap that did not pass on the wall", full, []tick{
			{Video, 0, 0, 0}, {Video, 14_000, 30_000, 10}, {Video, 40, 30_040, 50},
		}},
		{"a gap of 10 s in a burst is kept", full, []tick{
			{Video, 0, 0, 0}, {Video, 0, 10_000, 10_000}, {Video, 0, 20_001, 10_010},
		}},
		{"a step back of 250 ms is rounding", full, []tick{
			{Video, 0, 1000, 0}, {Video, 0, 2000, 1000}, {Video, 0, 1750, 1000}, {Video, 0, 2040, 1040},
		}},
		{"a step back of 251 ms is a jump", full, []tick{
			{Video, 0, 1000, 0}, {Video, 0, 2000, 1000}, {Video, 0, 1749, 1010}, {Video, 0, 1789, 1050},
		}},
		{"an hour ahead", full, []tick{
			{Video, 0, 0, 0},
			{Audio, 0, 10, 10},
			{Video, 40, 40 + hourMs, 20},
			{Audio, 0, 50 + hourMs, 30},
			{Video, 40, 80 + hourMs, 60},
		}},
		{"an hour ahead, an audio message late", full, []tick{
			{Video, 0, 0, 0},
			{Audio, 0, 10, 10},
			{Video, 40, 40 + hourMs, 20},
			{Audio, 0, 33, 33},
			{Audio, 0, 56, 56},
			{Audio, 0, 89 + hourMs, 69},
			{Video, 40, 80 + hourMs, 60},
		}},
		{"an hour back", full, []tick{
			{Video, 0, hourMs, 0}, {Audio, 0, hourMs + 10, 10}, {Video, 40, 40, 20}, {Audio, 0, 50, 30}, {Video, 40, 80, 60},
		}},
		{"restarted at zero, an audio message late", full, []tick{
			{Video, 0, 500_000, 0},
			{Audio, 0, 500_010, 10},
			{Video, 40, 0, 20},
			{Audio, 0, 500_033, 33},
			{Audio, 0, 23, 43},
			{Video, 40, 40, 60},
		}},
		{"audio jumps first", full, []tick{
			{Video, 0, 500_000, 0},
			{Audio, 0, 500_010, 10},
			{Audio, 0, 0, 20},
			{Video, 0, 500_040, 40},
			{Video, 0, 30, 50},
			{Audio, 0, 23, 43},
		}},
		{"two jumps", full, []tick{
			{Video, 0, 0, 0},
			{Video, 40, hourMs, 10},
			{Video, 40, 40 + hourMs, 50},
			{Video, 40, 100_000, 60},
			{Video, 40, 100_040, 100},
		}},
		{"late audio after the second jump", full, []tick{
			{Video, 0, 0, 0},
			{Audio, 0, 5, 5},
			{Video, 40, hourMs, 15},
			{Audio, 0, hourMs + 5, 20},
			{Video, 40, 3 * hourMs, 30},
			{Audio, 0, hourMs + 28, 43},
			{Audio, 0, 3*hourMs + 15, 45},
		}},
		{"a jump and back goes on with the old clock", full, []tick{
			{Video, 0, 0, 0},
			{Video, 40, hourMs, 10},
			{Video, 40, 40 + hourMs, 50},
			{Video, 40, 120, 120},
			{Video, 40, 160, 160},
		}},
		{"32 bits wrap", full, []tick{
			{Video, 0, 0xffffffd8, 0}, {Audio, 0, 0xffffffe0, 8}, {Video, 40, 0, 40}, {Audio, 0, 8, 48}, {Video, 40, 40, 80},
		}},
		{"the first audio is a little older than the first video", full, []tick{
			{Video, 0, 1000, 0}, {Audio, 0, 960, 0}, {Audio, 0, 983, 0}, {Audio, 0, 1006, 6}, {Video, 0, 1040, 40},
		}},
		{"the first audio is much older than the first video", full, []tick{
			{Video, 0, 5000, 0}, {Audio, 0, 0, 0}, {Audio, 0, 4990, 0}, {Audio, 0, 5013, 13}, {Video, 0, 5040, 40},
		}},
		{"zero: a gap is kept", zero, []tick{
			{Video, 0, 700, 0}, {Video, 0, 700 + hourMs, hourMs}, {Video, 0, 740 + hourMs, hourMs + 40},
		}},
		{"zero: a step back is corrected", zero, []tick{{Video, 0, hourMs, 0}, {Video, 0, 0, 10}, {Video, 0, 40, 50}}},
		{"zero: a gap longer than a delta can say", zero, []tick{
			{Video, 0, 0, 0},
			{Audio, 0, 5, 5},
			{Video, 0, 20_000_000, deltaMaxMs},
			{Video, 0, 20_000_040, 20_000_040},
			{Audio, 0, 20_000_045, 5 + deltaMaxMs},
			{Audio, 0, 20_000_068, 20_000_068},
		}},
		{"off: everything is kept", off, []tick{
			{Video, 0, 5000, 5000},
			{Audio, 0, 5010, 5010},
			{Video, 0, 5040, 5040},
			{Video, 0, 5000 + hourMs, 5000 + hourMs},
			{Audio, 0, 5033, 5033},
			{Video, 0, 40, 40},
			{Audio, 0, 45, 45},
			{Video, 0, 30, 30},
			{Video, 0, 80, 80},
		}},
		{"off: beyond 24 bits", off, []tick{
			{Video, 0, 0xfffffd, 0xfffffd},
			{Audio, 0, 0xfffffe, 0xfffffe},
			{Video, 0, 0xffffff, 0xffffff},
			{Audio, 0, 0x1000000, 0x1000000},
			{Video, 0, 0x2000000, 0x2000000},
			{Video, 0, 0x2000028, 0x2000028},
		}},
		{"off: 32 bits wrap, and a jump after it", off, []tick{
			{Video, 0, 0xffffffd8, 0xffffffd8},
			{Audio, 0, 0xffffffe0, 0xffffffe0},
			{Video, 0, 0, 0},
			{Audio, 0, 8, 8},
			{Video, 0, 900_000_000, 900_000_000},
			{Video, 0, 900_000_040, 900_000_040},
			{Video, 0, 40, 40},
			{Video, 0, 80, 80},
		}},
	} {
		for _, chunkSize := range []int{128, 60_000} {
			t.Run(fmt.Sprintf("%s/%d", tc.name, chunkSize), func(t *testing.T) {
				b := newBench(t, func(v *conf.Vhost) { v.Play.TimeJitter, v.ChunkSize = tc.mode, chunkSize })
				p := b.join()
				b.publish()
				var want []got
				for i, m := range tc.ticks {
					b.nowMs += m.waitMs
					payload := audioFrame(i, 300)
					if m.track == Video {
						payload = keyframe(i, 300)
					}
					b.send(m.track.messageType(), m.ts, payload)
					want = append(want, got{m.track.messageType(), m.want, string(payload)})
				}
				b.sleep(2 * audioHoldMs)
				expect(t, p.messages(), want...)
			})
		}
	}
}

// TestLaterPlayersGetTheSameTimes: whoever joins later, at any message, sees the same
// distances as the first player (full), or the same times (off).
func TestLaterPlayersGetTheSameTimes(t *testing.T) {
	clock := []uint32{0xfffff0, 0x1000010, 0x1000030, 40, 60, 80, hourMs, hourMs + 20, hourMs + 40}
	for _, mode := range []conf.Jitter{conf.JitterFull, conf.JitterOff} {
		b := newBench(t, func(v *conf.Vhost) {
			v.Play.TimeJitter, v.ChunkSize = mode, 128
			v.Play.GopCache = true
		}).publish()
		first := b.join()
		b.headers(clock[0])
		var later []*viewer
		for i, ts := range clock {
			b.video(ts, keyframe(i, 1000)) // several chunks: with an extended timestamp each
			later = append(later, b.join())
			b.audio(ts+7, audioFrame(i, 300))
		}
		b.sleep(2 * audioHoldMs)
		frames := func(v *viewer) []got {
			return slices.DeleteFunc(v.media(), func(g got) bool { return g.data[1] == 0 })
		}
		all := frames(first)
		for i, p := range later {
			have := frames(p)
			want := all[len(all)-len(have):]
			if len(have) != len(all)-2*i {
				t.Fatalf("mode %v: player %d got %d frames, want %d", mode, i, len(have), len(all)-2*i)
			}
			shift := uint32(0)
			if mode == conf.JitterFull {
				shift = want[0].ts
			}
			for k := range have {
				if have[k].ts != want[k].ts-shift || have[k].data != want[k].data {
					t.Fatalf("mode %v: player %d, frame %d: got %v, the first player %v", mode, i, k, have[k], want[k])
				}
			}
		}
	}
}

// TestAudioAndVideoStayInStep over jumps of both clocks, in any order of arrival.
func TestAudioAndVideoStayInStep(t *testing.T) {
	for lag := range 6 { // how many audio messages still have the old clock
		b := newBench(t, nil)
		p := b.join()
		b.publish()
		clock := func(i int, jumped bool) uint32 {
			if jumped {
				return uint32(1_000 + i*20)
			}
			return uint32(50_000 + i*20)
		}
		for i := range 60 {
			b.nowMs += 20
			b.video(clock(i, i >= 30), keyframe(i, 50))
			b.audio(clock(i, i >= 30+lag)+5, audioFrame(i, 50))
		}
		b.sleep(2 * audioHoldMs)
		all := p.media()
		for i := 0; i < len(all); i += 2 {
			if n := i / 2; n < 30 || n >= 30+lag {
				if all[i].typ != msg.TypeVideo || all[i+1].ts-all[i].ts != 5 {
					t.Fatalf("lag %d: pair %d is %v, %v", lag, n, all[i], all[i+1])
				}
			}
		}
	}
}

func TestATC(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  func(*conf.Play)
		meta bool // bravo_atc in the metadata
		want uint32
	}{
		{"atc keeps times whatever time_jitter says", func(p *conf.Play) { p.ATC = true }, false, 1_000_000},
		{"atc_auto with bravo_atc", func(p *conf.Play) { p.ATCAuto = true }, true, 1_000_000},
		{"atc_auto without", func(p *conf.Play) { p.ATCAuto = true }, false, 0},
		{"bravo_atc without atc_auto", func(*conf.Play) {}, true, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, func(v *conf.Vhost) { tc.set(&v.Play) }).publish()
			b.s.WriteMetadata(0, []byte("meta"), tc.meta, b.nowMs)
			b.video(1_000_000, keyframe(1, 50))
			p := b.join()
			b.video(1_000_040, interframe(2, 50))
			expect(t, p.media(), v(tc.want, keyframe(1, 50)), v(tc.want+40, interframe(2, 50)))
			if m := p.messages()[0]; m.ts != tc.want {
				t.Fatalf("the metadata of a later player is stamped %d, want %d", m.ts, tc.want)
			}
		})
	}
}

// TestATCInMidStream: atc_auto takes effect where the metadata comes, for old and new
// players, and however far the corrected time was from the encoder's.
func TestATCInMidStream(t *testing.T) {
	b := newBench(t, func(v *conf.Vhost) { v.Play.ATCAuto = true }).publish()
	p := b.join()
	b.video(3*hourMs, keyframe(0, 50))
	b.audio(3*hourMs+5, audioFrame(1, 50))
	b.video(500, keyframe(2, 50)) // a jump, corrected
	b.s.WriteMetadata(540, []byte("meta"), true, b.nowMs)
	b.video(540, keyframe(3, 50))
	b.audio(545, audioFrame(4, 50))
	q := b.join()
	b.video(580, interframe(5, 50))
	b.sleep(2 * audioHoldMs)
	tail := []got{v(540, keyframe(3, 50)), a(545, audioFrame(4, 50)), v(580, interframe(5, 50))}
	expect(t, p.media(), append([]got{v(0, keyframe(0, 50)), a(5, audioFrame(1, 50)), v(15, keyframe(2, 50))}, tail...)...)
	expect(t, q.media(), tail...)
	// What was left of the corrected clock must not make players look late.
	q.room = 0
	b.video(620, interframe(6, 50))
	b.sleep(20_000)
	q.p.Check(b.nowMs)
	if q.p.Skipped != 0 {
		t.Fatal("a player that is one frame behind was moved forward")
	}
}

// TestATCAfterAMoveForward: the place where the player was moved to in corrected time says
// nothing about the encoder's.
func TestATCAfterAMoveForward(t *testing.T) {
	b := newBench(t, func(v *conf.Vhost) { v.Play.ATCAuto, v.Play.QueueLengthMs = true, 1000 }).publish()
	b.video(5*hourMs, keyframe(0, 50))
	p := b.join()
	b.video(5*hourMs+9000, keyframe(1, 50))
	p.p.Pause(true, b.nowMs)
	b.video(5*hourMs+9040, interframe(1, 50))
	b.sleep(2000)
	b.video(5*hourMs+11_040, interframe(1, 50))
	p.p.Check(b.nowMs)
	had := len(p.messages())
	b.s.WriteMetadata(40, []byte("meta"), true, b.nowMs)
	p.p.Pause(false, b.nowMs)
	b.video(40, keyframe(2, 50))
	b.video(80, interframe(3, 50))
	b.audio(85, audioFrame(4, 50))
	b.sleep(200)
	if p.p.Skipped != 1 {
		t.Fatalf("moved %d times", p.p.Skipped)
	}
	m := p.messages()[had:]
	expect(t, m[len(m)-3:], v(40, keyframe(2, 50)), v(80, interframe(3, 50)), a(85, audioFrame(4, 50)))
}

// TestExtendedTimestampsOnTheWire: they stand in every chunk of a message whose header has
// one (RTMP 1.0 §5.3.1.3), whether it comes out of the log or was made for a player.
func TestExtendedTimestampsOnTheWire(t *testing.T) {
	b := newBench(t, func(v *conf.Vhost) { v.Play.TimeJitter, v.ChunkSize = conf.JitterOff, 128 })
	first := b.join()
	b.publish()
	b.video(0, keyframe(0, 50))
	b.video(0x2000000, keyframe(1, 1000)) // too far for a delta
	second := b.join()
	h := chunk.Header{CSID: Video.csid(), Timestamp: 0x2000000, Type: msg.TypeVideo, StreamID: MessageStreamID}
	want := chunk.AppendMessage(nil, h, keyframe(1, 1000), 128)
	if !bytes.HasSuffix(first.raw, want) || !bytes.Equal(second.raw, want) {
		t.Fatalf("got\n% x\n% x\nwant\n% x", first.raw, second.raw, want)
	}
	b.video(0x2000028, keyframe(2, 1000)) // a delta: no extended timestamp in the log
	h.Timestamp = 0x2000028
	want = chunk.AppendMessage(nil, h, keyframe(2, 1000), 128)
	if third := b.join(); !bytes.Equal(third.raw, want) {
		t.Fatalf("got\n% x\nwant\n% x", third.raw, want)
	}
}

// TestExtendedTimestampsForALatePlayer: a keyframe of several chunks, more than 4.6 hours
// into a stream whose times are kept, through a socket that takes it in two pieces.
func TestExtendedTimestampsForALatePlayer(t *testing.T) {
	for _, room := range []int{-1, 0, 1, 15, 16, 200, 1500} {
		b := newBench(t, func(v *conf.Vhost) { v.Play.TimeJitter, v.ChunkSize = conf.JitterOff, 128 }).publish()
		b.headers(0xfffff0)
		b.video(0x1000010, keyframe(1, 1000))
		b.audio(0x1000015, audioFrame(2, 500))
		p := b.join()
		all := p.media()
		q := b.join()
		q.room = room
		b.video(0x1000038, interframe(3, 700))
		b.sleep(500)
		q.room = -1
		b.sleep(500)
		want := []got{v(0x1000010, keyframe(1, 1000)), a(0x1000015, audioFrame(2, 500))}
		expect(t, all[2:], want...)
		expect(t, q.media()[2:], append(want, v(0x1000038, interframe(3, 700)))...)
	}
}

// TestAbsoluteHeaderOfAnEvictedMessage: with times kept, a first message of several
// chunks has extended timestamps between its pieces; taken back out, they are gone.
func TestAbsoluteHeaderOfAnEvictedMessage(t *testing.T) {
	b := newBench(t, func(v *conf.Vhost) { v.Play.TimeJitter, v.ChunkSize = conf.JitterOff, 128 }).publish()
	p := b.join()
	payload := keyframe(1, 1000)
	for n := 1; n <= len(payload); n += 37 {
		b.s.Begin(msg.TypeVideo, 0x1234567, uint32(len(payload)), b.nowMs)
		b.s.Payload(payload[:n])
		if have := b.s.Evict(nil); !bytes.Equal(have, payload[:n]) {
			t.Fatalf("%d bytes written, %d came back", n, len(have))
		}
	}
	if have := b.s.Evict([]byte("kept")); string(have) != "kept" {
		t.Fatalf("without an open message: %q", have)
	}
	b.video(0x1234567, payload)
	expect(t, p.media(), v(0x1234567, payload))
}

// TestJumpsWithTimesKept: after the clock went back, players are not taken for late.
func TestJumpsWithTimesKept(t *testing.T) {
	b := newBench(t, func(v *conf.Vhost) { v.Play.TimeJitter = conf.JitterOff }).publish()
	p := b.join()
	b.video(hourMs, keyframe(1, 50))
	b.video(0, keyframe(2, 50))
	p.room = 0
	b.video(40, interframe(3, 50))
	b.sleep(20_000)
	p.p.Check(b.nowMs)
	if p.p.Skipped != 0 || p.lost != nil {
		t.Fatalf("one frame behind: skipped %d, lost %v", p.p.Skipped, p.lost)
	}
}

// TestMetadataHasThePlaceWhereItComes: encoders stamp it zero, in mid-stream too.
func TestMetadataHasThePlaceWhereItComes(t *testing.T) {
	b := newBench(t, nil)
	p := b.join()
	b.publish()
	b.video(900_000, keyframe(1, 50))
	b.video(900_040, interframe(2, 50))
	b.s.WriteMetadata(0, []byte("meta"), false, b.nowMs)
	b.video(900_080, interframe(3, 50))
	expect(t, p.messages(), v(0, keyframe(1, 50)), v(40, interframe(2, 50)), d(40, "meta"), v(80, interframe(3, 50)))
}
