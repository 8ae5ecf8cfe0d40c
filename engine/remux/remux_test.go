// SPDX-License-Identifier: MIT

package remux

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"srsd/engine/cmaf"
	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/journal"
	"srsd/engine/stream"
)

const packetBytes = 188

// encoded is what an encoder makes of messages, one by one.
type encoded struct {
	all  [][]byte // of those that gave something
	keys []int    // which of them a player can begin with
}

func encode(e stream.Encoder, messages []stream.Message) (g encoded) {
	e.Begin()
	for i := range messages {
		if out, key := e.Encode(nil, &messages[i]); len(out) > 0 {
			if key {
				g.keys = append(g.keys, len(g.all))
			}
			g.all = append(g.all, out)
		}
	}
	if out := e.End(nil); len(out) > 0 {
		g.all = append(g.all, out)
	}
	return g
}

// frames are a stream's frames of one kind.
func frames(t *testing.T, messages []stream.Message, video bool) (all [][]byte) {
	t.Helper()
	r := cmaf.NewReader(holdMs)
	emit := func(f *cmaf.Frame) error {
		if f.Track.IsVideo() == video {
			all = append(all, f.Data)
		}
		return nil
	}
	for i := range messages {
		if err := r.Read(&messages[i], emit); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestTransport: a player that begins with any key gets clean packets, the tables before all else,
// and every picture and sound from there on.
func TestTransport(t *testing.T) {
	for _, name := range []string{cmaftest.H264AAC, cmaftest.H264MP3, cmaftest.HEVCOpus} {
		messages := cmaftest.Load(t, name)
		g := encode(New(stream.TS, "s", journal.Discard()), messages)
		if len(g.keys) < 2 {
			t.Fatalf("%s: %d keys", name, len(g.keys))
		}
		pictures := frames(t, messages, true)
		for n, from := range g.keys {
			ts := bytes.Join(g.all[from:], nil)
			if len(ts)%packetBytes != 0 || ts[0] != 0x47 || ts[1]&0x1f != 0 || ts[2] != 0 {
				t.Fatalf("%s, key %d: %d bytes that begin with %x, not with a PAT", name, n, len(ts), ts[:4])
			}
			continuous(t, ts)
			r := &mpegts.Reader{R: bytes.NewReader(ts)}
			err := r.Initialize()
			if err != nil {
				t.Fatal(err)
			}
			r.OnDecodeError(func(err error) { t.Errorf("%s, key %d: %v", name, n, err) })
			units, sounds := 0, 0
			for _, track := range r.Tracks() {
				unit := func(_, _ int64, _ [][]byte) error { units++; return nil }
				sound := func(_ int64, parts [][]byte) error { sounds += len(parts); return nil }
				switch track.Codec.(type) {
				case *tscodecs.H264:
					r.OnDataH264(track, unit)
				case *tscodecs.H265:
					r.OnDataH265(track, unit)
				case *tscodecs.MPEG4Audio:
					r.OnDataMPEG4Audio(track, sound)
				case *tscodecs.MPEG1Audio:
					r.OnDataMPEG1Audio(track, sound)
				case *tscodecs.Opus:
					r.OnDataOpus(track, sound)
				}
			}
			for err == nil {
				err = r.Read()
			}
			if n == 0 && units != len(pictures) || units == 0 || sounds == 0 {
				t.Errorf("%s, key %d: %d pictures of %d, %d sounds", name, n, units, len(pictures), sounds)
			}
		}
	}
}

// continuous checks the continuity counters (ISO/IEC 13818-1 §2.4.3.3).
func continuous(t *testing.T, ts []byte) {
	t.Helper()
	last := map[int]byte{}
	for p := range slices.Chunk(ts, packetBytes) {
		pid, counter := int(p[1]&0x1f)<<8|int(p[2]), p[3]&0xf
		if p[3]&0x10 == 0 {
			continue // no payload
		}
		if before, ok := last[pid]; ok && counter != (before+1)&0xf {
			t.Fatalf("PID %d: %d follows on %d", pid, counter, before)
		}
		last[pid] = counter
	}
}

// TestSound: AAC comes with a header for each frame, MP3 as it was published, byte for byte; a
// stream of another codec gives nothing.
func TestSound(t *testing.T) {
	aac, mp3 := cmaftest.Load(t, cmaftest.H264AAC), cmaftest.Load(t, cmaftest.H264MP3)
	var packets mpeg4audio.ADTSPackets
	raw := bytes.Join(encode(New(stream.AAC, "s", journal.Discard()), aac).all, nil)
	if err := packets.Unmarshal(raw); err != nil {
		t.Fatal(err)
	}
	var got [][]byte
	for _, p := range packets {
		got = append(got, p.AU)
	}
	if want := frames(t, aac, false); !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("AAC: %d frames, want %d", len(got), len(want))
	}
	got = encode(New(stream.MP3, "s", journal.Discard()), mp3).all
	if want := frames(t, mp3, false); !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("MP3: %d frames, want %d", len(got), len(want))
	}
	for kind, messages := range map[stream.Form][]stream.Message{stream.AAC: mp3, stream.MP3: aac} {
		var paper bytes.Buffer
		log, err := journal.New(journal.Options{Tank: journal.TankConsole, Console: &paper})
		if err != nil {
			t.Fatal(err)
		}
		g := encode(New(kind, "live/s", log), messages)
		if err := log.Close(time.Second); err != nil {
			t.Error(err)
		}
		if len(g.all) != 0 || bytes.Count(paper.Bytes(), []byte("left out of this form stream=live/s")) != 1 {
			t.Errorf("form %d of another codec: %d messages; the log: %s", kind, len(g.all), &paper)
		}
	}
}

// TestAnother: another publisher with other codecs goes on with tables of its own.
func TestAnother(t *testing.T) {
	e := New(stream.TS, "s", journal.Discard())
	before := encode(e, cmaftest.Load(t, cmaftest.H264AAC))
	g := encode(e, cmaftest.Load(t, cmaftest.HEVCOpus))
	continuous(t, bytes.Join(append(before.all, g.all...), nil))
	if len(g.keys) == 0 {
		t.Fatal("no key")
	}
	r := &mpegts.Reader{R: bytes.NewReader(bytes.Join(g.all[g.keys[0]:], nil))}
	if err := r.Initialize(); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Tracks()[0].Codec.(*tscodecs.H265); !ok {
		t.Errorf("%T", r.Tracks()[0].Codec)
	}
}

// BenchmarkTransport is what a message costs, once for all players.
func BenchmarkTransport(b *testing.B) {
	messages := cmaftest.Load(b, cmaftest.H264AAC)
	e := New(stream.TS, "s", journal.Discard())
	var out []byte
	b.ReportAllocs()
	bytes := 0
	for b.Loop() {
		e.Begin()
		for i := range messages {
			out, _ = e.Encode(out[:0], &messages[i])
			bytes += len(messages[i].Payload)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(messages)), "ns/message")
	b.ReportMetric(float64(bytes)/float64(b.N)/float64(len(messages)), "bytes/message")
}
