// SPDX-License-Identifier: MIT

package interop

import (
	"os"
	"path/filepath"
	"testing"
)

// Bases that put a stream's clock where 24 bits of milliseconds end (RTMP 1.0
// §5.3.1.3), and beyond.
const (
	crossingMs  = extendedTime - 2500
	fiveHoursMs = 5 * 60 * 60 * 1000
)

// rebased writes the fixture with its clock at baseMs.
func rebased(t *testing.T, f fixture, baseMs uint32) source {
	t.Helper()
	tags := rebase(generate(t, f).tags, baseMs)
	file := filepath.Join(t.TempDir(), "rebased.flv")
	if err := os.WriteFile(file, flvFile(tags), 0o600); err != nil {
		t.Fatal(err)
	}
	return newSource(f.name+" rebased", file, tags)
}

// clockBases are the cases of every test here.
var clockBases = []struct {
	name   string
	baseMs uint32
}{{"crosses 24 bits", crossingMs}, {"five hours", fiveHoursMs}}

// clockPublishers differ in how they write the time on the wire.
var clockPublishers = []struct {
	name  string
	start func(t *testing.T, s *server, src source) publication
}{
	{"ffmpeg", func(t *testing.T, s *server, src source) publication {
		t.Helper()
		return ffmpegPublish(t, s.url("live/long"), src, "-copyts")
	}},
	{"full headers", func(t *testing.T, s *server, src source) publication {
		t.Helper()
		return rawPublish(t, s, "live", "long").start(src.tags, 1)
	}},
	{"compressed headers", func(t *testing.T, s *server, src source) publication {
		t.Helper()
		p := rawPublish(t, s, "live", "long")
		p.out.compress = true
		return p.start(src.tags, 1)
	}},
}

// TestLongClock: a publisher that has been on air for hours. Players, early and
// late, see the stream start at zero and lose nothing, whatever the publisher's
// way to write the time.
func TestLongClock(t *testing.T) {
	t.Parallel()
	for _, base := range clockBases {
		for _, pub := range clockPublishers {
			t.Run(base.name+", "+pub.name, func(t *testing.T) {
				t.Parallel()
				src, srv := rebased(t, fixtureBFrame, base.baseMs), startServer(t, settings{})
				early := waitingPlayers(t, srv, "long")
				witness := rawPlay(t, srv, "live", "long")
				sent := pub.start(t, srv, src)
				witness.waitMedia(t, 0, video, 85) // past the crossing, in mid-GOP
				late := rtmpdumpPlay(t, "-r", srv.url("live/long"))
				finish(t, sent, src)
				for _, p := range append(early, witness) {
					got := p.stop(t)
					checkRelay(t, src.rec, got, whole)
					checkStartsAtZero(t, got)
				}
				got := late.stop(t)
				checkRelay(t, src.rec, got, tail)
				checkStartsAtZero(t, got)
			})
		}
	}
}

// TestLongClockUntouched: with time_jitter off the publisher's own times reach the
// players, over the end of 24 bits, early and late.
func TestLongClockUntouched(t *testing.T) {
	t.Parallel()
	for _, base := range clockBases {
		t.Run(base.name, func(t *testing.T) {
			t.Parallel()
			src, srv := rebased(t, fixtureBFrame, base.baseMs), startServer(t, settings{play: "time_jitter off;"})
			early := []player{rtmpdumpPlay(t, "-r", srv.url("live/off")), gortmpPlay(t, srv, "off")}
			witness := rawPlay(t, srv, "live", "off")
			sent := rawPublish(t, srv, "live", "off").start(src.tags, 1)
			witness.waitMedia(t, 0, video, 85)
			late := []player{rtmpdumpPlay(t, "-r", srv.url("live/off")), rawPlay(t, srv, "live", "off")}
			finish(t, sent, src)
			for _, p := range append(early, witness) {
				checkUntouched(t, src, p.stop(t), whole)
			}
			for _, p := range late {
				checkUntouched(t, src, p.stop(t), tail)
			}
		})
	}
}

func checkUntouched(t *testing.T, src source, got recording, s scope) {
	t.Helper()
	if checkRelay(t, src.rec, got, s) {
		checkSameTimes(t, src.rec, got)
	}
}
