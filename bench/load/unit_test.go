// SPDX-License-Identifier: MIT

package load

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"srsd/bench/media"
	"srsd/bench/proc"
	"srsd/proto/av"
	"srsd/proto/flv"
)

func sources(t *testing.T, list ...string) (out []netip.Addr) {
	t.Helper()
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestTargets(t *testing.T) {
	for _, tc := range []struct {
		urls    string // divided by blanks
		streams int
		suffix  bool
		want    string
	}{
		{"rtmp://127.0.0.1/live/s", 1, false, "rtmp://127.0.0.1/live/s"},
		{"rtmp://127.0.0.1/live/s", 1, true, "rtmp://127.0.0.1/live/s0"},
		{"rtmp://127.0.0.1/live/s?k=v", 2, true, "rtmp://127.0.0.1/live/s0?k=v rtmp://127.0.0.1/live/s1?k=v"},
		{"rtmp://127.0.0.1/l%d/s", 2, true, "rtmp://127.0.0.1/l0/s rtmp://127.0.0.1/l1/s"},
		{"http://127.0.0.1/a/c%03d.flv", 2, true, "http://127.0.0.1/a/c000.flv http://127.0.0.1/a/c001.flv"},
		{"http://127.0.0.1/a/s.flv?x.y", 2, true, "http://127.0.0.1/a/s0.flv?x.y http://127.0.0.1/a/s1.flv?x.y"},
		{
			"rtmp://127.0.0.1/a/s rtmp://[::1]:99/a/s", 2, true,
			"rtmp://127.0.0.1/a/s0 rtmp://[::1]:99/a/s0 rtmp://127.0.0.1/a/s1 rtmp://[::1]:99/a/s1",
		},
	} {
		got, err := Targets(context.Background(), strings.Fields(tc.urls), tc.streams, tc.suffix)
		var urls []string
		for _, g := range got {
			urls = append(urls, g.URL)
		}
		if err != nil || strings.Join(urls, " ") != tc.want {
			t.Errorf("%v, %d: %v, %v", tc.urls, tc.streams, urls, err)
		}
	}
}

func TestTargetParts(t *testing.T) {
	got, err := Targets(context.Background(), []string{"rtmp://127.0.0.1:1936/a/b/s?vhost=v"}, 1, false)
	want := Target{
		URL: "rtmp://127.0.0.1:1936/a/b/s?vhost=v", Host: "127.0.0.1:1936", Addr: netip.MustParseAddrPort("127.0.0.1:1936"),
		TcURL: "rtmp://127.0.0.1:1936/a/b", App: "a/b", Stream: "s?vhost=v",
	}
	if err != nil || got[0] != want {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestTargetErrors(t *testing.T) {
	for _, u := range []string{
		"", "127.0.0.1/live/s", "rtmpt://h/live/s", "ws://h/live/s.flv", "rtmp://127.0.0.1", "rtmp:///live/s",
		"rtmp://127.0.0.1:0/live/s", "rtmp://127.0.0.1:99999/live/s", "rtmp://127.0.0.1/live/s%zz", "rtmp://127.0.0.1/live/",
	} {
		if got, err := Targets(context.Background(), []string{u}, 1, false); !errors.Is(err, ErrURL) {
			t.Errorf("%q: %+v, %v", u, got, err)
		}
	}
	_, err := Targets(context.Background(), []string{"rtmp://127.0.0.1/live/s"}, StreamsMax+1, true)
	if !errors.Is(err, ErrURL) {
		t.Errorf("too many streams: %v", err)
	}
}

func TestAgenda(t *testing.T) {
	var a agenda
	var want []int64
	for range 1000 {
		at := rand.Int64N(500)
		want = append(want, at)
		a.push(errand{at: at})
	}
	slices.Sort(want)
	for i, w := range want {
		if _, ok := a.pop(w - 1); ok {
			t.Fatalf("%d: came before its time %d", i, w)
		}
		if e, ok := a.pop(w); !ok || e.at != w {
			t.Fatalf("%d: %+v %v, want %d", i, e, ok, w)
		}
	}
	if _, ok := a.next(); ok {
		t.Fatal("not empty")
	}
}

func TestPercentiles(t *testing.T) {
	h := newHistogram()
	for i := range int64(10000) {
		record(h, (i+1)*int64(time.Millisecond)/10) // 0.1 ms to 1 s
	}
	p := percentilesOf(h)
	if p.N != 10000 {
		t.Fatalf("%+v", p)
	}
	for _, c := range []struct{ got, want float64 }{
		{p.P50, 500}, {p.P90, 900}, {p.P99, 990}, {p.P999, 999}, {p.Max, 1000},
	} {
		if c.got < 0.998*c.want || c.got > 1.002*c.want {
			t.Errorf("%v, want %v", c.got, c.want)
		}
	}
	if p := percentilesOf(newHistogram()); p != (Percentiles{}) {
		t.Errorf("of nothing: %+v", p)
	}
	record(h, -5)
	record(h, int64(100*time.Hour))
	if h.TotalCount() != 10002 {
		t.Errorf("what is out of range was not counted")
	}
}

func TestStarved(t *testing.T) {
	rates := []rate{{0, 1000}, {0, 1001}, {0, 1002}, {0, 499}, {0, 0}, {1, 100}, {1, 99}, {1, 51}, {2, 0}}
	if got := starved(rates); got != 3 {
		t.Errorf("%d, want 3: 499 and 0 of stream 0, 0 of stream 2", got)
	}
}

func TestBitRates(t *testing.T) {
	var p Players
	var rates []rate
	for i := range 201 {
		rates = append(rates, rate{kbps: float64((i * 7) % 201)})
	}
	p.bitRates(rates)
	if p.KbpsP1 != 2 || p.KbpsP50 != 100 || p.KbpsMax != 200 {
		t.Errorf("%+v", p)
	}
}

func TestMachine(t *testing.T) {
	files, err1 := proc.OpenFiles()
	ports, err2 := proc.LocalPorts()
	if err1 != nil || err2 != nil {
		t.Skip(err1, err2)
	}
	o := Options{Players: files, PlayTargets: targets(t, "rtmp://127.0.0.1/live/s", 1), Threads: 1, SampleEvery: 1}
	if _, err := checkMachine(&o); !errors.Is(err, ErrMachine) || !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("%d players, %d files: %v", o.Players, files, err)
	}
	if files > ports.Count()+1000 {
		o.Players = ports.Count() + 1
		if _, err := checkMachine(&o); !errors.Is(err, ErrMachine) || !strings.Contains(err.Error(), "--sources") {
			t.Errorf("%d players: %v", o.Players, err)
		}
		o.Sources = sources(t, "127.0.0.2", "127.0.0.3")
		if _, err := checkMachine(&o); err != nil {
			t.Errorf("two sources: %v", err)
		}
	}
	o = Options{
		Players: 100, PlayTargets: o.PlayTargets, Threads: 1, SampleEvery: 1, Scenario: Churn,
		ChurnRate: float64(ports.Count()) / 60, Duration: time.Hour,
	}
	if w, err := checkMachine(&o); err != nil || len(w) != 1 {
		t.Errorf("churn: %v, %v", w, err)
	}
	o.Duration = 50 * time.Second // some ports are never used
	if w, err := checkMachine(&o); err != nil || len(w) != 0 {
		t.Errorf("a short churn: %v, %v", w, err)
	}
	o.Duration, o.Sources = time.Hour, sources(t, "127.0.0.2", "127.0.0.3")
	if w, err := checkMachine(&o); err != nil || len(w) != 0 {
		t.Errorf("a churn from two addresses: %v, %v", w, err)
	}
}

func TestSpread(t *testing.T) {
	ports, err := proc.LocalPorts()
	if err != nil {
		t.Skip(err)
	}
	half := ports.Count() / 2
	for _, tc := range []struct {
		players, want int
		url           string
		given         []netip.Addr
	}{
		{half, 0, "rtmp://127.0.0.1/live/s", nil},
		{half + 1, 2, "rtmp://127.0.0.1/live/s", nil},
		{3*half + 1, 4, "rtmp://127.0.0.1/live/s", nil},
		{3*half + 1, 0, "rtmp://192.0.2.1/live/s", nil},
		{3*half + 1, 1, "rtmp://127.0.0.1/live/s", sources(t, "127.0.0.9")},
	} {
		o := Options{Players: tc.players, PlayTargets: targets(t, tc.url, 1), Sources: tc.given}
		spread(&o)
		if len(o.Sources) != tc.want {
			t.Errorf("%d players of %s: sources %v, want %d", tc.players, tc.url, o.Sources, tc.want)
		}
	}
	o := Options{Players: half + 1, PlayTargets: targets(t, "rtmp://192.0.2.1/live/s", 1)}
	if w, err := checkMachine(&o); err == nil && len(w) != 1 {
		t.Errorf("more than half of the ports of a real address: %v", w)
	}
}

func TestAddressUse(t *testing.T) {
	o := Options{
		Players: 5, Publishers: 1, PlayTargets: targets(t, "rtmp://127.0.0.1/live/s", 1),
		PublishTargets: targets(t, "rtmp://127.0.0.1:1936/live/s", 1), Sources: sources(t, "127.0.0.2", "127.0.0.3"),
	}
	use := addressUse(&o)
	if use[[2]string{"127.0.0.2", "127.0.0.1:1935"}] != 3 || use[[2]string{"127.0.0.3", "127.0.0.1:1935"}] != 2 ||
		use[[2]string{"127.0.0.2", "127.0.0.1:1936"}] != 1 {
		t.Errorf("%v", use)
	}
}

func TestJudge(t *testing.T) {
	o := Options{Players: 10, Publishers: 1, Threads: 1, Scenario: Steady}
	quiet := func() (figures, Result) {
		f := newFigures()
		record(f.latency, 1)
		return f, Result{MeasuredS: 1}
	}
	f, r := quiet()
	if w := judge(&o, &f, &r); len(w) != 0 {
		t.Errorf("nothing was wrong: %v", w)
	}
	for _, tc := range []struct {
		spoil func(*figures, *Result)
		want  string
	}{
		{func(_ *figures, r *Result) { r.Client.CPU = 0.91 }, "--threads 2"},
		{func(f *figures, _ *Result) { f.turnNs = turnLongNs + 1 }, "for a turn"},
		{func(f *figures, _ *Result) { f.noPort = 1 }, "--sources"},
		{func(f *figures, _ *Result) { f.noFile = 1 }, "ulimit -n"},
		{func(f *figures, _ *Result) { f.latencyOf(2 * skewMin) }, "clocks"},
		{func(f *figures, _ *Result) { f.behindNs = turnLongNs + 1 }, "behind"},
		{func(f *figures, _ *Result) { f.latency.Reset() }, "no latency"},
	} {
		f, r := quiet()
		tc.spoil(&f, &r)
		if w := judge(&o, &f, &r); len(w) != 1 || !strings.Contains(w[0], tc.want) {
			t.Errorf("%v, want one with %q", w, tc.want)
		}
	}
}

func TestOptions(t *testing.T) {
	good := func() Options {
		return Options{
			Players: 1, PlayTargets: targets(t, "rtmp://127.0.0.1/live/s", 1), Rate: 1, Duration: 1, Timeout: 1,
			SampleEvery: 1, Threads: 1,
		}
	}
	if o := good(); o.check() != nil {
		t.Fatal(o.check())
	}
	for i, change := range []func(*Options){
		func(o *Options) { o.Players = 0 },
		func(o *Options) { o.Players = ConnectionsMax + 1 },
		func(o *Options) { o.PlayTargets = nil },
		func(o *Options) { o.Publishers = 1 },
		func(o *Options) { o.Publishers, o.PublishTargets = 1, o.PlayTargets },
		func(o *Options) { o.Rate = 0 },
		func(o *Options) { o.Warm = -1 },
		func(o *Options) { o.Duration = 0 },
		func(o *Options) { o.Timeout = 0 },
		func(o *Options) { o.SampleEvery = 0 },
		func(o *Options) { o.Batch = -1 },
		func(o *Options) { o.Threads = 0 },
		func(o *Options) { o.Threads = ThreadsMax + 1 },
		func(o *Options) { o.Scenario = Churn },
		func(o *Options) { o.Scenario, o.StormWithin = Storm, -1 },
	} {
		o := good()
		change(&o)
		if _, err := Run(context.Background(), o, nil); !errors.Is(err, ErrOptions) {
			t.Errorf("change %d: %v", i, err)
		}
	}
	o := good()
	o.PublishTargets, o.Publishers, o.Clip = targets(t, "http://127.0.0.1/live/s.flv", 1), 1, new(media.Clip)
	if err := o.check(); !errors.Is(err, ErrURL) {
		t.Errorf("publish over HTTP: %v", err)
	}
}

// TestJSONKeys: the names are an interface, and stay.
func TestJSONKeys(t *testing.T) {
	b, err := json.Marshal(newResult(&Options{Threads: 1}))
	if err != nil {
		t.Fatal(err)
	}
	const percentiles = `{"n":0,"p50":0,"p90":0,"p99":0,"p999":0,"max":0}`
	got := string(b)
	at := strings.Index(got, `"started_at":"`)
	got = got[:at] + got[at+strings.Index(got[at:], `,`)+1:]
	want := `{"test":"","scenario":"steady","urls":[],"interrupted":false,"measured_s":0,` +
		`"players":{"wanted":0,"playing":0,"lost":0,"starved":0,"no_media":0,"egress_mbps":0,` +
		`"kbps_p1":0,"kbps_p50":0,"kbps_max":0,"gaps":0,"frames_missing":0},` +
		`"publishers":{"wanted":0,"publishing":0,"lost":0,"ingress_mbps":0,"behind_ms_max":0,"blocked":0},` +
		`"latency_ms":` + percentiles + `,"first_media_ms":` + percentiles + `,` +
		`"churn":{"joins":0,"leaves":0,"joins_per_s":0},` +
		`"soak":{"publish_leaves":0,"publish_leaves_per_s":0,"vanished":0},` +
		`"held":{"looks":0,"files_before":0,"files_after":0,"threads_before":0,"threads_after":0,` +
		`"rss_after_mb":0,"rss_slope_kb_per_min":0},` +
		`"storm":{"back":0,"retries":0,"back_ms":` + percentiles + `,"all_back_ms":0},` +
		`"server":{"pids":[],"cpu":0,"cpu_per_1000_players":0,"rss_before_mb":0,"rss_after_mb":0,"rss_per_player_kb":0},` +
		`"client":{"threads":1,"sources":0,"cpu":0,"rss_mb":0,"turn_ms_max":0},"problems":null,"warnings":[]}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// httpDialog is a player of HTTP-FLV that has sent its request.
func httpDialog() *dialog {
	l := &loop{o: &Options{SampleEvery: 1}, figures: newFigures(), stage: stageMeasure, clock: newClock()}
	c := &conn{target: &Target{Protocol: HTTPFLV}, state: greeting, sample: true, fd: -1}
	l.borrow(c)
	return c.d
}

// TestHTTPSplit: where TCP cuts the bytes does not change what comes out, chunked or not.
func TestHTTPSplit(t *testing.T) {
	body := flv.AppendFileHeader(nil, flv.FileHeader{HasVideo: true})
	for i := range uint32(3) {
		frame := media.AppendMark([]byte{0x17, 1, 0, 0, 0}, av.CodecAVC, 1, 2*i)
		body = flv.AppendTag(body, flv.TagVideo, i, append(frame, make([]byte, 200)...))
	}
	body = flv.AppendTag(body, flv.TagScript, 3, nil)
	plain := append([]byte("HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\n\r\n"), body...)
	chunked := []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	chunked = append(append(append(chunked, "A;x=y\r\n"...), body[:10]...), "\r\n"...)
	chunked = append(append(append(chunked, "2E1\r\n"...), body[10:10+0x2e1]...), "\r\n"...)
	rest := body[10+0x2e1:]
	for _, b := range rest {
		chunked = append(append(append(chunked, "1\r\n"...), b), "\r\n"...)
	}
	for name, in := range map[string][]byte{"plain": plain, "chunked": chunked} {
		for cut := range len(in) + 1 {
			d := httpDialog()
			if err := errors.Join(d.feed(in[:cut]), d.feed(in[cut:])); err != nil {
				t.Fatalf("%s, cut at %d: %v", name, cut, err)
			}
			f := d.l.figures
			if d.c.state != running || f.gaps != 2 || f.framesMissing != 2 || d.lastFrame != 4 {
				t.Fatalf("%s, cut at %d: %v, %d gaps, %d missing, frame %d",
					name, cut, d.c.state, f.gaps, f.framesMissing, d.lastFrame)
			}
		}
	}
}

// TestFirstPicture: a decoder can begin with a keyframe only; a stream without video begins with its sound.
func TestFirstPicture(t *testing.T) {
	head := append([]byte("HTTP/1.1 200 OK\r\n\r\n"), flv.AppendFileHeader(nil, flv.FileHeader{})...)
	feed := func(d *dialog, typ uint8, body ...byte) {
		t.Helper()
		if err := d.feed(flv.AppendTag(nil, typ, 0, body)); err != nil {
			t.Fatal(err)
		}
	}
	d := httpDialog()
	if err := d.feed(head); err != nil {
		t.Fatal(err)
	}
	for range audioOnlyFrames - 1 {
		feed(d, flv.TagAudio, 0xaf, 1, 0)
	}
	feed(d, flv.TagVideo, 0x17, 0, 0, 0, 0, 1)
	feed(d, flv.TagVideo, 0x27, 1, 0, 0, 0, 1)
	feed(d, flv.TagAudio, 0xaf, 1, 0)
	if d.c.state != waiting {
		t.Fatalf("%v after a sequence header and an inter frame", d.c.state)
	}
	feed(d, flv.TagVideo, 0x17, 1, 0, 0, 0, 1)
	if d.c.state != running || d.l.figures.first.TotalCount() != 1 {
		t.Fatalf("%v after a keyframe", d.c.state)
	}
	d = httpDialog()
	if err := d.feed(head); err != nil {
		t.Fatal(err)
	}
	for i := range audioOnlyFrames {
		if d.c.state != waiting {
			t.Fatalf("%v after %d audio frames", d.c.state, i)
		}
		feed(d, flv.TagAudio, 0xaf, 1, 0)
	}
	if d.c.state != running {
		t.Fatalf("%v after sound alone", d.c.state)
	}
}

func TestHTTPErrors(t *testing.T) {
	const chunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, tc := range []struct {
		in   string
		want error
	}{
		{"HTTP/1.1 404 Not Found\r\n\r\n", errRefused},
		{"HTTP/1.1 302 Found\r\nLocation: http://h/\r\n\r\n", errRefused},
		{strings.Repeat("x", httpHeadBytesMax), errHTTPHead},
		{chunkedHead + "zz\r\n", errHTTPChunk},
		{chunkedHead + strings.Repeat("1", httpChunkLineBytesMax+1), errHTTPChunk},
		{chunkedHead + "0\r\n\r\n", errHTTPEnd},
		{"HTTP/1.1 200 OK\r\n\r\nnot an FLV stream", flv.ErrSignature},
	} {
		if err := httpDialog().feed([]byte(tc.in)); !errors.Is(err, tc.want) {
			t.Errorf("%.60q: %v, want %v", tc.in, err, tc.want)
		}
	}
}

// FuzzHTTP: whatever a server sends, nothing panics, and where it is cut does not matter.
func FuzzHTTP(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nFLV\x01\x05\r\n"), uint16(50))
	f.Add([]byte("HTTP/1.1 200 OK\r\n\r\nFLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00\x09\x00\x00\x01"), uint16(30))
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		whole, parts := httpDialog(), httpDialog()
		errWhole := whole.feed(b)
		k := int(cut) % (len(b) + 1)
		errParts := parts.feed(b[:k])
		if errParts == nil {
			errParts = parts.feed(b[k:])
		}
		if (errWhole == nil) != (errParts == nil) || whole.c.state != parts.c.state {
			t.Fatalf("cut at %d: %v, %v; whole: %v, %v", k, errParts, parts.c.state, errWhole, whole.c.state)
		}
	})
}
