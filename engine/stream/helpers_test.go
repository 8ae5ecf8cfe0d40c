// SPDX-License-Identifier: MIT

package stream

import (
	"errors"
	"fmt"
	"testing"

	"srsd/conf"
	"srsd/engine/mem"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

// bench is a hub with a clock that the test moves, and one stream on it.
type bench struct {
	t     testing.TB
	hub   *Hub
	vhost *conf.Vhost
	s     *Stream
	nowMs int64

	spentNs int64 // what writes took so far, for tests in which they take time
}

// defaultVhost is the configuration with every default of conf.
func defaultVhost() *conf.Vhost {
	return &conf.Vhost{
		Name: conf.DefaultVhost, Enabled: true, ChunkSize: 60000,
		Play: conf.Play{
			GopCache: true, GopCacheMaxFrames: 2500, QueueLengthMs: 30_000, MwLatencyMs: 350, MwMsgs: 8,
		},
	}
}

func newBench(t testing.TB, change func(*conf.Vhost)) *bench {
	b := &bench{t: t, vhost: defaultVhost(), nowMs: 1000}
	if change != nil {
		change(b.vhost)
	}
	clock := func() int64 { return b.nowMs*1e6 + b.spentNs }
	b.hub = NewHub(Limits{
		GopBytesMax: 32 << 20, LagBytesMax: 32 << 20, NoProgressMs: 30_000, PendingMax: 64 << 10,
	}, new(mem.Pool), clock, clock)
	b.s = b.hub.Stream("v/live/s", b.vhost)
	return b
}

// publish makes the bench the publisher.
func (b *bench) publish() *bench {
	if err := b.s.Publish(b); err != nil {
		b.t.Fatal(err)
	}
	return b
}

// sleep moves the clock by ms in ticks of 4 ms, as the engine does.
func (b *bench) sleep(ms int64) {
	for ; ms > 0; ms -= 4 {
		step := min(ms, 4)
		b.nowMs += step
		b.hub.Tick(b.nowMs, step)
	}
}

// Payloads of the shape that real encoders send. n makes them different from each other.
func videoHeader(n byte) []byte { return []byte{0x17, 0, 0, 0, 0, 1, 100, 0, 31, n} }
func audioHeader(n byte) []byte { return []byte{0xaf, 0, 0x12, n} }

func keyframe(n, size int) []byte { return fill([]byte{0x17, 1, 0, 0, 0}, n, size) }
func interframe(n, size int) []byte {
	return fill([]byte{0x27, 1, 0, 0, 0}, n, size)
}
func audioFrame(n, size int) []byte { return fill([]byte{0xaf, 1}, n, size) }

func fill(head []byte, n, size int) []byte {
	b := append([]byte(nil), head...)
	for i := len(head); i < size; i++ {
		b = append(b, byte(n*31+i*7))
	}
	return b
}

func (b *bench) video(ts uint32, payload []byte) { b.send(msg.TypeVideo, ts, payload) }
func (b *bench) audio(ts uint32, payload []byte) { b.send(msg.TypeAudio, ts, payload) }

func (b *bench) send(messageType uint8, ts uint32, payload []byte) {
	b.s.Write(messageType, ts, payload, b.nowMs)
	b.s.Flush(b.nowMs)
}

// headers sends metadata and both sequence headers.
func (b *bench) headers(ts uint32) {
	b.s.WriteMetadata(ts, []byte("meta"), false, b.nowMs)
	b.video(ts, videoHeader(1))
	b.audio(ts, audioHeader(1))
}

// got is a message as a player received it.
type got struct {
	typ  uint8
	ts   uint32
	data string
}

func (g got) String() string {
	return fmt.Sprintf("%s@%d %x(%d)", msg.TypeName(g.typ), g.ts, g.data[:min(len(g.data), 6)], len(g.data))
}

// viewer is a player's far end: a socket with a limited buffer, and a reader of chunks.
type viewer struct {
	t      testing.TB
	p      *Player
	room   int // bytes that the socket takes; -1 is no limit
	writes int
	broken error
	raw    []byte
	reader *chunk.Reader
	all    []got
	lost   error
	ended  bool
}

func (b *bench) join() *viewer { return b.joinFor(0) }

func (b *bench) joinFor(limitMs int64) *viewer {
	v := b.viewer()
	v.p = b.s.Join(v, v, limitMs, b.nowMs)
	v.p.Flush(b.nowMs)
	return v
}

// viewer is a far end that has not joined.
func (b *bench) viewer() *viewer {
	v := &viewer{t: b.t, room: -1, reader: chunk.NewReader(&chunk.Limits{
		ChunkStreams: 16, ControlBytes: 1 << 10, CommandBytes: 1 << 20, DataBytes: 1 << 20, MediaBytes: 16 << 20,
	})}
	if err := v.reader.SetChunkSize(uint32(b.vhost.ChunkSize)); err != nil {
		b.t.Fatal(err)
	}
	return v
}

func (v *viewer) Lost(err error) { v.lost = err }
func (v *viewer) Ended()         { v.ended = true }

func (v *viewer) Writev(iov [][]byte) (int, error) {
	if v.broken != nil {
		return 0, v.broken
	}
	v.writes++
	n := 0
	for _, b := range iov {
		if v.room >= 0 && len(b) > v.room-n {
			b = b[:v.room-n]
		}
		v.raw = append(v.raw, b...)
		n += len(b)
		if v.room >= 0 && n == v.room {
			break
		}
	}
	if v.room >= 0 {
		v.room -= n
	}
	return n, nil
}

// messages parses what has arrived since the first call.
func (v *viewer) messages() []got {
	v.t.Helper()
	_, err := v.reader.Feed(v.raw, chunk.NewAssembler(func(h chunk.Header, payload []byte) error {
		if h.StreamID != MessageStreamID && h.Type >= msg.TypeAudio {
			return errors.New("wrong message stream")
		}
		v.all = append(v.all, got{h.Type, h.Timestamp, string(payload)})
		return nil
	}))
	if err != nil {
		v.t.Fatalf("what the player got is no chunk stream: %v", err)
	}
	v.raw = nil
	return v.all
}

func (v *viewer) media() (out []got) {
	for _, g := range v.messages() {
		if g.typ == msg.TypeAudio || g.typ == msg.TypeVideo {
			out = append(out, g)
		}
	}
	return out
}

func expect(t testing.TB, have []got, want ...got) {
	t.Helper()
	if fmt.Sprint(have) != fmt.Sprint(want) {
		t.Fatalf("player got\n  %v\nwant\n  %v", have, want)
	}
	for i := range want {
		if have[i].data != want[i].data {
			t.Fatalf("message %d differs in its payload", i)
		}
	}
}

func a(ts uint32, payload []byte) got { return got{msg.TypeAudio, ts, string(payload)} }
func v(ts uint32, payload []byte) got { return got{msg.TypeVideo, ts, string(payload)} }
func d(ts uint32, payload string) got { return got{msg.TypeDataAMF0, ts, payload} }
