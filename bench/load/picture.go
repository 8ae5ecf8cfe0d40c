// SPDX-License-Identifier: MIT

package load

import (
	"srsd/bench/media"
	"srsd/proto/av"
)

// audioOnlyFrames is after how many audio frames without any video a stream is taken
// for one that has none: about 1.4 s. The first of them then counts as the first picture.
const audioOnlyFrames = 64

// video takes a video message of a player, complete; body is its beginning.
//
//srsd:hot
func (d *dialog) video(body []byte) {
	v, err := av.ParseVideo(body[:min(len(body), av.PrefixBytes)])
	if err != nil || v.Packet != av.PacketFrames {
		return
	}
	d.audioFrames = 0
	// A decoder shows nothing before a keyframe, so no other frame is a first picture.
	if d.c.state == waiting {
		if !v.Keyframe {
			return
		}
		d.l.playing(d.c, d.l.now)
		if !d.c.sample {
			d.done = true
			return
		}
	}
	if d.c.sample {
		d.mark(body)
	}
}

// audio takes an audio message of a player, complete; body is its beginning.
//
//srsd:hot
func (d *dialog) audio(body []byte) {
	if d.c.state != waiting {
		return
	}
	a, err := av.ParseAudio(body[:min(len(body), av.PrefixBytes)])
	if err != nil || !a.Media() {
		return
	}
	if d.audioFrames == 0 {
		d.firstAudioNs = d.l.now
	}
	d.audioFrames++
	if d.audioFrames == audioOnlyFrames {
		d.l.playing(d.c, d.firstAudioNs)
		d.done = !d.c.sample
	}
}

// mark takes what a publisher wrote into the frame: latency, and frames that are
// missing before this one. A frame from before the player joined comes out of the
// server's cache; it says nothing about latency.
//
//srsd:hot
func (d *dialog) mark(body []byte) {
	sent, frame, ok := media.FindMark(body)
	if !ok {
		return
	}
	l := d.l
	measuring := l.stage == stageMeasure
	if measuring && sent >= l.clock.unix(d.c.startNs) {
		l.figures.latencyOf(l.clock.unix(l.now) - sent)
	}
	// Numbers that go back are those of a publisher that has begun anew.
	if d.hasFrame && measuring && frame > d.lastFrame+1 {
		l.figures.gaps++
		l.figures.framesMissing += int64(frame - d.lastFrame - 1)
	}
	d.lastFrame, d.hasFrame = frame, true
}
