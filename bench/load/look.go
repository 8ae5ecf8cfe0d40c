// SPDX-License-Identifier: MIT

package load

import (
	"time"

	"srsd/bench/proc"
)

// Look is what the server's processes hold at one time.
type Look struct {
	At      time.Duration // since the test began
	Stage   string
	RSSMB   float64
	Files   int // open files, sockets among them
	Threads int
	// Players and Publishers that are there, as the client sees it.
	Players, Publishers int64
}

// Held is what the server holds, and whether it gives it back; all 0 if it was not looked at.
type Held struct {
	Looks         int     `json:"looks"` // during the measurement
	FilesBefore   int     `json:"files_before"`
	FilesAfter    int     `json:"files_after"` // when all have left
	ThreadsBefore int     `json:"threads_before"`
	ThreadsAfter  int     `json:"threads_after"`
	RSSAfterMB    float64 `json:"rss_after_mb"` // when all have left
	// RSSSlopeKB is by how much memory grew per minute: the least squares line through the
	// looks of the measurement, its first third left out, in which caches and pools fill.
	RSSSlopeKB float64 `json:"rss_slope_kb_per_min"`
}

// watch looks at the server's processes now and then. Off-loop: owned by Run's goroutine.
type watch struct {
	next  int64
	looks []Look // of the measurement
}

// look reads what the server's processes hold. ok is false if they cannot be read, which is
// a warning, once.
func (k *conductor) look(r *Result) (seen Look, ok bool) {
	if k.o.Soak.LookEvery <= 0 || len(k.o.PIDs) == 0 {
		return Look{}, false
	}
	usage := k.server(r)
	files, err := k.files()
	if len(k.o.PIDs) == 0 {
		return Look{}, false // as the warning says
	}
	if err != nil {
		r.Warnings = append(r.Warnings, "what the server holds is not known: "+err.Error())
		k.o.Soak.LookEvery = 0
		return Look{}, false
	}
	seen.Files = files
	now := stage(k.shared.stage.Load())
	seen.At, seen.Stage = time.Duration(k.clock.now()-k.beganNs), now.String()
	seen.RSSMB, seen.Threads = float64(usage.RSSBytes)/megabyte, usage.Threads
	if now != stageEnd { // the gauges stay as they were
		c := k.sum()
		seen.Players, seen.Publishers = c.playing, c.publishing
	}
	if k.o.Soak.Look != nil {
		k.o.Soak.Look(seen)
	}
	return seen, true
}

// files is how many the server's processes have open.
func (k *conductor) files() (sum int, err error) {
	for _, pid := range k.o.PIDs {
		n, err := proc.Files(pid)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// lookBefore notes what the server holds while nobody of ours is there.
func (k *conductor) lookBefore(r *Result) {
	if seen, ok := k.look(r); ok {
		r.Held.FilesBefore, r.Held.ThreadsBefore = seen.Files, seen.Threads
		k.watch.next = k.clock.now() + int64(k.o.Soak.LookEvery)
	}
}

// lookDue looks when it is time.
func (k *conductor) lookDue() {
	now := k.clock.now()
	if k.o.Soak.LookEvery <= 0 || now < k.watch.next {
		return
	}
	k.watch.next = now + int64(k.o.Soak.LookEvery)
	if seen, ok := k.look(k.result); ok && stage(k.shared.stage.Load()) == stageMeasure {
		k.watch.looks = append(k.watch.looks, seen)
	}
}

// lookAfter waits until the server has noticed that all have left, for Options.Timeout at most, and
// fills r.Held.
func (k *conductor) lookAfter(r *Result) {
	r.Held.Looks = len(k.watch.looks)
	r.Held.RSSSlopeKB = slopeKB(k.watch.looks[len(k.watch.looks)/3:])
	if k.o.Soak.LookEvery <= 0 {
		return
	}
	k.until(k.o.Timeout, func(counts) bool {
		files, err := k.files()
		return err != nil || files <= r.Held.FilesBefore
	})
	if seen, ok := k.look(r); ok {
		r.Held.FilesAfter, r.Held.ThreadsAfter, r.Held.RSSAfterMB = seen.Files, seen.Threads, seen.RSSMB
	}
}

// slopeKB is the slope of the least squares line through what was seen: KB per minute. 0 for
// less than two looks.
func slopeKB(looks []Look) float64 {
	n := float64(len(looks))
	var x, y, xx, xy float64
	for _, l := range looks {
		at, kb := l.At.Minutes(), l.RSSMB*megabyte/kilobyte
		x, y, xx, xy = x+at, y+kb, xx+at*at, xy+at*kb
	}
	if d := n*xx - x*x; len(looks) > 1 && d > 0 {
		return (n*xy - x*y) / d
	}
	return 0
}
