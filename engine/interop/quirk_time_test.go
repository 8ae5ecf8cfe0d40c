// SPDX-License-Identifier: MIT

package interop

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// stampedTags is a stream of count frames per track, with random bodies of videoBytes and
// audioBytes, at baseMs and every stepMs from there.
func stampedTags(count, videoBytes, audioBytes int, baseMs, stepMs uint32) []flvTag {
	random := rand.New(rand.NewPCG(uint64(videoBytes), uint64(stepMs))) // the same on every run
	tags := []flvTag{
		{typ: typeVideo, tsMs: baseMs, body: []byte{0x17, 0, 0, 0, 0, 1, 0x42, 0xc0, 0x1e, 0xff}},
		{typ: typeAudio, tsMs: baseMs, body: []byte{0xaf, 0, 0x12, 0x10}},
	}
	for i := range count {
		ts := baseMs + uint32(i)*stepMs
		v := append([]byte{0x17, 1, 0, 0, 0}, noise(random, videoBytes-5)...)
		a := append([]byte{0xaf, 1}, noise(random, audioBytes-2)...)
		tags = append(tags, flvTag{typ: typeVideo, tsMs: ts, body: v}, flvTag{typ: typeAudio, tsMs: ts, body: a})
	}
	return tags
}

func noise(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// TestExtendedTimestamps: from 0xFFFFFF ms on, the time takes four bytes more (RTMP 1.0
// §5.3.1.3). Whether each fmt 3 chunk repeats them, as the specification has it and Flash does,
// or not, as ffmpeg and librtmp do; in continuations of a message and in fmt 3 that begins one;
// in bodies that end where a chunk ends and in others; in segments and byte by byte: every
// message arrives, at its time.
func TestExtendedTimestamps(t *testing.T) {
	t.Parallel()
	srv := startServer(t, settings{play: "time_jitter off; gop_cache off;"})
	for _, at := range []struct {
		name         string
		base, stepMs uint32
	}{
		{"over 24 bits", extendedTime - 3*40, 40}, // the fourth is exactly 0xFFFFFF
		{"over 31 bits", 1<<31 - 3*40, 40},
		{"deltas of 32 bits", 0, extendedTime + 1}, // with compressed headers: fmt 1, then fmt 3 that begins
	} {
		for _, repeated := range []bool{true, false} {
			for _, compress := range []bool{true, false} {
				for _, size := range []int{100, 2 * chunkSizeDefault, 300} {
					name := fmt.Sprintf("%s, repeated %v, compressed %v, %d bytes", at.name, repeated, compress, size)
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						tags := stampedTags(8, size, size, at.base, at.stepMs)
						src := newSource(name, "", tags)
						stream := fmt.Sprintf("%x-%v-%v-%d", at.base, repeated, compress, size)
						for _, how := range []func(*testing.T, rawPublisher){nil, dribble} {
							p := rawPlay(t, srv, "live", stream)
							pub := rawPublish(t, srv, "live", stream)
							pub.out.omitExt, pub.out.compress = !repeated, compress
							if how != nil {
								how(t, pub)
							}
							pub.sendAll(t, messagesOf(tags))
							got := p.awaitWhole(t, src)
							if checkRelay(t, src.rec, got, whole) {
								checkSameTimes(t, src.rec, got)
							}
							from := pub.mark()
							pub.command(t, mediaMsid, "FCUnpublish", true, nil, stream)
							pub.waitFor(t, from, "end", replyWithin, isStatus("NetStream.Unpublish.Success"))
						}
					})
				}
			}
		}
	}
}

// TestClockWraps: after 49.7 days the clock starts anew at 0 (RTMP 1.0 §3). Players do not notice.
func TestClockWraps(t *testing.T) {
	t.Parallel()
	srv := startServer(t, settings{})
	for _, compress := range []bool{true, false} {
		t.Run(fmt.Sprintf("compressed %v", compress), func(t *testing.T) {
			t.Parallel()
			src := excerpt(t, fixtureBFrame)
			stream := fmt.Sprint("wrap-", compress)
			p := rawPlay(t, srv, "live", stream)
			pub := rawPublish(t, srv, "live", stream)
			pub.out.compress = compress
			pub.sendAll(t, messagesOf(rebase(src.tags, 1<<32-600)))
			checkArrives(t, src, p)
		})
	}
}
