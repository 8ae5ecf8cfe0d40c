// SPDX-License-Identifier: MIT

package engine

import (
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// files returns how many descriptors the process has open.
func files(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here")
	}
	return len(list)
}

// TestNoLeaks: clients that come and go, and a server that ends, leave nothing behind (R11).
func TestNoLeaks(t *testing.T) {
	cycles := 2000
	if testing.Short() {
		cycles = 200
	}
	before := goleak.IgnoreCurrent()
	filesBefore := files(t)
	s := start(t, "", "")
	_ = s.dial().conn.Close() // it runs
	eventually(t, "no session", func() bool { return s.sessions() == 0 })
	goroutines, filesIdle := runtime.NumGoroutine(), files(t)
	for i := range cycles {
		c := s.dial()
		switch i % 4 {
		case 0:
			c.play("show")
		case 1:
			c.publish("show" + string(rune('a'+i%20)))
			c.video(0, keyframe(i, 100))
		case 2:
			c.reset()
		}
		_ = c.conn.Close()
		if i%100 == 99 { // names become free a moment after their publishers leave
			eventually(t, "all sessions have ended", func() bool { return s.sessions() == 0 })
		}
	}
	eventually(t, "files as before", func() bool { return files(t) <= filesIdle })
	eventually(t, "goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines })
	s.do(func(l *loop) {
		slabs, _ := l.hub.Slabs()
		if l.hub.Streams() != 0 || l.hub.Players() != 0 || slabs != 0 || s.e.door.connections.Load() != 0 {
			t.Errorf("%d streams, %d players, %d slabs, %d connections are left",
				l.hub.Streams(), l.hub.Players(), slabs, s.e.door.connections.Load())
		}
		if st := &l.env.Stats; st.Opened != int64(cycles)+1 || st.Closed != st.Opened || st.Panics != 0 {
			t.Errorf("opened %d, closed %d, panics %d", st.Opened, st.Closed, st.Panics)
		}
	})
	s.stop()
	if err := s.wait(); err != nil {
		t.Error(err)
	}
	_ = s.e.opts.Log.Close(time.Second)
	goleak.VerifyNone(t, before,
		goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*poolCommon).purgeStaleWorkers"),
		goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*poolCommon).ticktock"))
	eventually(t, "files as at the beginning", func() bool { return files(t) <= filesBefore })
}

// TestStopWhileConnecting: clients that arrive in the moment of the end are neither served
// nor forgotten.
func TestStopWhileConnecting(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for range 10 {
		s := start(t, "", "")
		for range 8 {
			go func() {
				for {
					c, err := net.Dial("tcp", s.addr)
					if err != nil {
						return
					}
					_ = c.Close()
				}
			}()
		}
		time.Sleep(5 * time.Millisecond)
		s.stop()
		if err := s.wait(); err != nil {
			t.Error(err)
		}
		if n := s.e.door.connections.Load(); n != 0 {
			t.Errorf("%d connections are counted after the end", n)
		}
		_ = s.e.opts.Log.Close(time.Second)
	}
	goleak.VerifyNone(t, before,
		goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*poolCommon).purgeStaleWorkers"),
		goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*poolCommon).ticktock"))
}
