// SPDX-License-Identifier: MIT

package interop

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/gortmplib"
	rtmpmsg "github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// gortmpDial connects a gortmplib client for /live/stream; it is closed when the test ends.
func gortmpDial(t *testing.T, s *server, stream string, publish bool) *gortmplib.Client {
	t.Helper()
	u, err := url.Parse(s.url("live"))
	if err != nil {
		t.Fatal(err)
	}
	u.Fragment = stream // gortmplib's place for the stream name
	c := &gortmplib.Client{URL: u, Publish: publish, TLSConfig: &tls.Config{InsecureSkipVerify: true}}
	ctx, cancel := context.WithTimeout(context.Background(), joinWithin)
	defer cancel()
	if err := c.Initialize(ctx); err != nil {
		t.Fatalf("gortmplib: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// gortmpPlayer plays with gortmplib, message by message.
type gortmpPlayer struct {
	c    *gortmplib.Client
	done chan struct{}

	mu      sync.Mutex
	rec     recording
	err     error
	stopped bool
}

// gortmpPlay joins /live/stream.
func gortmpPlay(t *testing.T, s *server, stream string) *gortmpPlayer {
	t.Helper()
	p := &gortmpPlayer{
		c: gortmpDial(t, s, stream, false), done: make(chan struct{}),
		rec: recording{peer: "gortmplib", ownHeaders: true},
	}
	go p.receive()
	t.Cleanup(func() {
		p.c.Close()
		<-p.done
	})
	return p
}

func (p *gortmpPlayer) receive() {
	defer close(p.done)
	for {
		msg, err := p.c.Read()
		p.mu.Lock()
		if err != nil {
			if !p.stopped {
				p.err = err
			}
			p.mu.Unlock()
			return
		}
		if pkt, ok := gortmpPacket(msg); ok {
			p.rec.packets = append(p.rec.packets, pkt)
		}
		p.mu.Unlock()
	}
}

// gortmpPacket reduces a decoded message; gortmplib gives configurations decoded only.
func gortmpPacket(msg rtmpmsg.Message) (p packet, ok bool) {
	var body []byte
	switch m := msg.(type) {
	case *rtmpmsg.Video:
		p = packet{track: video, dtsMs: m.DTS.Milliseconds(), header: m.Type == rtmpmsg.VideoTypeConfig}
		p.key = m.IsKeyFrame && !p.header
		p.ctsMs = m.PTSDelta.Milliseconds()
		switch m.Type {
		case rtmpmsg.VideoTypeConfig:
			var buf bytes.Buffer
			if _, err := mp4.Marshal(&buf, m.AVCConfig, mp4.Context{}); err != nil {
				return packet{}, false
			}
			body = buf.Bytes()
		case rtmpmsg.VideoTypeAU:
			body = m.AU
		case rtmpmsg.VideoTypeEOS:
			return packet{}, false
		}
	case *rtmpmsg.Audio:
		p = packet{track: audio, dtsMs: m.DTS.Milliseconds()}
		p.header = m.Codec == rtmpmsg.CodecMPEG4Audio && m.AACType == rtmpmsg.AudioAACTypeConfig
		body = m.AU
		if p.header {
			var err error
			if body, err = m.AACConfig.Marshal(); err != nil {
				return packet{}, false
			}
		}
	default:
		return packet{}, false
	}
	p.size, p.sum = len(body), sumOf(body)
	return p, true
}

func (p *gortmpPlayer) stop(t *testing.T) recording {
	t.Helper()
	p.mu.Lock()
	p.stopped = true
	err := p.err
	p.mu.Unlock()
	if err != nil {
		t.Errorf("gortmplib: connection ended before it was stopped: %v", err)
	}
	p.c.Close()
	<-p.done
	return p.rec
}

// gortmpPublish sends the media of the tags with gortmplib in real time.
func gortmpPublish(t *testing.T, c *gortmplib.Client, tags []flvTag) {
	t.Helper()
	// gortmplib reads acknowledgements and pings only when asked to read.
	done := make(chan struct{})
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			if _, err := c.Read(); err != nil {
				return
			}
		}
	}()
	pace := newPacer(tags, 1)
	for _, tag := range tags {
		msg, err := gortmpMessage(tag)
		if err != nil {
			t.Fatal(err)
		}
		if msg == nil {
			continue
		}
		pace.wait(tag)
		if err := c.Write(msg); err != nil {
			t.Fatalf("gortmplib: %v", err)
		}
	}
}

// errFixture: a tag that the fixtures do not hold.
var errFixture = errors.New("gortmplib publisher: unexpected tag")

// gortmpMessage turns a tag into gortmplib's own type; nil for tags without media.
func gortmpMessage(tag flvTag) (rtmpmsg.Message, error) {
	p, ok := toPacket(tag.typ, tag.tsMs, tag.body)
	if !ok {
		return nil, nil //nolint:nilnil // nil is "nothing to send"
	}
	dts := time.Duration(tag.tsMs) * time.Millisecond
	if p.track == video {
		m := &rtmpmsg.Video{
			ChunkStreamID: rtmpmsg.VideoChunkStreamID, MessageStreamID: gortmpMsid, DTS: dts,
			Codec: rtmpmsg.CodecH264, IsKeyFrame: tag.body[0]>>4 == 1, Type: rtmpmsg.VideoTypeAU,
			PTSDelta: time.Duration(p.ctsMs) * time.Millisecond, AU: tag.body[5:],
		}
		if p.header {
			m.Type = rtmpmsg.VideoTypeConfig
			m.AVCConfig = &mp4.AVCDecoderConfiguration{}
			m.AVCConfig.SetType(mp4.BoxTypeAvcC())
			if _, err := mp4.Unmarshal(bytes.NewReader(m.AU), uint64(len(m.AU)), m.AVCConfig, mp4.Context{}); err != nil {
				return nil, err
			}
		}
		return m, nil
	}
	if tag.body[0]>>4 != codecAAC {
		return nil, errFixture
	}
	m := &rtmpmsg.Audio{
		ChunkStreamID: rtmpmsg.AudioChunkStreamID, MessageStreamID: gortmpMsid, DTS: dts, Codec: rtmpmsg.CodecMPEG4Audio,
		Rate: rtmpmsg.AudioRate44100, Depth: rtmpmsg.AudioDepth16, IsStereo: true,
		AACType: rtmpmsg.AudioAACTypeAU, AU: tag.body[2:],
	}
	if p.header {
		m.AACType = rtmpmsg.AudioAACTypeConfig
		m.AACConfig = &mpeg4audio.AudioSpecificConfig{}
		if err := m.AACConfig.Unmarshal(m.AU); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// gortmpMsid is message stream 1 in gortmplib's byte order.
const gortmpMsid = 0x1000000
