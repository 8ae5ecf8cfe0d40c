// SPDX-License-Identifier: MIT

package hls

import (
	"runtime"
	"slices"
	"testing"
	"unsafe"
	"weak"

	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/stream"
)

// heavy returns a stream of 6 s whose pictures have a filler NAL unit of so many bytes more.
func heavy(t testing.TB, rounds, bytes int) (all []stream.Message, payload int) {
	t.Helper()
	filler := append([]byte{0, byte(bytes >> 16), byte(bytes >> 8), byte(bytes), 12}, make([]byte, bytes-1)...)
	all = long(t, cmaftest.H264AAC, rounds)
	for i := range all {
		if m := &all[i]; m.Track == stream.Video && !m.Header {
			m.Payload = slices.Concat(m.Payload, filler)
		}
		payload += len(all[i].Payload)
	}
	return all, payload
}

// held is how much memory what can be asked for takes: what is shared counts once.
func (h *house) held() (bytes int) {
	h.s.mu.RLock()
	defer h.s.mu.RUnlock()
	var spans [][2]uintptr
	for _, r := range h.s.files {
		if cap(r.data) > 0 {
			at := uintptr(unsafe.Pointer(unsafe.SliceData(r.data)))
			spans = append(spans, [2]uintptr{at, at + uintptr(cap(r.data))})
		}
	}
	slices.SortFunc(spans, func(a, b [2]uintptr) int { return int(int64(a[0]) - int64(b[0])) })
	end := uintptr(0)
	for _, s := range spans {
		if s[1] > end {
			bytes += int(s[1] - max(s[0], end))
			end = s[1]
		}
	}
	return bytes
}

// What a stream holds is what was published within twice the window (RFC 8216 §6.2.2), a target duration
// and a segment: there is no second copy and no room that is not used.
func TestHeldBytes(t *testing.T) {
	const rounds, window, target, length = 6, 8, 1, 1
	for _, tc := range []struct {
		name, form string
		overhead   float64 // of the container, and of memory that comes in steps
	}{
		{"MPEG-TS", "hls_use_fmp4 off", 1.07}, {"MP4", "hls_use_fmp4 on", 1.05}, {"parts", "low_latency on", 1.05},
	} {
		h := newHouse(t, tc.form, "hls_window 8")
		messages, payload := heavy(t, rounds, 20_000)
		h.begin()
		m, _ := h.m.(*muxer)
		seen := map[weak.Pointer[segment]]bool{}
		for i := range messages {
			h.write(messages[i : i+1])
			for _, s := range m.listed.segments {
				seen[weak.Make(s)] = true
			}
		}
		rate := float64(payload) / (rounds * 6)
		seconds := float64(h.held()) / rate
		if most := tc.overhead * (2*window + target + 2*length); seconds > most || seconds < 2*window {
			t.Errorf("%s: what %.1f s of the stream took is held, expected are %d to %.1f", tc.name, seconds, 2*window, most)
		}
		runtime.GC()
		alive := 0
		for s := range seen {
			if s.Value() != nil {
				alive++
			}
		}
		if n := len(m.listed.segments) + len(m.retired); alive != n || len(seen) < 2*n-n/2 {
			t.Errorf("%s: %d of %d segments are in memory, %d can be asked for", tc.name, alive, len(seen), n)
		}
	}
}

// When memory is scarce the oldest segments go, out of the playlist as well.
func TestRoom(t *testing.T) {
	for _, form := range []string{"hls_use_fmp4 off", "hls_use_fmp4 on", "low_latency on"} {
		h := newHouse(t, "hls_ctx off", "hls_window 600", "hls_fragment 1", form)
		room := h.s.room
		for room.Less() {
			continue
		}
		messages, published := heavy(t, 10, 100<<10)
		h.publish(messages)
		p := h.playlist()
		listed := 0
		for _, s := range p.segments {
			listed += len(h.body("/live/" + s.url))
		}
		if held, newest := h.held(), published/60*2; held > room.Bytes()+newest || listed == 0 || listed > held {
			t.Errorf("%s: %d bytes are held of %d, %d of them listed; room is for %d",
				form, held, published, listed, room.Bytes())
		}
	}
}
