// SPDX-License-Identifier: MIT

// Package remux makes the forms in which players over HTTP get a stream, but for the FLV ones,
// which package stream has itself: MPEG-TS, and audio alone. An encoder serves one stream, for
// all its players; see [stream.Encoder]. *loop-owned*.
package remux

import (
	"errors"

	"go.uber.org/zap"

	"srsd/engine/cmaf"
	"srsd/engine/journal"
	"srsd/engine/stream"
)

// holdMs is how long the beginning of a stream is held back until it is known which tracks there
// are, if its publisher does not say it at once.
const holdMs = 500

// New returns what makes a form of the stream called name. What of a stream the form cannot have
// is left out, and said once for each publisher.
func New(kind stream.Form, name string, log *journal.Log) stream.Encoder {
	b := base{name: name, log: log}
	switch kind { //nolint:exhaustive // the FLV ones are no encoder's
	case stream.AAC:
		return newSound(b, "http-aac", adts)
	case stream.MP3:
		return newSound(b, "http-mp3", mpegAudio)
	default:
		return newTransport(b)
	}
}

// base is what the encoders have in common.
type base struct {
	name   string // the stream's
	form   string // as logs have it
	log    *journal.Log
	reader *cmaf.Reader
	told   bool
	out    []byte // of the call under way
	key    bool   // a player can begin with it
}

// Begin implements stream.Encoder.
func (b *base) Begin() {
	b.told = false
	b.reader.Begin()
}

// End implements stream.Encoder.
func (b *base) End(dst []byte) (out []byte) { return dst }

// read hands the frames of m to emit, which appends to b.out.
func (b *base) read(dst []byte, m *stream.Message, emit func(*cmaf.Frame) error) (out []byte, key bool) {
	b.out, b.key = dst, false
	if err := b.reader.Read(m, emit); err != nil {
		b.leaveOut(err)
	}
	out, b.out = b.out, nil
	return out, b.key
}

// leaveOut says that something has no place in the form.
func (b *base) leaveOut(err error) {
	if b.told || errors.Is(err, cmaf.ErrFrame) { // a bad frame is the publisher's affair, and may be one of many
		return
	}
	b.told = true
	b.log.Warn("", "left out of this form", zap.String("stream", b.name), zap.String("form", b.form), zap.Error(err))
}
