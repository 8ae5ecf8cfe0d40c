// SPDX-License-Identifier: MIT

package interop

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"time"
)

// A clock picture shows the time at which it was handed to the encoder, as blocks that are white or
// black and survive any encoder: row by row, the highest bit first, 42 bits of Unix milliseconds and
// 8 of their check.
const (
	clockWidth, clockHeight = 320, 180
	clockBlock              = 32 // pixels, both ways
	clockColumns            = clockWidth / clockBlock
	clockTimeBits           = 42
	clockBits               = clockTimeBits + 8
	clockEvery              = 40 * time.Millisecond // 25 per second
)

// clockCheck is one byte of a time: the sum of its bytes, turned, so that neither all white nor all
// black is a time.
func clockCheck(ms uint64) byte {
	sum := byte(0)
	for _, b := range binary.BigEndian.AppendUint64(nil, ms) {
		sum += b
	}
	return ^sum
}

// drawClock draws a time into the luma plane of a picture.
func drawClock(luma []byte, ms uint64) {
	bits := ms<<8 | uint64(clockCheck(ms))
	for i := range clockBits {
		value := byte(16)
		if bits>>(clockBits-1-i)&1 == 1 {
			value = 235
		}
		x, y := i%clockColumns*clockBlock, i/clockColumns*clockBlock
		for row := y; row < y+clockBlock; row++ {
			line := luma[row*clockWidth+x:]
			for k := range clockBlock {
				line[k] = value
			}
		}
	}
}

// publishClock publishes clock pictures and a tone, until the test ends.
func publishClock(t *testing.T, url string) *process {
	t.Helper()
	requireTool(t, "ffmpeg")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := startFed(t, r, "ffmpeg", strings.Fields("-hide_banner -loglevel error "+
		"-probesize 32 -f rawvideo -pixel_format yuv420p -video_size 320x180 -framerate 25 -i pipe:0 "+
		"-re -f lavfi -i sine=sample_rate=44100 -c:v libx264 -preset ultrafast -tune zerolatency "+
		"-profile:v baseline -g 25 -c:a aac -f flv "+url)...)
	_ = r.Close()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		picture := make([]byte, clockWidth*clockHeight*3/2)
		for i := range picture {
			picture[i] = 128 // no colour
		}
		tick := time.NewTicker(clockEvery)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				drawClock(picture, uint64(now.UnixMilli()))
				if _, err := w.Write(picture); err != nil {
					return // ffmpeg has ended
				}
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() { // before ffmpeg is killed
		close(stop)
		_ = w.Close()
		<-done
	})
	return p
}

// clockReader is a script that reads the clock pictures which the video of a page shows, and keeps
// how old each was: clockReader.ages, in ms; unread counts those that it could not read.
const clockReader = `(() => {
	const columns = 10, bits = 50, wide = 320, high = 180, block = 32;
	const canvas = document.createElement('canvas');
	canvas.width = wide; canvas.height = high;
	const c = canvas.getContext('2d', {willReadFrequently: true});
	const read = (video) => {
		c.drawImage(video, 0, 0, wide, high);
		const p = c.getImageData(0, 0, wide, high).data;
		let ms = 0, check = 0;
		for (let i = 0; i < bits; i++) {
			const x = i % columns * block + block / 2, y = Math.floor(i / columns) * block + block / 2;
			const bit = p[(y * wide + x) * 4 + 1] > 127 ? 1 : 0;
			if (i < bits - 8) ms = ms * 2 + bit; else check = check * 2 + bit;
		}
		let sum = 0;
		for (let v = ms; v > 0; v = Math.floor(v / 256)) sum += v % 256;
		return (sum + check) % 256 === 255 ? ms : 0;
	};
	const r = window.clockReader = {ages: [], unread: 0};
	const video = document.querySelector('video');
	const next = () => {
		const now = Date.now(), ms = read(video);
		if (ms > 0) r.ages.push(now - ms); else r.unread++;
		video.requestVideoFrameCallback(next);
	};
	video.requestVideoFrameCallback(next);
	return null;
})()`
