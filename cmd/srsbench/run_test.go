// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"srsd/bench/fake"
	"srsd/bench/load"
)

// bench runs the command line, and returns the exit code and what it printed.
func bench(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(context.Background(), args, &out, &err)
	return code, out.String(), err.String()
}

func start(t *testing.T, b fake.Behaviour) *fake.Server {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("Linux only")
	}
	s, err := fake.Start(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// quick are flags for a test of a few seconds.
var quick = []string{
	"--size", "64x48", "--fps", "50", "--gop", "10", "--kbps", "300", "--audio-kbps", "32",
	"--warm", "200ms", "-d", "1s", "--timeout", "2s",
}

func with(args ...string) []string { return append(args, quick...) }

func TestCommands(t *testing.T) {
	for _, tc := range []struct {
		name, scenario string
		args           []string
		players        int64
	}{
		{"mixed", "steady", []string{"-n", "8", "-p", "2", "-lead", "300ms"}, 8},
		{"churn", "churn", []string{"-n", "8", "-churn", "10", "--lead", "300ms"}, 8},
		{"storm", "storm", []string{"-n", "8", "--within", "100ms", "--lead=300ms"}, 8},
		{"publish", "steady", []string{"-n", "3", "--batch", "100ms"}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, fake.Behaviour{})
			file := filepath.Join(t.TempDir(), "out.csv")
			args := append([]string{tc.name, s.RTMP("s"), "-json", "-", "--csv", file, "--pid"}, strconv.Itoa(os.Getpid()))
			code, stdout, stderr := bench(t, append(with(args...), tc.args...)...)
			var r load.Result
			if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != exitOK {
				t.Fatalf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
			}
			if r.Test != tc.name || r.Scenario != tc.scenario || r.Players.Playing != tc.players || r.Server.RSSAfterMB <= 0 {
				t.Errorf("%+v", r)
			}
			if !strings.Contains(stderr, "srsbench "+tc.name) || !strings.Contains(stderr, "measure ") {
				t.Errorf("no summary, or no progress:\n%s", stderr)
			}
			checkCSV(t, file, &r)
		})
	}
}

// TestLooks: what the server holds is written as the test goes on, and summed up at its end.
func TestLooks(t *testing.T) {
	s := start(t, fake.Behaviour{})
	file := filepath.Join(t.TempDir(), "looks.csv")
	args := with("soak", s.RTMP("s"), "-n", "8", "-p", "4", "-s", "2", "--churn", "20", "--publish-churn", "4",
		"--slow", "1", "--lead", "300ms", "--pid", strconv.Itoa(os.Getpid()), "--look-every", "250ms", "--looks", file)
	code, stdout, stderr := bench(t, args...)
	held, came := strings.Contains(stdout, "held           RSS"), strings.Contains(stdout, "left and came back")
	if code != exitOK || !held || !came {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil || len(lines) < 6 || !slices.Equal(lines[0],
		[]string{"at_s", "stage", "rss_mb", "files", "threads", "players", "publishers"}) {
		t.Fatalf("%v\n%s", err, b)
	}
	if first, last := lines[1], lines[len(lines)-1]; first[5] != "0" || last[1] != "done" || last[5] != "0" {
		t.Errorf("it begins and ends with nobody there:\n%s", b)
	}
}

// checkCSV: the file has the same figures as JSON.
func checkCSV(t *testing.T, file string, r *load.Result) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) != 2 {
		t.Fatalf("%v, %v", lines, err)
	}
	for name, want := range map[string]string{
		"test": r.Test, "players.playing": strconv.FormatInt(r.Players.Playing, 10),
		"publishers.publishing": strconv.FormatInt(r.Publishers.Publishing, 10),
		"server.pids":           strconv.Itoa(os.Getpid()),
	} {
		i := slices.Index(lines[0], name)
		if i < 0 || lines[1][i] != want {
			t.Errorf("column %s of %v: want %s in %v", name, lines[0], want, lines[1])
		}
	}
}

func TestExitCodes(t *testing.T) {
	t.Run("lost", func(t *testing.T) {
		s := start(t, fake.Behaviour{PlayersMax: 3})
		code, stdout, _ := bench(t, with("mixed", s.RTMP("s"), "-n", "5", "--lead", "300ms")...)
		if code != exitLost || !strings.Contains(stdout, "3 of 5 playing; 2 lost") {
			t.Errorf("%d\n%s", code, stdout)
		}
	})
	t.Run("unreachable", func(t *testing.T) {
		s := start(t, fake.Behaviour{})
		s.Close()
		code, _, stderr := bench(t, "play", s.RTMP("s"), "-n", "2", "-d", "1s")
		if code != exitUnreachable || !strings.Contains(stderr, "cannot be reached") {
			t.Errorf("%d\n%s", code, stderr)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		s := start(t, fake.Behaviour{})
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		var out, errs bytes.Buffer
		args := append(with("mixed", s.RTMP("s"), "-n", "2", "--lead", "300ms"), "-d", "1h")
		if code := run(ctx, args, &out, &errs); code != exitInterrupted || !strings.Contains(out.String(), "interrupted") {
			t.Errorf("%d\n%s%s", code, &out, &errs)
		}
	})
}

func TestUsageErrors(t *testing.T) {
	const url = "rtmp://127.0.0.1:1/live/s"
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"play"}, "url"},
		{[]string{"fly", url}, "fly"},
		{[]string{"play", url, "--bogus"}, "bogus"},
		{[]string{"play", "127.0.0.1"}, "schema"},
		{[]string{"play", url, "-d", "1ms"}, "at least 1s"},
		{[]string{"play", url, "-n", "0"}, "players"},
		{[]string{"play", url, "--rate", "0"}, "connections per second"},
		{[]string{"play", url, "--sources", "255"}, "254"},
		{[]string{"play", url, "--sources", "2", "--source", "127.0.0.2"}, "--source"},
		{[]string{"play", url, "--source", "here"}, "--source"},
		{[]string{"play", url, "--json", "-", "--csv", "-"}, "standard output"},
		{[]string{"play", url, "-n", "999999"}, "this machine's limit"},
		{[]string{"publish", url, "--size", "big"}, "1280x720"},
		{[]string{"publish", url, "--size", "641x480"}, "even"},
		{[]string{"publish", url, "-f", "/nowhere.flv"}, "nowhere"},
		{[]string{"publish", url, "--kbps", "50", "--audio-kbps", "64"}, "video kbit/s"},
		{[]string{"mixed", url, "-p", "2", "-s", "3"}, "--streams 3"},
		{[]string{"mixed", "http://127.0.0.1/live/s.flv"}, "--publish-url"},
		{[]string{"churn", url, "--churn", "0"}, "joins per second"},
		{[]string{"hls", url}, "STREAM.m3u8"},
		{[]string{"hls", "http://127.0.0.1:1/live/s.flv"}, "STREAM.m3u8"},
		{[]string{"soak", url, "-p", "2"}, "--pid"},
		{[]string{"soak", url, "-pid", "1"}, "one stays"},
		{[]string{"soak", url, "-p", "2", "-pid", "1", "--slow", "101"}, "slow players"},
		{[]string{"soak", url, "-p", "2", "-pid", "1", "--vanish=-1"}, "vanishing"},
		{[]string{"soak", url, "-p", "2", "-pid", "1", "--looks", "/nowhere/looks.csv"}, "nowhere"},
	} {
		code, _, stderr := bench(t, tc.args...)
		if code != exitUsage || !strings.Contains(stderr, tc.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: exit code %d, %q; want one line with %q", tc.args, code, stderr, tc.want)
		}
	}
}

// TestFlags: what the command line makes of the options of a test.
func TestFlags(t *testing.T) {
	const url = "rtmp://127.0.0.1/live/s"
	for _, tc := range []struct {
		name  string
		args  []string
		check func(o load.Options) bool
	}{
		{"play", []string{"play", url}, func(o load.Options) bool {
			return o.Players == 100 && o.Publishers == 0 && len(o.PlayTargets) == 1 && o.PlayTargets[0].Stream == "s" &&
				o.Rate == 500 && o.Warm == 5*time.Second && o.Duration == 10*time.Second && o.SampleEvery == 100
		}},
		{"play streams", []string{"play", url, url + "x", "-s", "3"}, func(o load.Options) bool {
			return len(o.PlayTargets) == 6 && o.PlayTargets[1].Stream == "sx0" && o.PlayTargets[4].Stream == "s2"
		}},
		{"publish", []string{"publish", url, "-n", "3", "--batch", "250ms", "--no-marks"}, func(o load.Options) bool {
			return o.Publishers == 3 && o.PublishTargets[2].Stream == "s2" && o.Batch == 250*time.Millisecond && !o.Marks
		}},
		{"publish to two", []string{"publish", url, url + "x", "-n", "2"}, func(o load.Options) bool {
			return o.PublishTargets[0].Stream == "s" && o.PublishTargets[1].Stream == "sx"
		}},
		{"mixed, one stream", []string{"mixed", url}, func(o load.Options) bool {
			return o.Publishers == 1 && o.PublishTargets[0] == o.PlayTargets[0] && o.Marks && o.Clip != nil
		}},
		{"mixed, players of the first two", []string{"mixed", url, "-p", "5", "-s", "1"}, func(o load.Options) bool {
			return len(o.PublishTargets) == 5 && len(o.PlayTargets) == 1 && o.PlayTargets[0].Stream == "s0"
		}},
		{
			"mixed, HTTP",
			[]string{"mixed", "http://127.0.0.1/live/s.flv", "--publish-url", url},
			func(o load.Options) bool {
				return o.PlayTargets[0].Path == "/live/s.flv" && o.PublishTargets[0].Stream == "s"
			},
		},
		{"churn", []string{"churn", url, "-churn=7", "-p0"}, func(o load.Options) bool {
			return o.Scenario == load.Churn && o.ChurnRate == 7 && o.Publishers == 0
		}},
		{
			"soak",
			[]string{"soak", url, "-p", "40", "-s", "20", "-pid", "1", "--publish-churn", "5", "--vanish=7", "--slow", "3"},
			func(o load.Options) bool {
				return o.Scenario == load.Churn && o.ChurnRate == 200 && o.Publishers == 40 && len(o.PlayTargets) == 20 &&
					o.Soak.PublishRate == 5 && o.Soak.VanishEvery == 7 && o.Soak.VanishFor == 40*time.Second && o.Soak.Slow == 3 &&
					o.Soak.LookEvery == 10*time.Second
			},
		},
		{"storm", []string{"storm", url, "-d", "2m", "-sources", "3", "-pid", "1,2"}, func(o load.Options) bool {
			return o.Scenario == load.Storm && o.Duration == 2*time.Minute && o.StormWithin == time.Second &&
				len(o.Sources) == 3 && o.Sources[2].String() == "127.0.0.4" && slices.Equal(o.PIDs, []int{1, 2})
		}},
		{"storm, short", []string{"storm", url, "-d", "2s"}, func(o load.Options) bool { return o.Duration == time.Minute }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var c commands
			parser := kong.Must(&c, kong.Vars{"version": version})
			parsed, err := parser.Parse(twoDashes(parser.Model.Node, tc.args))
			if err != nil {
				t.Fatal(err)
			}
			o, flags, err := c.selected(parsed.Selected().Name).options(context.Background())
			if err == nil {
				err = flags.apply(&o)
			}
			if err != nil || !tc.check(o) {
				t.Errorf("%v: %+v", err, o)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, name := range []string{"play", "publish", "mixed", "churn", "soak", "storm"} {
		code, stdout, _ := bench(t, name, "--help")
		if code != exitOK || !strings.Contains(stdout, "srsbench "+name+" rtmp://") {
			t.Errorf("%s: no example\n%s", name, stdout)
		}
	}
	if code, stdout, _ := bench(t, "hls", "--help"); code != exitOK || !strings.Contains(stdout, "srsbench hls http://") {
		t.Errorf("hls: no example\n%s", stdout)
	}
	if code, stdout, _ := bench(t); code != exitOK || !strings.Contains(stdout, "Exit code") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	if code, stdout, _ := bench(t, "-V"); code != exitOK || stdout != version+"\n" {
		t.Errorf("version: %d, %q", code, stdout)
	}
}

func TestCSVFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out.csv")
	r := &load.Result{Test: "a", URLs: []string{"x", "y"}, Problems: []load.Problem{{Cause: "c,d", Count: 2}}}
	for range 2 {
		if err := appendCSV(name, r); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if len(lines) != 3 || lines[1] != lines[2] || !strings.HasPrefix(lines[0], "test,scenario,urls,") ||
		!strings.Contains(lines[0], ",players.lost,") || !strings.Contains(lines[0], ",storm.back_ms.p99,") ||
		!strings.Contains(lines[1], `"2 x c,d"`) || !strings.Contains(lines[1], "x | y") {
		t.Errorf("%s", b)
	}
	if err := os.WriteFile(name, []byte("other,columns\n1,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := appendCSV(name, r); err == nil {
		t.Error("a file with other columns was taken")
	}
}
