// SPDX-License-Identifier: MIT

package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"srsd/proto/rtmp/msg"
)

// apiClient asks a server, and compares each answer with what openapi.json says of it.
type apiClient struct {
	t      *testing.T
	base   string
	router routers.Router
	header http.Header
}

// startAPI starts a server with the API on listeners of its own; root is for further directives.
func startAPI(t *testing.T, root, vhost string) (*server, *apiClient) {
	t.Helper()
	opts, p := options(t, root, vhost)
	opts.Config.HTTPAPI.Listen = []string{"127.0.0.1:0"}
	s := run(t, opts, p)
	return s, newAPIClient(t, "http://"+s.e.APIAddrs()[0].String())
}

func newAPIClient(t *testing.T, base string) *apiClient {
	t.Helper()
	text, err := os.ReadFile("api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatalf("openapi.json: %v", err)
	}
	doc.Servers = nil // any host
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &apiClient{t: t, base: base, router: router, header: http.Header{}}
}

// do asks for a URL of the description, and decodes the answer.
func (c *apiClient) do(method, path string) (status int, answer map[string]any) {
	c.t.Helper()
	r, err := http.NewRequest(method, c.base+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header = c.header.Clone()
	w, err := (&http.Client{Timeout: patience}).Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }()
	body, err := io.ReadAll(w.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	c.check(r, w, body)
	if w.Header.Get("X-Content-Type-Options") != "nosniff" || w.Header.Get("Cache-Control") != "no-store" {
		c.t.Errorf("%s: headers %v", path, w.Header)
	}
	if w.StatusCode == http.StatusOK && json.Unmarshal(body, &answer) != nil {
		c.t.Fatalf("%s: no JSON: %s", path, body)
	}
	return w.StatusCode, answer
}

// check compares an answer with the description.
func (c *apiClient) check(r *http.Request, w *http.Response, body []byte) {
	c.t.Helper()
	route, params, err := c.router.FindRoute(r)
	if err != nil {
		c.t.Fatalf("%s: is not in openapi.json: %v", r.URL, err)
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 w.StatusCode, Header: w.Header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		c.t.Errorf("%s %s: %v\n%s", r.Method, r.URL, err, body)
	}
}

// get is do, of what must be there.
func (c *apiClient) get(path string) map[string]any {
	c.t.Helper()
	status, answer := c.do(http.MethodGet, path)
	if status != http.StatusOK || answer["code"] != 0.0 {
		c.t.Fatalf("%s: %d %v", path, status, answer)
	}
	return answer
}

// code asks for what must fail, and returns its code.
func (c *apiClient) code(method, path string) float64 {
	c.t.Helper()
	status, answer := c.do(method, path)
	if status != http.StatusOK {
		c.t.Fatalf("%s: %d", path, status)
	}
	return answer["code"].(float64)
}

func items(answer map[string]any, name string) (list []map[string]any) {
	for _, one := range answer[name].([]any) {
		list = append(list, one.(map[string]any))
	}
	return list
}

// one is the first of a list with that value; clients of one ms are in the order of their ids. It
// is empty if there is none.
func one(list []map[string]any, key string, value any) map[string]any {
	for _, item := range list {
		if item[key] == value {
			return item
		}
	}
	return map[string]any{}
}

// h264 is a sequence header of High@3.1, 1280x720.
const h264 = "\x17\x00\x00\x00\x00" + "\x01\x64\x00\x1f\xff\xe1\x00\x1a" +
	"\x67\x64\x00\x1f\xac\xd9\x40\x50\x05\xbb\x01\x10\x00\x00\x03\x00\x10\x00\x00\x03\x03\xc0\xf1\x83\x19\x60" +
	"\x01\x00\x06\x68\xeb\xe3\xcb\x22\xc0\xfd\xf8\xf8\x00"

// aac is one of AAC LC, 44100 Hz, stereo.
var aac = []byte{0xaf, 0, 0x12, 0x10}

// Everything that the API says is as its description says, and is true.
func TestAPI(t *testing.T) {
	s, c := startAPI(t, "http_api { enabled on; }", "hls { enabled on; hls_fragment 2.5; }")
	pub := s.dial().publish("cam")
	pub.video(0, []byte(h264))
	pub.audio(0, aac)
	for i := range 5 {
		pub.video(uint32(i*40), keyframe(i, 500))
	}
	s.dial().play("cam")
	s.dial().play("waiting")

	for _, path := range []string{"/api", "/api/v1", "/api/v1/versions", "/api/v1/features", "/api/v1/summaries"} {
		c.get(path)
	}
	if v := c.get("/api/v1/versions")["data"].(map[string]any); v["major"] != 1.0 || v["revision"] != 3.0 {
		t.Errorf("version %v", v)
	}
	features := c.get("/api/v1/features")["data"].(map[string]any)["features"].(map[string]any)
	for _, name := range []string{"hls", "hds", "dvr", "api", "httpd"} {
		if features[name] != true {
			t.Errorf("feature %s: %v", name, features[name])
		}
	}
	var streams []map[string]any
	eventually(t, "two streams, and the frames", func() bool {
		streams = items(c.get("/api/v1/streams"), "streams")
		return len(streams) == 2 && streams[0]["frames"] == 5.0 && streams[0]["clients"] == 2.0
	})
	cam, waiting := streams[0], streams[1]
	video, audio, publish := cam["video"].(map[string]any), cam["audio"].(map[string]any), cam["publish"].(map[string]any)
	if cam["url"] != "/live/cam" || cam["app"] != "live" || cam["name"] != "cam" ||
		cam["tcUrl"] != "rtmp://127.0.0.1/live" ||
		video["codec"] != "H264" || video["width"] != 1280.0 || video["height"] != 720.0 ||
		audio["codec"] != "AAC" || audio["sample_rate"] != 44100.0 || audio["channel"] != 2.0 ||
		publish["active"] != true || cam["recv_bytes"].(float64) < 2500 {
		t.Errorf("published: %v", cam)
	}
	if waiting["url"] != "/live/waiting" || waiting["video"] != nil || waiting["clients"] != 1.0 ||
		waiting["publish"].(map[string]any)["active"] != false {
		t.Errorf("not published: %v", waiting)
	}
	if got := c.get("/api/v1/streams/" + cam["id"].(string))["stream"].(map[string]any); got["name"] != "cam" {
		t.Errorf("one stream: %v", got)
	}
	vhosts := items(c.get("/api/v1/vhosts"), "vhosts")
	if len(vhosts) != 1 || vhosts[0]["clients"] != 3.0 || vhosts[0]["streams"] != 2.0 || vhosts[0]["id"] != cam["vhost"] ||
		vhosts[0]["hls"].(map[string]any)["fragment"] != 2.5 {
		t.Errorf("vhosts %v", vhosts)
	}
	c.get("/api/v1/vhosts/" + vhosts[0]["id"].(string))
	clients := items(c.get("/api/v1/clients"), "clients")
	publisher := one(clients, "type", "flash-publish")
	waits := one(clients, "stream", waiting["id"])
	if len(clients) != 3 || publisher["id"] != publish["cid"] || publisher["stream"] != cam["id"] ||
		waits["type"] != "rtmp-play" || waits["ip"] != "127.0.0.1" || waits["name"] != "waiting" {
		t.Errorf("clients %v", clients)
	}
	if got := c.get("/api/v1/clients/" + waits["id"].(string)); got["client"].(map[string]any)["publish"] != false {
		t.Errorf("one client: %v", got)
	}
	for url, want := range map[string]float64{
		"/live/cam": 1, "/live/ca": 0, "/live/camera": 0, "": 0, "%2Flive%2Fwaiting": 1,
	} {
		got := c.get("/api/v1/streams?url=" + url)
		if list := items(got, "streams"); got["total"] != want || len(list) != int(want) ||
			len(list) == 1 && !strings.HasSuffix(url, list[0]["name"].(string)) {
			t.Errorf("?url=%s: %v", url, got)
		}
	}
	for path, want := range map[string]float64{
		"/api/v1/vhosts/vid-none000": 2014, "/api/v1/streams/vid-none000": 2048, "/api/v1/clients/nobody00": 2049,
		"/api/v1/raw": 1061,
	} {
		if got := c.code(http.MethodGet, path); got != want {
			t.Errorf("%s: code %v, want %v", path, got, want)
		}
	}
}

// What a client says of itself is cut short: a list would have it thousands of times.
func TestAPILongWords(t *testing.T) {
	s, c := startAPI(t, "http_api { enabled on; }", "")
	client := s.dial()
	client.command(msg.AppendConnect(nil, msg.ConnectRequest{
		App: "live", TcURL: "rtmp://127.0.0.1/live", PageURL: strings.Repeat("<", 50_000),
	}))
	client.command(msg.AppendPlay(nil, 3, "cam", -2000))
	client.await("NetStream.Play.Start")
	eventually(t, "the client", func() bool { return len(items(c.get("/api/v1/clients"), "clients")) == 1 })
	one := items(c.get("/api/v1/clients"), "clients")[0]
	if page := one["pageUrl"].(string); page != strings.Repeat("<", 512) {
		t.Errorf("a page of %d bytes", len(page))
	}
}

func TestAPIKick(t *testing.T) {
	s, c := startAPI(t, "http_api { enabled on; }", "")
	pub := s.dial().publish("cam")
	player := s.dial().play("cam")
	var clients []map[string]any
	eventually(t, "two clients", func() bool {
		clients = items(c.get("/api/v1/clients"), "clients")
		return len(clients) == 2
	})
	kick := "/api/v1/clients/" + one(clients, "publish", true)["id"].(string)
	for name, value := range map[string]string{
		"Origin": "http://elsewhere.example", "Sec-Fetch-Site": "cross-site", "X-Forwarded-For": "192.0.2.1",
	} {
		c.header.Set(name, value)
		if status, _ := c.do(http.MethodDelete, kick); status != http.StatusForbidden {
			t.Errorf("with %s: %s a client may be kicked: %d", name, value, status)
		}
		c.header.Del(name)
	}
	for host, want := range map[string]int{
		"elsewhere.example": 403, "elsewhere.example:1985": 403, "": 200, "localhost:1985": 200, "127.0.0.1": 200,
		"[::1]:1985": 200,
	} {
		r, err := http.NewRequest(http.MethodDelete, c.base+"/api/v1/clients/nobody00", nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.Host = host; host != "" { // a page of that host, whose name has been made to lead here
			r.Header.Set("Origin", "http://"+host)
		}
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = w.Body.Close()
		if w.StatusCode != want {
			t.Errorf("by the host name %q: %d, want %d", host, w.StatusCode, want)
		}
	}
	if status, answer := c.do(http.MethodDelete, kick); status != http.StatusOK || answer["code"] != 0.0 {
		t.Fatalf("kick: %d %v", status, answer)
	}
	pub.ended()
	player.ping(7) // who plays stays
	player.next("the pong", func(m heard) bool { return strings.HasPrefix(m.body, "\x00\x07") })
	if clients := items(c.get("/api/v1/clients"), "clients"); len(clients) != 1 || clients[0]["type"] != "rtmp-play" {
		t.Errorf("right after it: %v", clients)
	}
	if got := c.code(http.MethodDelete, kick); got != 2049 {
		t.Errorf("a second time: code %v", got)
	}
	eventually(t, "a log line", func() bool { return s.log.count("reason=kicked") == 1 })
}

// T12: start and count are clamped, and the answer says how many there are.
func TestAPIPages(t *testing.T) {
	s, c := startAPI(t, "http_api { enabled on; }", "")
	const n = 25
	for i := range n {
		s.dial().play(fmt.Sprintf("s%02d", i))
	}
	eventually(t, "all of them", func() bool { return c.get("/api/v1/streams?count=1")["total"] == float64(n) })
	for query, want := range map[string][2]int{
		"": {0, 10}, "?start=20": {20, 5}, "?start=-1&count=3": {0, 3}, "?count=0": {0, 1}, "?count=-7": {0, 1},
		"?count=9223372036854775807": {0, n}, "?count=99999999999999999999999": {0, n},
		"?start=9223372036854775807&count=9223372036854775807": {0, 0}, "?start=99999999999999999999999": {0, 0},
		"?start=x&count=y": {0, 10}, "?count=1e3": {0, 10}, "?start=24&count=100": {24, 1},
	} {
		list := items(c.get("/api/v1/streams"+query), "streams")
		if len(list) != want[1] || len(list) > 0 && list[0]["name"] != fmt.Sprintf("s%02d", want[0]) {
			t.Errorf("%q: %d streams, want %d from %d", query, len(list), want[1], want[0])
		}
		if got := items(c.get("/api/v1/clients"+query), "clients"); len(got) != want[1] {
			t.Errorf("%q: %d clients, want %d", query, len(got), want[1])
		}
	}
}

func TestAPIAuth(t *testing.T) {
	for _, tc := range []struct{ name, auth, good, kind string }{
		{"basic", "username admin; password secret;", "Basic YWRtaW46c2VjcmV0", `Basic realm="srsd"`},
		{"bearer", "type bearer; token secret;", "Bearer secret", `Bearer realm="srsd"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, c := startAPI(t, "http_api { enabled on; auth { enabled on; "+tc.auth+" } }", "")
			s.dial().play("x")
			for _, bad := range []string{"", "Basic YWRtaW46d3Jvbmc=", "Bearer", "Bearer ", "Bearer secre", tc.good + "x"} {
				c.header.Set("Authorization", bad)
				if status, _ := c.do(http.MethodGet, "/api/v1/versions"); status != http.StatusUnauthorized {
					t.Errorf("%q: %d", bad, status)
				}
			}
			c.header.Set("Authorization", tc.good)
			c.header.Set("X-Forwarded-For", "192.0.2.1") // a proxy may be between with credentials
			if got := c.code(http.MethodDelete, "/api/v1/clients/nobody00"); got != 2049 {
				t.Errorf("kick with credentials: %v", got)
			}
			c.header.Set("Origin", "http://elsewhere.example")
			if status, _ := c.do(http.MethodDelete, "/api/v1/clients/nobody00"); status != http.StatusForbidden {
				t.Errorf("a page of another origin may use a browser's credentials: %d", status)
			}
		})
	}
}

// T09, T11: no JSONP, no DELETE in disguise, no credentials for other origins.
func TestAPIForeignPages(t *testing.T) {
	s, c := startAPI(t, "http_api { enabled on; }", "")
	s.dial().play("x")
	ask := func(method, path string, header ...string) *http.Response {
		t.Helper()
		r, _ := http.NewRequest(method, c.base+path, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(w.Body)
		_ = w.Body.Close()
		w.Body = io.NopCloser(bytes.NewReader(b))
		return w
	}
	for _, callback := range []string{"f", "<script>alert(1)</script>", strings.Repeat("x", 10_000)} {
		w := ask(http.MethodGet, "/api/v1/versions?callback="+callback)
		b, _ := io.ReadAll(w.Body)
		if !json.Valid(b) || w.Header.Get("Content-Type") != "application/json" ||
			w.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("callback of %d bytes: %v %s", len(callback), w.Header, b)
		}
	}
	id := items(c.get("/api/v1/clients"), "clients")[0]["id"].(string)
	ask(http.MethodGet, "/api/v1/clients/"+id+"?method=DELETE&callback=f")
	if w := ask(http.MethodPost, "/api/v1/clients/"+id+"?method=DELETE"); w.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", w.Status)
	}
	c.get("/api/v1/clients/" + id) // it is still there
	w := ask(http.MethodOptions, "/api/v1/clients/"+id, "Origin", "http://elsewhere.example",
		"Access-Control-Request-Method", "DELETE")
	if strings.Contains(w.Header.Get("Access-Control-Allow-Methods"), "DELETE") ||
		w.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight of a DELETE: %v", w.Header)
	}
	w = ask(http.MethodGet, "/api/v1/versions", "Origin", "http://elsewhere.example")
	if w.Header.Get("Access-Control-Allow-Origin") != "*" || w.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("GET: %v", w.Header)
	}
	for path, want := range map[string]int{
		"/": 200, "/api/v1/nothing": 404, "/api/v2": 404, "/api/v1/clients/a/b": 404, "/elsewhere": 404,
		"/api/v1/openapi.json": 200,
	} {
		if w := ask(http.MethodGet, path); w.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, w.Status, want)
		}
	}
}

// The API is on http_server's listeners, and nowhere else, if it has the same.
func TestAPIShared(t *testing.T) {
	opts, p := options(t, "http_server { enabled on; } http_api { enabled on; listen 8080; }", "")
	opts.Config.HTTPServer.Listen = []string{"127.0.0.1:0"}
	s := run(t, opts, p)
	if len(s.e.APIAddrs()) != 0 {
		t.Errorf("listeners of its own: %v", s.e.APIAddrs())
	}
	newAPIClient(t, "http://"+s.e.HTTPAddrs()[0].String()).get("/api/v1/streams")
}

// R04: when max_connections is reached, the API still answers; it has a bound of its own.
func TestAPIHasAReserve(t *testing.T) {
	opts, p := options(t, "http_api { enabled on; } max_connections 2;", "")
	opts.Config.HTTPAPI.Listen = []string{"127.0.0.1:0"}
	s := run(t, opts, p)
	c := newAPIClient(t, "http://"+s.e.APIAddrs()[0].String())
	s.dial().play("a")
	s.dial().play("b")
	if extra, err := s.tryDial(); err == nil {
		t.Fatalf("a third connection: %v", extra)
	}
	if total := c.get("/api/v1/clients")["total"]; total != 2.0 {
		t.Errorf("%v clients", total)
	}
	http.DefaultClient.CloseIdleConnections()
	var idle []io.Closer
	for range apiConnectionsMax + 8 {
		one, err := net.Dial("tcp", s.e.APIAddrs()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, one)
	}
	eventually(t, "it is full", func() bool {
		return s.log.count("connection refused: connections of the API reached") == 1
	})
	for _, one := range idle {
		_ = one.Close()
	}
	eventually(t, "room again", func() bool {
		w, err := (&http.Client{Timeout: time.Second}).Get(c.base + "/api/v1/versions")
		if err != nil {
			return false
		}
		_ = w.Body.Close()
		return w.StatusCode == http.StatusOK
	})
}

// T03: a crowd of HTTP clients that never finish their headers, and one that asks the API all the
// time, are nothing to RTMP.
func TestHTTPCrowdBesideRTMP(t *testing.T) {
	opts, p := options(t, "http_server { enabled on; } http_api { enabled on; listen 8080; }", "")
	opts.Config.HTTPServer.Listen = []string{"127.0.0.1:0"}
	s := run(t, opts, p)
	address := s.e.HTTPAddrs()[0].String()
	pub := s.dial().publish("cam")
	player := s.dial().play("cam")
	for range 500 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\nX: ")
	}
	api := newAPIClient(t, "http://"+address)
	for i := range 100 {
		pub.video(uint32(i*40), keyframe(i, 5000))
		if got := player.frame().body; got != string(keyframe(i, 5000)) {
			t.Fatalf("frame %d is not what was published", i)
		}
		api.get("/api/v1/streams")
	}
}

// Players of HLS are clients by their sessions, and can be ended.
func TestAPICountsHLS(t *testing.T) {
	opts, p := options(t, "http_server { enabled on; } http_api { enabled on; listen 8080; }",
		"hls { enabled on; hls_fragment 1; hls_window 10; }")
	opts.Config.HTTPServer.Listen, opts.Config.HTTPAPI.Listen = []string{"127.0.0.1:0"}, []string{"127.0.0.1:0"}
	s := run(t, opts, p)
	base := "http://" + s.e.HTTPAddrs()[0].String()
	c := newAPIClient(t, base)
	pub := s.dial().publish("cam")
	pub.video(0, []byte(h264))
	for i := range 5 {
		pub.video(uint32(i*1000), []byte("\x17\x01\x00\x00\x00\x00\x00\x00\x05\x65\x88\x84\x00\x10"))
	}
	text := func(path string) (int, string) {
		answer := get(t, http.MethodGet, base+path)
		defer answer.Body.Close() //nolint:errcheck // opened for reading
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(b)
	}
	media := ""
	eventually(t, "a master playlist", func() bool {
		status, master := text("/live/cam.m3u8")
		_, rest, _ := strings.Cut(master, "\n/live/cam.m3u8?hls_ctx=")
		media = strings.TrimSpace(rest)
		return status == http.StatusOK && media != ""
	})
	if status, _ := text("/live/cam.m3u8?hls_ctx=" + media); status != http.StatusOK {
		t.Fatalf("the playlist of the session: %d", status)
	}
	var viewer map[string]any
	eventually(t, "a client", func() bool {
		viewer = one(items(c.get("/api/v1/clients"), "clients"), "type", "hls-play")
		return viewer["id"] == media
	})
	cam := items(c.get("/api/v1/streams?url=/live/cam"), "streams")[0]
	if viewer["stream"] != cam["id"] || viewer["ip"] != "127.0.0.1" || viewer["publish"] != false ||
		viewer["send_bytes"].(float64) <= 0 || viewer["url"] != "/live/cam" || cam["clients"] != 2.0 {
		t.Errorf("viewer %v of %v", viewer, cam)
	}
	if got := c.get("/api/v1/clients/" + media)["client"].(map[string]any); got["type"] != "hls-play" {
		t.Errorf("one client: %v", got)
	}
	status, answer := c.do(http.MethodDelete, "/api/v1/clients/"+media)
	if status != http.StatusOK || answer["code"] != 0.0 {
		t.Fatalf("kick: %d %v", status, answer)
	}
	if status, _ := text("/live/cam.m3u8?hls_ctx=" + media); status != http.StatusNotFound {
		t.Errorf("the session of a client that was kicked: %d", status)
	}
	if got := c.code(http.MethodDelete, "/api/v1/clients/"+media); got != 2049 {
		t.Errorf("a second time: code %v", got)
	}
}
