// SPDX-License-Identifier: MIT

package journal

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// closeTimeout is ample: tests wait for it only when they fail.
const closeTimeout = 10 * time.Second

func TestMain(m *testing.M) {
	// lumberjack's cleaner has no end of its own; one stays behind per log file.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun"))
}

// testFormat stamps every line with one moment, process 4711 and id vid-test.
func testFormat() *format {
	at := time.Date(2026, 11, 23, 10, 11, 12, 345_678_000, time.UTC)
	return &format{pid: "4711", id: "vid-test", utc: true, now: func() time.Time { return at }}
}

// testLog returns a log with a fixed format that writes to out.
func testLog(out tank, l limits) *Log {
	q := newQueue(out, testFormat(), l)
	go q.run()
	return &Log{core{level: zap.NewAtomicLevelAt(LevelTrace), format: q.format, queue: q}}
}

var wideLimits = limits{lines: QueueLinesMax, bytes: QueueBytesMax}

// capture returns what the log that use is given has written when it is closed.
func capture(t *testing.T, use func(*Log)) string {
	t.Helper()
	var out bytes.Buffer
	log := testLog(console{&out}, wideLimits)
	use(log)
	if err := log.Close(closeTimeout); err != nil {
		t.Fatal(err)
	}
	if q := log.core.queue; q.lines != 0 || q.bytes != 0 {
		t.Fatalf("%d lines, %d bytes on the books of an empty queue", q.lines, q.bytes)
	}
	return out.String()
}

func TestFormat(t *testing.T) {
	got := capture(t, func(log *Log) {
		log.Trace("a1b2c3d", "chunk")
		log.Debug("a1b2c3d", "connect", zap.String("app", "live"))
		log.Info("a1b2c3d", "publish", zap.String("stream", "live/show"), zap.Int("bytes", 1024))
		log.Warn("", "no id: the server's own")
		log.Error("a1b2c3d", "closed", zap.Error(errors.New("read: reset by peer")))
	})
	want := `[2026-11-23 10:11:12.345][TRACE][4711][a1b2c3d] chunk
[2026-11-23 10:11:12.345][DEBUG][4711][a1b2c3d] connect app=live
[2026-11-23 10:11:12.345][INFO][4711][a1b2c3d] publish stream=live/show bytes=1024
[2026-11-23 10:11:12.345][WARN][4711][vid-test] no id: the server's own
[2026-11-23 10:11:12.345][ERROR][4711][a1b2c3d] closed error="read: reset by peer"
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

func TestLocalTime(t *testing.T) {
	f := testFormat()
	f.utc = false
	zone := time.FixedZone("test", 2*3600)
	var l line
	f.begin(&l, f.now().In(zone), zapcore.InfoLevel, "", "x")
	if want := "[2026-11-23 12:11:12.345]"; !strings.HasPrefix(string(l.end()), want) {
		t.Fatalf("%q, want prefix %q", l.buf, want)
	}
}

func TestLevelFilter(t *testing.T) {
	got := capture(t, func(log *Log) {
		log.SetLevel(zapcore.WarnLevel)
		if log.Enabled(zapcore.InfoLevel) || !log.Enabled(zapcore.WarnLevel) {
			t.Error("Enabled disagrees with SetLevel(warn)")
		}
		log.Info("c", "hidden")
		log.Zap().Info("hidden")
		log.Warn("c", "shown")
		log.SetLevel(LevelTrace)
		log.Trace("c", "shown too")
	})
	if strings.Contains(got, "hidden") || strings.Count(got, "shown") != 2 {
		t.Fatalf("written:\n%s", got)
	}
}

func TestStack(t *testing.T) {
	got := capture(t, func(log *Log) {
		log.Stack("c1", "panic", []byte("goroutine 1:\nmain.f()\n\t/src/a.go:7\n"), zap.String("value", "boom"))
	})
	const head = "[2026-11-23 10:11:12.345][ERROR][4711][c1] "
	want := head + "panic value=boom\n" + head + "goroutine 1:\n" + head + "main.f()\n" + head + "    /src/a.go:7\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	long := capture(t, func(log *Log) { log.Stack("c1", "panic", bytes.Repeat([]byte("f()\n"), 1000)) })
	if n := strings.Count(long, "\n"); n != 1+stackLinesMax+1 || !strings.HasSuffix(long, "(stack cut)\n") {
		t.Fatalf("%d lines, ending in %q", n, long[len(long)-20:])
	}
}

// printfLogger is what gnet asks of a logger.
type printfLogger interface {
	Debugf(format string, args ...any)
	Infof(format string, args ...any)
	Warnf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

func TestPrintf(t *testing.T) {
	got := capture(t, func(log *Log) {
		var p printfLogger = log.Printf()
		p.Debugf("fd=%d", 7)
		p.Infof("listening on %s\n", ":1935")
		p.Warnf("w")
		p.Errorf("peer sent %q", "\x1b[2J")
		p.Fatalf("still alive")
	})
	want := `[DEBUG][4711][vid-test] fd=7
[INFO][4711][vid-test] listening on :1935
[WARN][4711][vid-test] w
[ERROR][4711][vid-test] peer sent "\\x1b[2J"
[ERROR][4711][vid-test] still alive
`
	if diff := cmp.Diff(want, withoutTime(got)); diff != "" {
		t.Fatal(diff)
	}
}

// withoutTime removes the time, which zap takes from the real clock.
func withoutTime(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(line[len("[2026-11-23 10:11:12.345]"):])
	}
	return b.String()
}

func TestZap(t *testing.T) {
	got := capture(t, func(log *Log) {
		z := log.Zap().Named("c9").With(zap.Int("port", 1935), zap.Namespace("peer"))
		z.Info("one", zap.String("ip", "::1"))
		z.With(zap.Int("n", 2)).Info("two")
		z.Info("three")
	})
	want := `[INFO][4711][c9] one port=1935 peer.ip=::1
[INFO][4711][c9] two port=1935 peer.n=2
[INFO][4711][c9] three port=1935
`
	if diff := cmp.Diff(want, withoutTime(got)); diff != "" {
		t.Fatal(diff)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		opts Options
		want string
	}{
		{"no file", Options{}, "journal: no file name given for the log file"},
		{"file is a directory", Options{File: t.TempDir()}, "journal: log file: "},
		{"parent is a file", Options{File: "journal.go/srs.log"}, "journal: log directory: "},
		{
			"queue too small",
			Options{Tank: TankConsole, QueueBytesMax: 100},
			"journal: queue of 4096 lines and 100 bytes, at least 1 and 2048 are needed",
		},
		{"queue negative", Options{Tank: TankConsole, QueueLinesMax: -1}, "journal: queue of -1 lines"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			log, err := New(tc.opts)
			if err == nil {
				_ = log.Close(closeTimeout)
				t.Fatal("no error")
			}
			if !strings.HasPrefix(err.Error(), tc.want) {
				t.Fatalf("%q, want prefix %q", err, tc.want)
			}
		})
	}
}

func TestNewConsole(t *testing.T) {
	var out bytes.Buffer
	log, err := New(Options{Tank: TankConsole, Level: zapcore.InfoLevel, Console: &out, UTC: true})
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now().UTC().Truncate(time.Millisecond)
	log.Debug("c", "not wanted")
	log.Info("", "up")
	if err := log.Close(closeTimeout); err != nil {
		t.Fatal(err)
	}
	stamp, rest, _ := strings.Cut(strings.TrimPrefix(out.String(), "["), "]")
	at, err := time.Parse(timeLayout, stamp)
	if err != nil || at.Before(before) || at.After(time.Now()) {
		t.Fatalf("time %q (%v), want about %v", stamp, err, before)
	}
	if want := "[INFO][" + log.core.format.pid + "][-] up\n"; rest != want {
		t.Fatalf("%q, want %q", rest, want)
	}
}

func TestDiscard(t *testing.T) {
	log := Discard()
	log.Error("c", "nothing", zap.Int("n", 1))
	log.Printf().Errorf("nothing")
	log.Reopen()
	if err := log.Close(0); err != nil {
		t.Fatal(err)
	}
	if s := log.Stats(); s != (Stats{}) {
		t.Fatalf("%+v", s)
	}
}

// TestConcurrent is of use with -race: every line of many goroutines arrives once, whole.
func TestConcurrent(t *testing.T) {
	const writers, each = 8, 400
	got := capture(t, func(log *Log) {
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					log.Info("c", "line", zap.Int("key", w*each+i))
				}
			})
		}
		wg.Go(func() {
			for range 100 {
				log.SetLevel(zapcore.InfoLevel)
				_ = log.Stats()
				log.Reopen()
			}
		})
		wg.Wait()
	})
	seen := map[string]bool{}
	for s := range strings.Lines(got) {
		if !strings.HasPrefix(s, "[2026-11-23 10:11:12.345][INFO][4711][c] line key=") || seen[s] {
			t.Fatalf("broken or repeated: %q", s)
		}
		seen[s] = true
	}
	if len(seen) != writers*each {
		t.Fatalf("%d lines, want %d", len(seen), writers*each)
	}
}
