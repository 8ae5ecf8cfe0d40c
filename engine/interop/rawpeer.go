// SPDX-License-Identifier: MIT

package interop

import (
	"math"
	"net"
	"testing"
	"time"
)

// rawPlayer is the raw client in the role of a player.
type rawPlayer struct {
	*client
	from int // first event of the present play
}

// rawPlay joins /app/stream on the server.
func rawPlay(t *testing.T, s *server, app, stream string) *rawPlayer {
	t.Helper()
	c := dial(t, s)
	c.connect(t, app, s.url(app))
	c.createStream(t)
	p := &rawPlayer{client: c}
	p.play(t, stream)
	return p
}

// play sends play, with start and duration if given, and waits for the answer.
func (p *rawPlayer) play(t *testing.T, stream string, startDuration ...any) {
	t.Helper()
	p.from = p.mark()
	p.command(t, mediaMsid, "play", false, append([]any{nil, stream}, startDuration...)...)
	p.waitFor(t, p.from, "NetStream.Play.Start", replyWithin, isStatus("NetStream.Play.Start"))
}

// recording is what has come since the last play.
func (p *rawPlayer) recording() recording {
	events, _ := p.log()
	return recordEvents("raw client", events[p.from:])
}

func recordEvents(peer string, events []event) recording {
	r := recording{peer: peer}
	for _, e := range events {
		if pkt, ok := toPacket(e.typ, e.tsMs, e.body); ok {
			r.packets = append(r.packets, pkt)
		}
	}
	return r
}

func (p *rawPlayer) stop(t *testing.T) recording {
	t.Helper()
	if _, err := p.log(); err != nil {
		t.Errorf("raw client: connection ended before it was stopped: %v", err)
	}
	r := p.recording()
	p.close()
	return r
}

// waitMedia waits for n frames of a track, counted from event index from.
func (p *rawPlayer) waitMedia(t *testing.T, from int, tr track, n int) {
	t.Helper()
	const limit = 10 * time.Second
	at := from - 1
	for range n {
		at = p.waitFor(t, at+1, "frame on track "+string(tr), limit, isMedia(tr))
	}
}

// rawPublisher is the raw client in the role of an encoder.
type rawPublisher struct{ *client }

// rawPublish does what Flash does: connect, createStream, publish.
func rawPublish(t *testing.T, s *server, app, stream string) rawPublisher {
	t.Helper()
	c := dial(t, s)
	c.connect(t, app, s.url(app))
	c.createStream(t)
	return publishOn(t, c, stream)
}

// publishOn sends publish on the created stream and waits for its start.
func publishOn(t *testing.T, c *client, stream string) rawPublisher {
	t.Helper()
	from := c.mark()
	c.command(t, mediaMsid, "publish", true, nil, stream, "live")
	c.waitFor(t, from, "NetStream.Publish.Start", replyWithin, isStatus("NetStream.Publish.Start"))
	return rawPublisher{c}
}

// sendTag sends one tag as an encoder would.
func (p rawPublisher) sendTag(t *testing.T, tag flvTag) {
	t.Helper()
	p.mustSend(t, tagMessage(tag))
}

// tagMessage is a tag as a message; metadata gets the @setDataFrame that encoders send.
func tagMessage(tag flvTag) message {
	m := message{typ: tag.typ, msid: mediaMsid, tsMs: tag.tsMs, body: tag.body}
	switch tag.typ {
	case typeAudio:
		m.csid = csidAudio
	case typeVideo:
		m.csid = csidVideo
	default:
		m.csid = csidData
		m.body = append(appendAMFKey([]byte{amfString}, "@setDataFrame"), tag.body...)
	}
	return m
}

// pacer spaces a tag list in time: wait returns when it is the tag's turn.
type pacer struct {
	begin time.Time
	base  uint32
	speed int // 1: real time
}

func newPacer(tags []flvTag, speed int) pacer {
	p := pacer{begin: time.Now(), speed: speed}
	if len(tags) > 0 {
		p.base = tags[0].tsMs
	}
	return p
}

func (p pacer) wait(tag flvTag) {
	due := p.begin.Add(time.Duration(tag.tsMs-p.base) * time.Millisecond / time.Duration(p.speed))
	if d := time.Until(due); d > 0 {
		pause(d)
	}
}

// sending is a publication that goes on in a goroutine of its own.
type sending struct{ result chan error }

// start sends the tags at speed times real time, in the background.
func (p rawPublisher) start(tags []flvTag, speed int) sending {
	s := sending{result: make(chan error, 1)}
	go func() {
		pace := newPacer(tags, speed)
		for _, tag := range tags {
			pace.wait(tag)
			if err := p.send(tagMessage(tag)); err != nil {
				s.result <- err
				return
			}
		}
		s.result <- nil
	}()
	return s
}

// mustSucceed waits until the last tag is sent.
func (s sending) mustSucceed(t *testing.T, limit time.Duration) {
	t.Helper()
	select {
	case err := <-s.result:
		if err != nil {
			t.Fatalf("raw publisher: %v", err)
		}
	case <-time.After(limit):
		t.Fatalf("raw publisher: still sending after %v", limit)
	}
}

// sendLoop sends the tags and then their frames over and over in real time, the
// clock running on, in a goroutine of its own, until the connection or the test
// ends. It is the live stream behind tests that are about players.
func (p rawPublisher) sendLoop(t *testing.T, tags []flvTag) {
	t.Helper()
	stop, stopped := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() {
		close(stop)
		<-stopped
	})
	first, frames, lengthMs := loopRounds(tags)
	go func() {
		defer close(stopped)
		pace := newPacer(tags, 1)
		for round := range uint32(math.MaxInt32) / lengthMs {
			part := rebase(frames, round*lengthMs)
			if round == 0 {
				part = first
			}
			for _, tag := range part {
				pace.wait(tag)
				select {
				case <-stop:
					return
				default:
				}
				if p.send(tagMessage(tag)) != nil {
					return
				}
			}
		}
	}()
}

// loopRounds returns the first round (metadata, headers, frames), what every later
// one repeats (frames), and how long a round is. The end of sequence is in neither.
func loopRounds(tags []flvTag) (first, frames []flvTag, lengthMs uint32) {
	for _, tag := range tags {
		lengthMs = max(lengthMs, tag.tsMs+frameMs)
		p, ok := toPacket(tag.typ, tag.tsMs, tag.body)
		if ok || tag.typ == typeData {
			first = append(first, tag)
		}
		if ok && !p.header {
			frames = append(frames, tag)
		}
	}
	return first, frames, lengthMs
}

// fmlePublish does what FMLE, OBS and ffmpeg do: releaseStream and FCPublish first.
func fmlePublish(t *testing.T, s *server, stream string) rawPublisher {
	t.Helper()
	c := dial(t, s)
	c.connect(t, "live", s.url("live"))
	c.call(t, "releaseStream", nil, stream)
	c.call(t, "FCPublish", nil, stream)
	c.createStream(t)
	return publishOn(t, c, stream)
}

// reset closes with a TCP reset instead of the orderly end.
func (c *client) reset(t *testing.T) {
	t.Helper()
	tcp, ok := c.conn.(*net.TCPConn)
	if !ok {
		t.Fatalf("a %T cannot be reset", c.conn)
	}
	if err := tcp.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	c.close()
}
