// SPDX-License-Identifier: MIT

package interop

import (
	"fmt"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
)

const h264AndAAC = `video/mp4; codecs="avc1.42c01e,mp4a.40.2"`

// startPage runs a server with all that the page can play, and gives it a publisher.
func startPage(t *testing.T) (s *server, url string) {
	t.Helper()
	return startPageOf(t, "http_remux { enabled on; } hls { enabled on; low_latency on; hls_fragment 2; hls_window 30; } "+
		"dash { enabled on; dash_fragment 2; dash_update_period 1; dash_timeshift 30; dash_window_size 15; }")
}

// startPageOf is startPage of a vhost that has something else.
func startPageOf(t *testing.T, vhost string) (s *server, url string) {
	t.Helper()
	requireTool(t, "chromium", "ffmpeg")
	port := freePort(t)
	s = startServer(t, settings{
		root: fmt.Sprintf("http_server { enabled on; listen 127.0.0.1:%d; dir %s; } "+
			"http_api { enabled on; listen 127.0.0.1:%d; }", port, t.TempDir(), port),
		vhost: vhost,
	})
	url = fmt.Sprintf("http://127.0.0.1:%d/", port)
	return s, url
}

// publishPage publishes a stream until it is stopped.
func publishPage(t *testing.T, s *server, times int) *process {
	t.Helper()
	p := startProcess(t, "ffmpeg", strings.Fields("-hide_banner -nostdin -loglevel error -re "+
		"-f lavfi -i testsrc2=size=320x180:rate=25 -f lavfi -i sine=sample_rate=44100 -c:v libx264 -preset ultrafast "+
		"-tune zerolatency -profile:v baseline -pix_fmt yuv420p -g 25 -c:a aac -t 300 -f flv "+s.url("live/cam"))...)
	s.awaitLog(t, " publish stream=/live/cam ", times, joinWithin)
	return p
}

// TestPagePlays: the page plays each protocol, and goes on by itself after a republish.
func TestPagePlays(t *testing.T) {
	for _, protocol := range []string{"flv", "ws", "ts", "hls", "dash"} {
		t.Run(protocol, func(t *testing.T) {
			start := startPage
			if protocol == "ts" { // which cannot stand beside HLS
				start = func(t *testing.T) (*server, string) {
					return startPageOf(t, "http_remux { enabled on; mount [vhost]/[app]/[stream].ts; }")
				}
			}
			s, url := start(t)
			publisher := publishPage(t, s, 1)
			b := openTab(t, "")
			b.goTo(t, url+"?watch=live/cam")
			if !eval[bool](t, b, "MediaSource.isTypeSupported("+quoted(h264AndAAC)+")") {
				t.Fatalf("this Chromium does not play %s: the test cannot tell anything", h264AndAAC)
			}
			b.wait(t, joinWithin, "!!document.querySelector('input[value="+protocol+"]')")
			eval[any](t, b, "document.querySelector('input[value="+protocol+"]').click() ?? null")
			b.plays(t, 3)
			// HTTP-FLV is what the page begins with, and one request that does not end.
			if name := map[string]string{"flv": "http-flv", "ws": "ws-flv", "ts": "http-ts"}[protocol]; name != "" {
				s.awaitLog(t, " play stream=/live/cam protocol="+name+" ", 1, joinWithin)
			} else {
				b.wait(t, joinWithin, "performance.getEntriesByType('resource').some(e => e.name.includes('/live/cam"+
					map[string]string{"hls": ".m3u8", "dash": "/video-"}[protocol]+"'))")
			}
			b.wait(t, joinWithin, "/^[0-9.]+ s$/.test(document.querySelector('.meters dd').innerText)")
			b.wait(t, joinWithin, "document.querySelector('.cover').hidden")
			b.wait(t, joinWithin, "document.body.innerText.includes('320×180')")

			publisher.signal(t, syscall.SIGTERM)
			publisher.wait(joinWithin)
			b.wait(t, playsWithin, "document.body.innerText.includes('Nobody publishes this stream')")
			b.stands(t, playsWithin)
			publishPage(t, s, 2)
			b.plays(t, 3)
			b.wait(t, joinWithin, "document.querySelector('.cover').hidden")
			b.exceptions(t)
		})
	}
}

// TestPageLists: the page says when nothing is published and how to, shows what is, and leads to it.
func TestPageLists(t *testing.T) {
	s, url := startPage(t)
	b := openTab(t, "")
	b.goTo(t, url)
	b.wait(t, joinWithin, "document.body.innerText.includes('Nothing is being published')")
	b.wait(t, joinWithin, "document.body.innerText.includes("+quoted(s.url("live/livestream"))+")")
	b.shoot(t, "empty")
	publishPage(t, s, 1)
	b.wait(t, joinWithin, "document.querySelector('.card')?.innerText.includes('320×180') ?? false")
	b.wait(t, joinWithin, "/2[345]\\/s/.test(document.querySelector('.card').innerText)")
	b.wait(t, joinWithin, `(() => {
		const c = document.querySelector('.card canvas');
		if (c.hidden || c.width !== 320 || c.height !== 180) return false;
		const d = c.getContext('2d').getImageData(0, 0, 320, 180).data;
		return new Set(new Uint32Array(d.buffer)).size > 100; // the test picture's colours
	})()`)
	if eval[bool](t, b, "document.body.innerText.includes('Nothing is being published')") {
		t.Error("it says that nothing is published")
	}
	b.shoot(t, "list")
	// By keyboard: what is after the skip link and the name of the page is the stream.
	eval[any](t, b, "document.querySelector('a.name').focus() ?? null")
	if err := chromedp.Do(b.ctx, chromedp.KeyEvent("\r")); err != nil {
		t.Fatal(err)
	}
	b.wait(t, joinWithin, "location.search === '?watch=live%2Fcam'")
	b.wait(t, joinWithin, "!!document.querySelector('video')")
	b.plays(t, 1)
	b.shoot(t, "watch")
	ws := strings.Replace(url, "http", "ws", 1)
	for _, u := range []string{
		s.url("live/cam"), url + "live/cam.flv", ws + "live/cam.flv",
		url + "live/cam.m3u8", url + "live/cam.mpd",
	} {
		if !eval[bool](t, b, "[...document.querySelectorAll('code')].some(e => e.innerText === "+quoted(u)+")") {
			t.Errorf("%s is not among the URLs: %s", u, b.text(t))
		}
	}
	if err := chromedp.Do(b.ctx, chromedp.KeyEvent("m")); err != nil {
		t.Fatal(err)
	}
	b.wait(t, joinWithin, "!document.querySelector('video').muted")
	b.exceptions(t)
}

// TestPageShowsText: T10. Whatever strangers say is text. Names with HTML in them cannot be
// published, so the API's answer is changed on its way to the page.
func TestPageShowsText(t *testing.T) {
	const evil = `<img src=x onerror="window.pwned=1"><b>bold</b>`
	s, url := startPage(t)
	publishPage(t, s, 1)
	b := openTab(t, `
		const real = window.fetch;
		window.fetch = async (u, o) => {
			const r = await real(u, o);
			if (!String(u).includes('/api/v1/streams')) return r;
			const a = await r.json();
			const evil = `+"`"+evil+"`"+`;
			for (const s of a.streams ?? [a.stream]) if (s) { s.name = s.app = evil; if (s.video) s.video.codec = evil; }
			return new Response(JSON.stringify(a), {headers: {'Content-Type': 'application/json'}});
		};`)
	b.goTo(t, url)
	b.wait(t, joinWithin, "document.querySelector('a.name')?.textContent === "+quoted(evil))
	b.wait(t, joinWithin, "document.querySelector('.card .soft').textContent.includes("+quoted(evil)+")")
	b.goTo(t, url+"?watch="+neturl.QueryEscape("live/"+evil))
	b.wait(t, joinWithin, "document.body.innerText.includes('<b')")
	for _, name := range []string{url, url + "?watch=live/cam"} {
		b.goTo(t, name)
		b.wait(t, joinWithin, "document.body.innerText.length > 100")
		if eval[bool](t, b, "!!window.pwned || document.querySelectorAll('main b, main img').length > 0") {
			t.Errorf("%s: a name became HTML: %s", name, b.text(t))
		}
	}
	// And if it did, the policy would not let it run: this is what it would be.
	eval[any](t, b, "(document.querySelector('main').innerHTML = "+quoted(evil)+
		", new Promise(r => setTimeout(r, 500, null)))")
	if eval[bool](t, b, "!!window.pwned") {
		t.Error("the Content-Security-Policy lets a script in an attribute run")
	}
}

// shoot writes a picture of the page to SRSD_SCREENSHOTS, if that is set, for somebody to look at.
func (b *tab) shoot(t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("SRSD_SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600); err != nil {
		t.Fatal(err)
	}
}
