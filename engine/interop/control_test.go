// SPDX-License-Identifier: MIT

package interop

import (
	"testing"
	"time"
)

// stillInFlight is how long media may go on after a command that ends it: what the
// server had merged for sending before, and the socket's own buffer.
const stillInFlight = 600 * time.Millisecond

// liveStream starts a server and an endless real-time stream on /live/x.
func liveStream(t *testing.T, s settings) *server {
	t.Helper()
	src, srv := generate(t, fixtureBFrame), startServer(t, s)
	rawPublish(t, srv, "live", "x").sendLoop(t, src.tags)
	return srv
}

// countSince counts frames of a track in the events from index on.
func countSince(p *rawPlayer, from int, tr track) int {
	events, _ := p.log()
	return len(recordEvents("", events[from:]).media(tr))
}

// checkPlayable checks events from index on as a decoder's input that starts anew:
// a keyframe first, time never back, audio and video together.
func checkPlayable(t *testing.T, p *rawPlayer, from int) {
	t.Helper()
	events, _ := p.log()
	r := recordEvents("raw client", events[from:])
	checkMonotonic(t, r)
	if v := r.media(video); len(v) == 0 || !v[0].key {
		t.Errorf("%d video frames, the first %v; want a keyframe", len(v), v[:min(1, len(v))])
	}
	checkTogether(t, r)
}

// checkTogether: frames of both tracks that arrive together have about the same time.
func checkTogether(t *testing.T, r recording) {
	t.Helper()
	const apartMs = 400 // the fixtures interleave within 150 ms; B-frames delay nothing in decoding time
	last := map[track]packet{}
	for _, p := range r.packets {
		if p.header {
			continue
		}
		last[p.track] = p
		a, okA := last[audio]
		v, okV := last[video]
		if d := a.dtsMs - v.dtsMs; okA && okV && (d > apartMs || d < -apartMs) {
			t.Errorf("audio and video are %d ms apart: %v and %v", d, a, v)
			return
		}
	}
}

// TestPause: pause stops the media and says so; unpause goes on, decodable, in time.
func TestPause(t *testing.T) {
	t.Parallel()
	srv := liveStream(t, settings{})
	p := rawPlay(t, srv, "live", "x")
	p.waitMedia(t, 0, video, 10)

	from := p.mark()
	p.command(t, mediaMsid, "pause", false, nil, true, 0)
	p.waitFor(t, from, "NetStream.Pause.Notify", replyWithin, isStatus("NetStream.Pause.Notify"))
	p.waitFor(t, from, "StreamEOF", replyWithin, isControl(eventStreamEOF))
	pause(stillInFlight)
	from = p.mark()
	pause(time.Second)
	if a, v := countSince(p, from, audio), countSince(p, from, video); a+v > 0 {
		t.Errorf("%d audio and %d video frames while paused", a, v)
	}

	from = p.mark()
	p.command(t, mediaMsid, "pause", false, nil, false, 0)
	p.waitFor(t, from, "NetStream.Unpause.Notify", replyWithin, isStatus("NetStream.Unpause.Notify"))
	p.waitFor(t, from, "StreamBegin", replyWithin, isControl(eventStreamBegin))
	p.waitMedia(t, from, audio, 30)
	p.waitMedia(t, from, video, 30)
	checkMonotonic(t, p.recording())
	events, _ := p.log()
	checkTogether(t, recordEvents("raw client", events[p.from:from]))
	checkTogether(t, recordEvents("raw client, after the pause", events[from:]))
	checkContinues(t, p, from)
}

// checkContinues: the first frame after index from either follows the last one before
// it, as the fixture (which is sent in a loop) has it, or is a keyframe.
func checkContinues(t *testing.T, p *rawPlayer, from int) {
	t.Helper()
	events, _ := p.log()
	before := recordEvents("", events[p.from:from]).media(video)
	after := recordEvents("", events[from:]).media(video)
	src := generate(t, fixtureBFrame).rec.media(video)
	if len(before) == 0 || len(after) == 0 {
		t.Fatalf("%d video frames before, %d after", len(before), len(after))
	}
	next := src[(indexOf(src, before[len(before)-1])+1)%len(src)]
	if !after[0].key && !after[0].sameMedia(next) {
		t.Errorf("goes on with %v; want %v or a keyframe", after[0], next)
	}
}

// TestReceiveOneTrack: receiveAudio and receiveVideo false take one track away and leave
// the other complete; true brings it back, decodable and in step.
func TestReceiveOneTrack(t *testing.T) {
	t.Parallel()
	srv := liveStream(t, settings{})
	for _, tc := range []struct {
		command   string
		off, kept track
	}{{"receiveAudio", audio, video}, {"receiveVideo", video, audio}} {
		t.Run(tc.command, func(t *testing.T) {
			t.Parallel()
			p := rawPlay(t, srv, "live", "x")
			p.waitMedia(t, 0, tc.off, 10)
			p.command(t, mediaMsid, tc.command, false, nil, false)
			pause(stillInFlight)
			from := p.mark()
			pause(1200 * time.Millisecond)
			if n := countSince(p, from, tc.off); n > 0 {
				t.Errorf("%d frames on track %c after %s false", n, tc.off, tc.command)
			}
			if n := countSince(p, from, tc.kept); n < 20 {
				t.Errorf("%d frames on track %c in over a second; want 25 or more", n, tc.kept)
			}
			checkLoopComplete(t, p, tc.kept)

			from = p.mark()
			p.command(t, mediaMsid, tc.command, false, nil, true)
			p.waitMedia(t, from, tc.off, 30)
			checkMonotonic(t, p.recording())
			events, _ := p.log()
			back := recordEvents("raw client", events[from:])
			if tc.off == video && !back.media(video)[0].key {
				t.Errorf("video comes back with %v; want a keyframe", back.media(video)[0])
			}
			checkTogether(t, back)
		})
	}
}

// checkLoopComplete: a track has every frame of the looped fixture from its first on.
func checkLoopComplete(t *testing.T, p *rawPlayer, tr track) {
	t.Helper()
	src, got := generate(t, fixtureBFrame).rec.media(tr), p.recording().media(tr)
	start := indexOf(src, got[0])
	for i := range got {
		if want := src[(start+i)%len(src)]; !got[i].sameMedia(want) {
			t.Errorf("frame %d on track %c is %v; want %v", i, tr, got[i], want)
			return
		}
	}
}

// TestPlayAgain: closeStream ends playing but not the connection; the next play
// on it starts like a first one.
func TestPlayAgain(t *testing.T) {
	t.Parallel()
	srv := liveStream(t, settings{})
	for _, tc := range []struct {
		name  string
		leave func(t *testing.T, p *rawPlayer)
	}{
		{"closeStream", func(t *testing.T, p *rawPlayer) {
			t.Helper()
			p.command(t, mediaMsid, "closeStream", false, nil)
		}},
		{"deleteStream, createStream", func(t *testing.T, p *rawPlayer) {
			t.Helper()
			p.command(t, 0, "deleteStream", false, nil, mediaMsid)
			pause(stillInFlight)
			p.createStream(t)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := rawPlay(t, srv, "live", "x")
			p.waitMedia(t, 0, video, 10)
			tc.leave(t, p)
			pause(stillInFlight)
			from := p.mark()
			pause(time.Second)
			if a, v := countSince(p, from, audio), countSince(p, from, video); a+v > 0 {
				t.Errorf("%d audio and %d video frames after leaving", a, v)
			}
			p.play(t, "x")
			p.waitMedia(t, p.from, audio, 20)
			p.waitMedia(t, p.from, video, 20)
			checkPlayable(t, p, p.from)
			checkStartsAtZero(t, p.recording())
			src := generate(t, fixtureBFrame).rec
			for _, tr := range bothTracks {
				if h := p.recording().headers(tr); len(h) == 0 || h[0].sum != src.headers(tr)[0].sum {
					t.Errorf("second play: sequence headers of track %c: %v; want %v", tr, h, src.headers(tr)[0])
				}
			}
		})
	}
}

// TestPlayDuration: a play with a duration (milliseconds, as SRS takes it) ends after that much media.
func TestPlayDuration(t *testing.T) {
	t.Parallel()
	const durationMs = 1500
	srv := liveStream(t, settings{})
	c := dial(t, srv)
	c.connect(t, "live", srv.url("live"))
	c.createStream(t)
	p := &rawPlayer{client: c}
	p.play(t, "x", -1, durationMs)
	p.waitMedia(t, 0, video, 20)
	// The whole of it, plus a group of pictures that came in one burst at the join.
	pause(durationMs*time.Millisecond + stillInFlight)
	from := p.mark()
	pause(time.Second)
	if a, v := countSince(p, from, audio), countSince(p, from, video); a+v > 0 {
		t.Errorf("%d audio and %d video frames after the end", a, v)
	}
	v := p.recording().media(video)
	if span := v[len(v)-1].dtsMs - v[0].dtsMs; span < durationMs-500 || span > durationMs+1500 {
		t.Errorf("got %d ms of video; want %d", span, durationMs)
	}
}

// TestPlayAnswers: what a player is told before the first frame, in SRS's order.
func TestPlayAnswers(t *testing.T) {
	t.Parallel()
	srv := liveStream(t, settings{})
	p := rawPlay(t, srv, "live", "x")
	p.waitMedia(t, 0, video, 1)
	at := p.from
	for _, want := range []struct {
		what  string
		match func(event) bool
	}{
		{"StreamBegin", isControl(eventStreamBegin)},
		{"NetStream.Play.Reset", isStatus("NetStream.Play.Reset")},
		{"NetStream.Play.Start", isStatus("NetStream.Play.Start")},
		{"|RtmpSampleAccess", func(e event) bool { v := e.values(); return len(v) == 3 && v[0] == "|RtmpSampleAccess" }},
		{"onMetaData", func(e event) bool { v := e.values(); return len(v) == 2 && v[0] == "onMetaData" }},
		{"audio sequence header", isHeader(audio)},
		{"video sequence header", isHeader(video)},
		{"video frame", isMedia(video)},
	} {
		at = 1 + p.waitFor(t, at, want.what+" in its place", replyWithin, want.match)
	}
}

func isHeader(tr track) func(event) bool {
	return func(e event) bool {
		p, ok := toPacket(e.typ, e.tsMs, e.body)
		return ok && p.track == tr && p.header
	}
}
