// SPDX-License-Identifier: MIT

package remux

import (
	"errors"
	"fmt"

	"srsd/engine/cmaf"
	"srsd/engine/stream"
	"srsd/engine/tsmux"
)

// transport makes an MPEG transport stream. PAT and PMT stand before each IDR picture, and where
// there is no video before each packet of audio, so that players need nothing of their own.
type transport struct {
	base
	video, audio *cmaf.Track // what the writer has
	ts           *tsmux.Writer
	counters     tsmux.Counters
}

func newTransport(b base) *transport {
	b.form, b.reader = "http-ts", cmaf.NewReader(holdMs)
	return &transport{base: b}
}

// Write implements io.Writer, for the tsmux.Writer.
func (t *transport) Write(packets []byte) (int, error) {
	t.out = append(t.out, packets...)
	return len(packets), nil
}

// Encode implements stream.Encoder.
func (t *transport) Encode(dst []byte, m *stream.Message) (out []byte, key bool) {
	out, key = t.read(dst, m, t.frame)
	t.counters.Renumber(out[len(dst):])
	return out, key || t.video == nil && len(out) > len(dst) // sound alone has tables everywhere
}

// End implements stream.Encoder.
func (t *transport) End(dst []byte) (out []byte) {
	t.out = dst
	if err := errors.Join(t.reader.Flush(t.frame), t.flush()); err != nil {
		t.leaveOut(err)
	}
	out, t.out = t.out, nil
	t.counters.Renumber(out[len(dst):])
	return out
}

func (t *transport) flush() error {
	if t.ts == nil {
		return nil
	}
	return t.ts.Flush()
}

func (t *transport) frame(f *cmaf.Frame) error {
	if video, audio := t.tracks(); video != t.video || audio != t.audio {
		if err := t.begin(video, audio); err != nil {
			return err
		}
	}
	if t.ts == nil || f.Track != t.video && f.Track != t.audio {
		return nil
	}
	if len(t.out) == 0 && f.Track == t.video && f.Key {
		t.key = true
	}
	return t.ts.Write(f)
}

// tracks returns those of the stream that MPEG-TS carries.
func (t *transport) tracks() (video, audio *cmaf.Track) {
	carried := func(track *cmaf.Track) *cmaf.Track {
		if track == nil || tsmux.Carries(track) {
			return track
		}
		t.leaveOut(fmt.Errorf("%w: %s", tsmux.ErrCodec, track.Name))
		return nil
	}
	return carried(t.reader.Video()), carried(t.reader.Audio())
}

// begin goes on with other tracks.
func (t *transport) begin(video, audio *cmaf.Track) (err error) {
	if err = t.flush(); err != nil {
		return err
	}
	t.video, t.audio, t.ts = video, audio, nil
	if video != nil || audio != nil {
		t.ts, err = tsmux.New(t, video, audio)
	}
	return err
}
