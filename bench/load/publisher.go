// SPDX-License-Identifier: MIT

package load

import (
	"time"

	"srsd/bench/media"
	"srsd/proto/amf0"
	"srsd/proto/flv"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

const (
	// pumpGap is the shortest time between two writes of a publisher. Audio and
	// video that are due together go out together.
	pumpGap = 2 * time.Millisecond
	// pendingBytesMax is how much a publisher keeps that the server does not take;
	// then it makes nothing new until that is gone, and is behind.
	pendingBytesMax = 4 << 20
	// pumpBytesMax is what a publisher that is behind writes in one go.
	pumpBytesMax = 1 << 20
	// blockedRetry is when a publisher that has too much pending looks again.
	blockedRetry = 50 * time.Millisecond
)

// publisher is what a publishing connection has beyond a playing one. Loop-owned.
type publisher struct {
	streamID uint32
	baseNs   int64 // when the frame with timestamp 0 was due
	next     int   // index of the next tag of the clip
	lapMs    uint32
	frame    uint32 // number of the next marked frame
	sent     int64  // bytes that the socket took
	sentMark int64  // of sent, when the measurement began
	blocked  bool
}

// begin sends the head of the clip; the rest is paced from now on.
func (l *loop) begin(c *conn) error {
	p := c.pub
	*p = publisher{streamID: p.streamID, baseNs: l.now, frame: p.frame, sent: p.sent, sentMark: p.sentMark}
	out := l.out[:0]
	for i := range l.o.Clip.Head {
		t := &l.o.Clip.Head[i]
		body := t.Data
		if t.Type == flv.TagScript {
			body = append(amf0.AppendString(nil, msg.DataSetDataFrame), body...)
		}
		h := chunk.Header{CSID: msg.MediaCSID(t.Type), Type: t.Type, StreamID: p.streamID}
		out = chunk.AppendMessage(out, h, body, publishChunkBytes)
	}
	l.out = out[:0]
	l.agenda.push(errand{at: l.now, index: c.index, life: c.life})
	if len(out) == 0 {
		return nil
	}
	return l.write(c, out)
}

// pump sends all frames that are due, and makes an appointment for the next.
func (l *loop) pump(c *conn) error {
	p := c.pub
	clip := l.o.Clip
	again := l.now + int64(max(l.o.Batch, pumpGap))
	if len(c.out) >= pendingBytesMax {
		if !p.blocked {
			p.blocked = true
			l.figures.blocked++
		}
		l.behind(p)
		l.agenda.push(errand{at: l.now + int64(blockedRetry), index: c.index, life: c.life})
		return nil
	}
	p.blocked = false
	l.behind(p)
	out := l.out[:0]
	for p.due(clip) <= l.now && len(out) < pumpBytesMax {
		out = l.appendTag(out, p, &clip.Tags[p.next])
		p.next++
		if p.next == len(clip.Tags) {
			p.next = 0
			p.lapMs += clip.DurationMs
			// 49 days of milliseconds wrap; the base moves along so that due does not.
			p.baseNs += int64(clip.DurationMs) * int64(time.Millisecond)
		}
	}
	l.out = out[:0]
	l.agenda.push(errand{at: max(again, p.due(clip)), index: c.index, life: c.life})
	if len(out) == 0 {
		return nil
	}
	return l.write(c, out)
}

// due is when the next frame should be sent.
func (p *publisher) due(clip *media.Clip) int64 {
	return p.baseNs + int64(clip.Tags[p.next].TimestampMs)*int64(time.Millisecond)
}

// behind notes by how much the next frame is late, what a batch means to hold back left out.
func (l *loop) behind(p *publisher) {
	if l.stage == stageMeasure {
		late := l.now - p.due(l.o.Clip) - int64(max(l.o.Batch, pumpGap))
		l.figures.behindNs = max(l.figures.behindNs, late)
	}
}

// appendTag appends a frame as a message, with a mark if it can have one.
//
//srsd:hot
func (l *loop) appendTag(dst []byte, p *publisher, t *media.Tag) []byte {
	h := chunk.Header{
		CSID: msg.MediaCSID(t.Type), Timestamp: p.lapMs + t.TimestampMs, Type: t.Type, StreamID: p.streamID,
	}
	if t.MarkAt == 0 || !l.o.Marks {
		return chunk.AppendMessage(dst, h, t.Data, publishChunkBytes)
	}
	l.body = append(l.body[:0], t.Data[:t.MarkAt]...)
	l.body = media.AppendMark(l.body, l.o.Clip.Codec, l.clock.unix(l.clock.now()), p.frame)
	l.body = append(l.body, t.Data[t.MarkAt:]...)
	p.frame++
	return chunk.AppendMessage(dst, h, l.body, publishChunkBytes)
}
