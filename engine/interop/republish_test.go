// SPDX-License-Identifier: MIT

package interop

import (
	"testing"
	"time"
)

// TestPublisherReconnects: players stay when the publisher goes, and go on with
// the next one: its sequence headers first, on a clock that runs on.
func TestPublisherReconnects(t *testing.T) {
	t.Parallel()
	first, second := generate(t, fixtureAVCAAC), generate(t, fixtureOther)
	if first.rec.headers(video)[0].sum == second.rec.headers(video)[0].sum {
		t.Fatal("both fixtures have the same sequence header: the test would see nothing")
	}
	srv := startServer(t, settings{})
	players := waitingPlayers(t, srv, "again")
	finish(t, ffmpegPublish(t, srv.url("live/again"), first), first)
	finish(t, ffmpegPublish(t, srv.url("live/again"), second), second)
	for _, p := range players {
		checkReconnect(t, first.rec, second.rec, p.stop(t))
	}
}

// TestPublisherBreaksOff: the same when the first publisher dies in mid-stream.
func TestPublisherBreaksOff(t *testing.T) {
	t.Parallel()
	src, second := generate(t, fixtureBFrame), generate(t, fixtureOther)
	srv := startServer(t, settings{})
	players := []player{
		rtmpdumpPlay(t, "-r", srv.url("live/broken")),
		gortmpPlay(t, srv, "broken"),
		rawPlay(t, srv, "live", "broken"),
	}
	cut := src.tags[:len(src.tags)*2/3]
	pub := rawPublish(t, srv, "live", "broken")
	pub.start(cut, 2).mustSucceed(t, src.len+publishSlack)
	pub.sendHalf(t, src.tags[len(cut)])
	pub.close()
	pause(drain)
	rawPublish(t, srv, "live", "broken").start(second.tags, 2).mustSucceed(t, second.len+publishSlack)
	pause(drain)
	for _, p := range players {
		checkReconnect(t, recordTags("cut source", cut), second.rec, p.stop(t))
	}
}

// sendHalf sends the first half of a message, which nobody may ever see.
func (p rawPublisher) sendHalf(t *testing.T, tag flvTag) {
	t.Helper()
	torn := p.out.append(nil, tagMessage(tag))
	if _, err := p.conn.Write(torn[:len(torn)/2]); err != nil {
		t.Fatal(err)
	}
}

// checkReconnect checks a player's recording of two publishers in a row.
func checkReconnect(t *testing.T, first, second, got recording) {
	t.Helper()
	checkMonotonic(t, got)
	a, b := splitAt(got, map[track]int{audio: len(first.media(audio)), video: len(first.media(video))})
	checkRelay(t, first, a, whole)
	checkStartsAtZero(t, a)
	if got.peer == "ffmpeg" { // tells sequence headers at the start only
		for _, tr := range bothTracks {
			checkTrack(t, second, b, tr, whole)
		}
	} else {
		checkRelay(t, second, b, whole)
	}
	checkSeam(t, a, b)
}

// TestSecondPublisherRefused: a live name belongs to its first publisher, who does
// not notice the others. They are told why, then closed.
func TestSecondPublisherRefused(t *testing.T) {
	t.Parallel()
	src, other := generate(t, fixtureAVCAAC), generate(t, fixtureOther)
	srv := startServer(t, settings{})
	p := rawPlay(t, srv, "live", "taken")
	publisher := ffmpegPublish(t, srv.url("live/taken"), src)
	p.waitMedia(t, 0, video, 10)

	t.Run("ffmpeg", func(t *testing.T) {
		rival := ffmpegPublish(t, srv.url("live/taken"), other)
		if code, ended := rival.wait(other.len - time.Second); !ended || code == 0 {
			t.Errorf("second ffmpeg: ended %v, exit code %d; want a failure at once\n%s", ended, code, rival.out.tail())
		}
	})
	t.Run("raw client", func(t *testing.T) {
		rival := dial(t, srv)
		rival.connect(t, "live", srv.url("live"))
		rival.createStream(t)
		begin := time.Now()
		rival.command(t, mediaMsid, "publish", true, nil, "taken", "live")
		rival.waitFor(t, 0, "NetStream.Publish.BadName", replyWithin, isStatus("NetStream.Publish.BadName"))
		rival.waitClosed(t, begin, replyWithin)
	})

	finish(t, publisher, src)
	checkRelay(t, src.rec, p.stop(t), whole)
}

// TestTakeover: with publish.takeover a stream goes to who publishes it last. Players see two
// publishers in a row, the first one is told why and closed; ffmpeg shows it.
func TestTakeover(t *testing.T) {
	t.Parallel()
	src, second := generate(t, fixtureBFrame), generate(t, fixtureOther)
	srv := startServer(t, settings{publish: "takeover on;"})
	t.Run("players", func(t *testing.T) {
		t.Parallel()
		players := []player{
			rtmpdumpPlay(t, "-r", srv.url("live/moved")),
			gortmpPlay(t, srv, "moved"),
			rawPlay(t, srv, "live", "moved"),
		}
		cut := src.tags[:len(src.tags)*2/3]
		first := rawPublish(t, srv, "live", "moved")
		first.start(cut, 2).mustSucceed(t, src.len+publishSlack)
		first.sendHalf(t, src.tags[len(cut)])
		pause(drain)
		from := first.mark()
		next := rawPublish(t, srv, "live", "moved")
		first.waitFor(t, from, "NetStream.Publish.BadName", replyWithin, isStatus("NetStream.Publish.BadName"))
		first.waitClosedAny(t, replyWithin)
		next.start(second.tags, 2).mustSucceed(t, second.len+publishSlack)
		pause(drain)
		for _, p := range players {
			checkReconnect(t, recordTags("cut source", cut), second.rec, p.stop(t))
		}
	})
	t.Run("ffmpeg is told", func(t *testing.T) {
		t.Parallel()
		watcher := rawPlay(t, srv, "live", "mine")
		ousted := ffmpegPublish(t, srv.url("live/mine"), src)
		watcher.waitMedia(t, 0, video, 10)
		rawPublish(t, srv, "live", "mine")
		ousted.waitOutput(t, "taken the stream over", replyWithin)
		if code, ended := ousted.wait(replyWithin); !ended || code == 0 {
			t.Errorf("ended %v, exit code %d; want a failure", ended, code)
		}
	})
}

// TestNameIsFreeAgain: a name can be published at once after its publisher has
// gone, whether it said so, closed, or was cut off.
func TestNameIsFreeAgain(t *testing.T) {
	t.Parallel()
	src, srv := generate(t, fixtureAVCAAC), startServer(t, settings{})
	leave := []struct {
		name string
		do   func(t *testing.T, p rawPublisher)
	}{
		{"FCUnpublish", func(t *testing.T, p rawPublisher) {
			t.Helper()
			from := p.mark()
			p.command(t, mediaMsid, "FCUnpublish", true, nil, "free")
			p.waitFor(t, from, "NetStream.Unpublish.Success", replyWithin, isStatus("NetStream.Unpublish.Success"))
		}},
		{"close", func(t *testing.T, p rawPublisher) { t.Helper(); p.close() }},
		{"reset", func(t *testing.T, p rawPublisher) { t.Helper(); p.reset(t) }},
	}
	for _, tc := range leave {
		t.Run(tc.name, func(t *testing.T) {
			p := fmlePublish(t, srv, "free")
			for _, tag := range src.tags[:20] {
				p.sendTag(t, tag)
			}
			tc.do(t, p)
			// The close may still be on its way to the server.
			pause(settle)
			next := fmlePublish(t, srv, "free")
			next.close()
			pause(settle)
		})
	}
}
