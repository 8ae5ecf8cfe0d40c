// SPDX-License-Identifier: MIT

package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// playsWithin is how long a page may take to play: DASH begins with the third segment.
const playsWithin = 60 * time.Second

// tab is one page in a Chromium without a window.
type tab struct {
	ctx  context.Context
	mu   sync.Mutex
	said []string // errors in its console
}

// openTab starts a Chromium. before is a script that runs ahead of every page's own.
func openTab(t *testing.T, before string) *tab {
	t.Helper()
	requireTool(t, "chromium")
	dir, err := os.MkdirTemp("", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath("chromium"),
		chromedp.UserDataDir(dir), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 900),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"), chromedp.Flag("mute-audio", true))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		closeTab()
		stop()
		// Its children may write for a moment longer.
		if !eventually(10*time.Second, func() bool { return os.RemoveAll(dir) == nil }) {
			t.Errorf("%s: cannot be removed", dir)
		}
	})
	b := &tab{ctx: ctx}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.Type == chromedp.ConsoleException {
				b.mu.Lock()
				b.said = append(b.said, m.Text)
				b.mu.Unlock()
			}
		}
	}()
	if before != "" {
		if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument,
			page.AddScriptToEvaluateOnNewDocumentParams{Source: before}); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// goTo loads a page.
func (b *tab) goTo(t *testing.T, url string) {
	t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Navigate(url)); err != nil {
		t.Fatalf("chromium: %s: %v", url, err)
	}
}

// eval decodes what an expression, or the promise that it is, is worth into a T.
func eval[T any](t *testing.T, b *tab, expression string) (value T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](
		"(async () => JSON.stringify(await ("+expression+")))()", chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("chromium: %s: %v", expression, err)
	}
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("chromium: %s is %s: %v", expression, text, err)
	}
	return value
}

// wait waits until an expression is true, and says what the page shows if it never is.
func (b *tab) wait(t *testing.T, limit time.Duration, expression string) {
	t.Helper()
	if !eventually(limit, func() bool { return eval[bool](t, b, expression) }) {
		t.Fatalf("chromium: never within %v: %s\nthe page: %s", limit, expression, b.text(t))
	}
}

// text is what the page shows.
func (b *tab) text(t *testing.T) string { return eval[string](t, b, "document.body.innerText") }

// exceptions fails the test if a script has thrown.
func (b *tab) exceptions(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.said {
		t.Errorf("chromium: a script threw: %s", text)
	}
	b.said = nil
}

// progress is how far a video is.
type progress struct {
	Seconds float64 // currentTime
	Frames  int     // decoded
}

func (b *tab) progress(t *testing.T) progress {
	t.Helper()
	return eval[progress](t, b, "(v => ({Seconds: v.currentTime, Frames: v.getVideoPlaybackQuality().totalVideoFrames}))"+
		"(document.querySelector('video'))")
}

// plays waits until the video has gone on for so many seconds, with as many pictures of 25 per
// second, but for a tenth. A player that begins anew counts anew.
func (b *tab) plays(t *testing.T, seconds float64) {
	t.Helper()
	from, now := b.progress(t), progress{}
	if !eventually(playsWithin, func() bool {
		if now = b.progress(t); now.Frames < from.Frames || now.Seconds < from.Seconds {
			from = now
		}
		return now.Seconds >= from.Seconds+seconds && now.Frames >= from.Frames+int(seconds*25*0.9)
	}) {
		t.Fatalf("chromium: in %v it has come from %+v to %+v\nthe page: %s", playsWithin, from, now, b.text(t))
	}
}

// stands waits until the video has not moved for two seconds.
func (b *tab) stands(t *testing.T, limit time.Duration) {
	t.Helper()
	at, since := b.progress(t), time.Now()
	if !eventually(limit, func() bool {
		if now := b.progress(t); now != at {
			at, since = now, time.Now()
		}
		return time.Since(since) > 2*time.Second
	}) {
		t.Fatalf("chromium: it still plays after %v", limit)
	}
}

// quoted makes a string of JavaScript.
func quoted(text string) string { return fmt.Sprintf("%q", text) }
