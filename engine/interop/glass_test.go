// SPDX-License-Identifier: MIT

package interop

import (
	"slices"
	"testing"
	"time"
)

const (
	// glassWarm is how long a player may take after its first pictures to come to its distance from
	// the live edge; glassFor is how long it is watched then.
	glassWarm = 8 // seconds
	glassFor  = 32 * time.Second
	// glassPictures is how many of the 25 per second must have been seen: a busy machine draws fewer.
	glassPictures = 200
)

// TestGlassToGlass: how long it takes from the moment that a picture is handed to the encoder until
// Chromium draws it. The picture itself says when that was, and both ends have one clock. It
// includes ffmpeg's x264, srsd, and the page's player with its own buffer.
//
// LL-HLS is below 3 s for 95 of 100 pictures; the others are as their protocols let them.
func TestGlassToGlass(t *testing.T) {
	for _, c := range []struct {
		protocol string
		p95      time.Duration
	}{
		{"hls", 3 * time.Second},
		{"flv", 3 * time.Second},
		{"dash", 12 * time.Second}, // three segments of 2 s, the one that is being made, and two that came late
	} {
		t.Run(c.protocol, func(t *testing.T) {
			s, url := startPage(t)
			publishClock(t, s.url("live/cam"))
			s.awaitLog(t, " publish stream=/live/cam ", 1, joinWithin)
			b := openTab(t, "")
			b.goTo(t, url+"?watch=live/cam")
			b.wait(t, joinWithin, "!!document.querySelector('input[value="+c.protocol+"]')")
			eval[any](t, b, "document.querySelector('input[value="+c.protocol+"]').click() ?? null")
			b.plays(t, glassWarm)
			eval[any](t, b, clockReader)
			pause(glassFor)
			seen := eval[struct {
				Ages   []float64
				Unread int
			}](t, b, "({Ages: clockReader.ages, Unread: clockReader.unread})")
			b.exceptions(t)
			if len(seen.Ages) < glassPictures || seen.Unread > len(seen.Ages)/100 {
				t.Fatalf("%d pictures were read, %d could not be", len(seen.Ages), seen.Unread)
			}
			slices.Sort(seen.Ages)
			at := func(share int) time.Duration {
				return time.Duration(seen.Ages[(len(seen.Ages)-1)*share/100]) * time.Millisecond
			}
			t.Logf("glass to glass, %s: p50 %v, p95 %v, max %v of %d pictures in %v",
				c.protocol, at(50), at(95), at(100), len(seen.Ages), glassFor)
			if at(0) <= 0 {
				t.Errorf("a picture was seen %v after it was made: the clocks are not one", at(0))
			}
			if at(95) >= c.p95 {
				t.Errorf("p95 is %v, want less than %v", at(95), c.p95)
			}
		})
	}
}

// TestDashClock: a browser whose clock is a minute ahead, or behind, plays DASH as near to the live
// edge as any other: it takes the server's clock, from the manifest.
func TestDashClock(t *testing.T) {
	for _, c := range []struct{ name, ahead string }{{"a minute ahead", "60000"}, {"a minute behind", "-60000"}} {
		t.Run(c.name, func(t *testing.T) {
			s, url := startPage(t)
			publishPage(t, s, 1)
			b := openTab(t, `
				const Real = Date;
				window.Date = class extends Real {
					constructor(...a) { if (a.length) super(...a); else super(Real.now() + `+c.ahead+`); }
					static now() { return Real.now() + `+c.ahead+`; }
				};`)
			b.goTo(t, url+"?watch=live/cam")
			b.wait(t, joinWithin, "!!document.querySelector('input[value=dash]')")
			eval[any](t, b, "document.querySelector('input[value=dash]').click() ?? null")
			b.plays(t, 5)
			const behind = "parseFloat(document.querySelector('.meters dd').innerText)"
			b.wait(t, joinWithin, behind+" > 1 && "+behind+" < 12")
			b.exceptions(t)
		})
	}
}
