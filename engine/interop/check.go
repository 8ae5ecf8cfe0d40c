// SPDX-License-Identifier: MIT

package interop

import "math"

const (
	// frameMs is one frame of the fixtures (25 per second): the bound on how far
	// audio and video may drift apart in the relay, and on how late a stream that
	// "starts at zero" may start.
	frameMs = 40
	// seamMs bounds the jump where one publisher follows another. A stream's clock
	// advances by 10 ms there (SRS, time_jitter full); the rest is the interleaving.
	seamMs = 500
)

// reporter is what the checks need of a *testing.T; their own test has another.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

// scope says how much of the source a player must have got.
type scope uint8

const (
	whole scope = iota // everything: it waited before the publisher came
	tail               // everything from some point on: it joined in mid-stream
)

// checkRelay fails the test unless got is src as an honest relay delivers it:
// the same payloads in the same order to the last packet, time that never goes
// back, audio and video shifted alike. Times themselves are not compared: see
// checkStartsAtZero and checkSameTimes. same: the payloads are right.
func checkRelay(t reporter, src, got recording, s scope) (same bool) {
	t.Helper()
	same = true
	for _, tr := range bothTracks {
		same = checkTrack(t, src, got, tr, s) && same
	}
	checkMonotonic(t, got)
	if same { // else the rest would only say so again
		checkHeadersFirst(t, src, got)
		checkInStep(t, src, got)
	}
	return same
}

// checkTrack compares the payloads of one track: equal to the source's, or to its end.
func checkTrack(t reporter, src, got recording, tr track, s scope) (same bool) {
	t.Helper()
	want, have := src.media(tr), got.media(tr)
	if len(want) > 0 && len(have) == 0 {
		t.Errorf("%s: track %c: nothing arrived, source has %d packets", got.peer, tr, len(want))
		return false
	}
	if s == tail && len(have) < len(want) {
		want = want[len(want)-len(have):]
	}
	for i := range min(len(want), len(have)) {
		if got.keysUnknown {
			have[i].key = want[i].key
		}
		if !want[i].sameMedia(have[i]) {
			t.Errorf("%s: track %c: packet %d of %d is %v; source has %v (and that one as number %d)",
				got.peer, tr, i, len(have), have[i], want[i], indexOf(want, have[i]))
			return false
		}
	}
	if len(have) != len(want) {
		t.Errorf("%s: track %c: %d packets, source has %d", got.peer, tr, len(have), len(want))
		return false
	}
	return true
}

// indexOf helps to tell a loss from damage: where in all is p? -1: nowhere.
func indexOf(all []packet, p packet) int {
	for i := range all {
		if all[i].sameMedia(p) {
			return i
		}
	}
	return -1
}

// checkMonotonic: within a track, headers included, time never goes back.
func checkMonotonic(t reporter, got recording) {
	t.Helper()
	last := map[track]packet{}
	for i, p := range got.packets {
		if q, ok := last[p.track]; ok && p.dtsMs < q.dtsMs {
			t.Errorf("%s: time goes back at packet %d: %v after %v", got.peer, i, p, q)
			return
		}
		last[p.track] = p
	}
}

// checkHeadersFirst: a decoder can start. The codec configuration is the
// source's and precedes the first frame, and the first video frame is a key. src
// and got must have passed checkTrack, as for checkInStep and checkSameTimes.
func checkHeadersFirst(t reporter, src, got recording) {
	t.Helper()
	for _, tr := range bothTracks {
		want := src.headers(tr)
		if len(want) == 0 {
			continue
		}
		first := got.pick(func(p packet) bool { return p.track == tr })
		if !first[0].header || first[0].sum != want[0].sum && !got.ownHeaders {
			t.Errorf("%s: track %c starts with %v; want the sequence header %v", got.peer, tr, first[0], want[0])
		}
	}
	v, all := got.media(video), src.media(video)
	// The source's flag: not every peer tells keys, and checkTrack has matched the two.
	if len(v) > 0 && !all[len(all)-len(v)].key {
		t.Errorf("%s: first video frame is no keyframe: %v", got.peer, v[0])
	}
}

// checkInStep: whatever was done to the clock was done to both tracks alike.
func checkInStep(t reporter, src, got recording) {
	t.Helper()
	lowest, highest := int64(math.MaxInt64), int64(math.MinInt64)
	for _, tr := range bothTracks {
		want, have := src.media(tr), got.media(tr)
		want = want[len(want)-len(have):]
		for i := range have {
			shift := have[i].dtsMs - want[i].dtsMs
			lowest, highest = min(lowest, shift), max(highest, shift)
		}
	}
	if highest-lowest >= frameMs {
		t.Errorf("%s: packets are shifted by %d to %d ms against the source; more than a frame (%d ms) apart",
			got.peer, lowest, highest, frameMs)
	}
}

// checkStartsAtZero: the earliest media lies in the first frame's time.
func checkStartsAtZero(t reporter, got recording) {
	t.Helper()
	earliest := int64(math.MaxInt64)
	for _, tr := range bothTracks {
		if m := got.media(tr); len(m) > 0 {
			earliest = min(earliest, m[0].dtsMs)
		}
	}
	if earliest == math.MaxInt64 {
		return // checkTrack has said so
	}
	if earliest < 0 || earliest >= frameMs {
		t.Errorf("%s: starts at %d ms; want 0 to %d", got.peer, earliest, frameMs-1)
	}
}

// checkSameTimes: the clock was passed through untouched.
func checkSameTimes(t reporter, src, got recording) {
	t.Helper()
	for _, tr := range bothTracks {
		want, have := src.media(tr), got.media(tr)
		want = want[len(want)-len(have):]
		for i := range have {
			if have[i].dtsMs != want[i].dtsMs {
				t.Errorf("%s: track %c: packet %d is at %d ms; source has %d", got.peer, tr, i, have[i].dtsMs, want[i].dtsMs)
				return
			}
		}
	}
}

// splitAt cuts a recording of two publishers where the second one's frames begin:
// counts holds, per track, how many frames belong to the first.
func splitAt(r recording, counts map[track]int) (first, second recording) {
	first, second = r, r
	first.peer, second.peer = r.peer+", first part", r.peer+", second part"
	first.packets, second.packets = nil, nil
	seen := map[track]int{}
	for _, p := range r.packets {
		if seen[p.track] < counts[p.track] {
			first.packets = append(first.packets, p)
		} else {
			second.packets = append(second.packets, p)
		}
		if !p.header {
			seen[p.track]++
		}
	}
	return first, second
}

// checkSeam: the clock runs on from the first publisher to the second.
func checkSeam(t reporter, first, second recording) {
	t.Helper()
	for _, tr := range bothTracks {
		a, b := first.media(tr), second.media(tr)
		if len(a) == 0 || len(b) == 0 {
			t.Errorf("%s: track %c: %d frames before the seam, %d after", second.peer, tr, len(a), len(b))
			continue
		}
		if jump := b[0].dtsMs - a[len(a)-1].dtsMs; jump < 0 || jump > seamMs {
			t.Errorf("%s: track %c jumps by %d ms at the seam; want 0 to %d", second.peer, tr, jump, seamMs)
		}
	}
}
