// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"srsd/bench/load"
)

// Layout of the bars on a terminal.
const (
	barWidth   = 60
	barRefresh = 200 * time.Millisecond
	labelWidth = 20
	barParts   = 1000 // of each bar
)

// say prints for a person. Should nobody read it any more, the test goes on.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// display shows how a test is getting on.
type display interface {
	update(load.Progress)
	close()
}

// newDisplay: bars on a terminal, a line now and then elsewhere.
func newDisplay(w io.Writer, flags *common) display {
	if f, ok := w.(*os.File); ok && isTerminal(f) {
		return newBars(f)
	}
	return &lines{w: w, every: flags.Every}
}

// isTerminal reports whether f is one, or another device that takes characters.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// lines prints a line for each stage and every so often.
type lines struct {
	w     io.Writer
	every time.Duration
	stage string
	last  time.Time
}

func (d *lines) update(p load.Progress) {
	if d.every <= 0 || p.Stage == d.stage && time.Since(d.last) < d.every {
		return
	}
	d.stage, d.last = p.Stage, time.Now()
	say(d.w, "%s  %s\n", time.Now().Format(time.TimeOnly), progressText(p))
}

func (d *lines) close() {}

// progressText is a progress in one line.
func progressText(p load.Progress) string {
	s := fmt.Sprintf("%-18s %4.0fs", p.Stage, p.Since.Seconds())
	if p.PublishersTotal > 0 {
		s += fmt.Sprintf("  publishing %d/%d (%.1f Mbit/s)", p.Publishers, p.PublishersTotal, p.IngressMbps)
	}
	if p.PlayersTotal > 0 {
		s += fmt.Sprintf("  playing %d/%d (%.1f Mbit/s)", p.Players, p.PlayersTotal, p.EgressMbps)
	}
	return s + fmt.Sprintf("  lost %d", p.Lost)
}

// bars are progress bars on a terminal: who is there, and how far the stage is. The
// decorators run on a goroutine of mpb, so they look at now only.
type bars struct {
	progress                   *mpb.Progress
	publishers, players, stage *mpb.Bar
	now                        atomic.Pointer[load.Progress]
}

func newBars(f *os.File) *bars {
	return &bars{progress: mpb.New(mpb.WithOutput(f), mpb.WithWidth(barWidth), mpb.WithRefreshRate(barRefresh))}
}

// bar adds a bar, with the stage or a fixed name in front and text behind it.
func (d *bars) bar(name, text func(*load.Progress) string) *mpb.Bar {
	shown := func(f func(*load.Progress) string) func(decor.Statistics) string {
		return func(decor.Statistics) string { return f(d.now.Load()) }
	}
	return d.progress.AddBar(barParts,
		mpb.PrependDecorators(decor.Any(shown(name), decor.WC{W: labelWidth, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.Any(shown(text))))
}

func fixed(name string) func(*load.Progress) string {
	return func(*load.Progress) string { return name }
}

func (d *bars) update(p load.Progress) {
	d.now.Store(&p)
	if d.stage == nil {
		d.start(&p)
	}
	fill(d.publishers, p.Publishers, p.PublishersTotal)
	fill(d.players, p.Players, p.PlayersTotal)
	fill(d.stage, int64(p.Since), int64(p.Of))
}

// fill sets a bar, if the test has it, to n of total. One that is full would be taken for
// done and drawn no more, so the last part stays away.
func fill(b *mpb.Bar, n, total int64) {
	if b == nil || total <= 0 {
		return
	}
	b.SetCurrent(min(int64(barParts*float64(n)/float64(total)), barParts-1))
}

// start adds the bars that the test needs.
func (d *bars) start(p *load.Progress) {
	if p.PublishersTotal > 0 {
		d.publishers = d.bar(fixed("publishing"), func(p *load.Progress) string {
			return fmt.Sprintf(" %d/%d  %.1f Mbit/s", p.Publishers, p.PublishersTotal, p.IngressMbps)
		})
	}
	if p.PlayersTotal > 0 {
		d.players = d.bar(fixed("playing"), func(p *load.Progress) string {
			return fmt.Sprintf(" %d/%d  %.1f Mbit/s", p.Players, p.PlayersTotal, p.EgressMbps)
		})
	}
	d.stage = d.bar(func(p *load.Progress) string { return p.Stage }, func(p *load.Progress) string {
		if p.Of > 0 {
			return fmt.Sprintf(" %.0f/%.0f s  lost %d", p.Since.Seconds(), p.Of.Seconds(), p.Lost)
		}
		return fmt.Sprintf(" %.0f s  lost %d", p.Since.Seconds(), p.Lost)
	})
}

// close takes the bars away: the summary says it all.
func (d *bars) close() {
	for _, b := range []*mpb.Bar{d.publishers, d.players, d.stage} {
		if b != nil {
			b.Abort(true)
		}
	}
	d.progress.Wait()
}
