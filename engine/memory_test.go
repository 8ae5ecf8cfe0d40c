// SPDX-License-Identifier: MIT

package engine

import "testing"

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
