// SPDX-License-Identifier: MIT

package engine

import (
	"testing"
	"time"

	"srsd/engine/journal"
	"srsd/engine/sink"
)

// A stream that has ended does not hold memory for its HLS when there is none left; one that is
// published keeps its own.
func TestScarceMemory(t *testing.T) {
	opts, p := options(t, "limits { max_memory 1; } http_server { enabled on; }", "hls { enabled on; }")
	opts.Config.HTTPServer.Listen = []string{"127.0.0.1:0"}
	s := run(t, opts, p)
	const early = "given up early"
	stays := s.dial().publish("stays")
	goes := s.dial().publish("goes")
	for _, c := range []*client{stays, goes} {
		c.video(0, keyframe(1, 100))
	}
	if err := goes.conn.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its output goes", func() bool { return s.log.count(early) == 1 })
	if s.log.count("output=hls stream=/live/goes") != 1 {
		t.Errorf("not that of the stream that ended:\n%s", s.log)
	}
}

// ended are so many outputs of streams that have ended.
type ended struct{ n int }

func (e *ended) Relieve() bool {
	e.n--
	return e.n >= 0
}

// When memory is scarce outputs of streams that have ended go first, then all have less room, one step at a time; when
// there is some again they have more.
func TestScarcity(t *testing.T) {
	const most = 1000
	room := new(sink.Room)
	whole := room.Bytes()
	s := scarcity{outputs: &ended{2}, room: room, log: journal.Discard()}
	now := time.Now()
	for _, step := range []struct {
		what string
		used int64
		wait time.Duration
		want int
	}{
		{"enough", 600, time.Hour, whole},
		{"an ended one goes", 800, 0, whole},
		{"another one", 800, 0, whole},
		{"no ended one", 800, 0, whole / 2},
		{"at once", 800, time.Second, whole / 2},
		{"it did not help", 800, lessEvery, whole / 4},
		{"neither scarce nor enough", 700, time.Hour, whole / 4},
		{"enough again", 400, 0, whole / 2},
		{"and at once", 400, time.Second, whole / 2},
		{"later", 400, moreEvery, whole},
		{"all", 400, moreEvery, whole},
	} {
		now = now.Add(step.wait)
		if s.look(step.used, most, now); room.Bytes() != step.want {
			t.Errorf("%s: room is for %d bytes, want %d", step.what, room.Bytes(), step.want)
		}
	}
	if s.look(800, 0, now.Add(time.Hour)); room.Bytes() != whole {
		t.Error("no bound, and less room")
	}
}
