// SPDX-License-Identifier: MIT

//go:build !race

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/handshake"
	"srsd/proto/rtmp/msg"
)

// peer is an RTMP client that says what it wants in one breath.
func peer(t *testing.T, port int, rcvbuf int, command []byte) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if rcvbuf > 0 {
		_ = conn.(*net.TCPConn).SetReadBuffer(rcvbuf)
	}
	b := handshake.AppendC0C1(nil, handshake.Simple, 0, func(b []byte) { clear(b) })
	b = append(b, make([]byte, handshake.C2Bytes)...)
	for _, body := range [][]byte{
		msg.AppendConnect(nil, msg.ConnectRequest{App: "live", TcURL: "rtmp://127.0.0.1/live"}), command,
	} {
		b = chunk.AppendMessage(b, chunk.Header{CSID: 3, Type: msg.TypeCommandAMF0}, body, chunk.DefaultSize)
	}
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
	return conn
}

// counts reads everything that comes, and counts the video frames of a player whole and in order.
type counts struct {
	frames  atomic.Int64
	next    uint32 // number of the frame that must be next, 0 before the first
	missing int
	failed  string
	done    chan struct{}
}

func (c *counts) read(conn net.Conn) {
	defer close(c.done)
	reader := chunk.NewReader(&chunk.Limits{
		ChunkStreams: 16, ControlBytes: 64, CommandBytes: 1 << 20, DataBytes: 1 << 20, MediaBytes: 16 << 20,
	})
	whole := chunk.NewAssembler(func(h chunk.Header, b []byte) error {
		switch {
		case h.Type == msg.TypeSetChunkSize:
			n, err := msg.ParseSetChunkSize(b)
			if err != nil {
				return err
			}
			return reader.SetChunkSize(n)
		case h.Type == msg.TypeVideo:
			c.video(b)
		case strings.Contains(string(b), "NetStream.Play.Failed"):
			c.failed = string(b)
		}
		return nil
	})
	skip, buf := handshake.S0S1S2Bytes, make([]byte, 256<<10)
	for {
		n, err := conn.Read(buf)
		b := buf[min(skip, n):n]
		skip -= n - len(b)
		if _, err := reader.Feed(b, whole); err != nil {
			c.failed = err.Error()
			return
		}
		if err != nil {
			return
		}
	}
}

// video checks a frame: its number, and that all its bytes are of that number.
func (c *counts) video(b []byte) {
	number := uint32(b[5])<<24 | uint32(b[6])<<16 | uint32(b[7])<<8 | uint32(b[8])
	for _, x := range b[9:] {
		if x != byte(number) {
			c.failed = fmt.Sprintf("frame %d has other bytes in it", number)
		}
	}
	if c.next != 0 && number != c.next {
		c.missing++
	}
	c.next = number + 1
	c.frames.Add(1)
}

// status reads a field of /proc/PID/status, in KiB.
func (p *process) status(field string) int {
	p.t.Helper()
	text := contents(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))()
	_, rest, _ := strings.Cut(text, field+":")
	n, err := strconv.Atoi(strings.Fields(rest + " ?")[0])
	if err != nil {
		p.t.Fatalf("no %s: %s", field, text)
	}
	return n
}

// frame is a video message of so many bytes that carries its number.
func frame(number uint32, size int, key bool) []byte {
	b := make([]byte, size)
	b[0], b[1] = 0x27, 1
	if key {
		b[0] = 0x17
	}
	b[5], b[6], b[7], b[8] = byte(number>>24), byte(number>>16), byte(number>>8), byte(number)
	for i := 9; i < size; i++ {
		b[i] = byte(number)
	}
	return b
}

// TestMemoryBudget: 300 players that read nothing, of a stream that would fill many times the
// memory that may be used. The process stays within it, they are moved forward, and the
// publisher and the players that read notice nothing (R05, N01).
func TestMemoryBudget(t *testing.T) {
	const (
		budgetMiB  = 64
		slow, good = 300, 3
		frames     = 4000
		frameBytes = 50_000 // 200 MB in all
	)
	at := port(t)
	dir := configured(t, at, "")
	text := fmt.Sprintf(`listen 127.0.0.1:%d; max_connections 400; limits { max_memory %d; stream_memory 1024; }
		vhost __defaultVhost__ { play { gop_cache_max_frames 0; queue_length 3600; } }`, at, budgetMiB)
	if err := os.WriteFile(filepath.Join(dir, "srsd.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := begin(t, dir, "-c", "srsd.conf")
	says(t, p.out.String, "memory max_memory_mb=64 from=max_memory", "listening")
	begin := p.status("VmRSS")
	enc := peer(t, at, 0, msg.AppendPublish(nil, 3, "show", msg.PublishLive))
	var views []*counts
	for range good {
		c := &counts{done: make(chan struct{})}
		views = append(views, c)
		go c.read(peer(t, at, 0, msg.AppendPlay(nil, 3, "show", -2000)))
	}
	for range slow {
		peer(t, at, 4096, msg.AppendPlay(nil, 3, "show", -2000))
	}
	says(t, func() string { return strings.Repeat("+", strings.Count(p.out.String(), "] play ")) },
		strings.Repeat("+", slow+good))
	playing := p.status("VmRSS")
	largest := 0
	for i := range uint32(frames) {
		b := chunk.AppendMessage(nil, chunk.Header{CSID: 6, Type: msg.TypeVideo, StreamID: 1, Timestamp: i * 10},
			frame(i+1, frameBytes, i%25 == 0), chunk.DefaultSize)
		if _, err := enc.Write(b); err != nil {
			t.Fatalf("the publisher was cut off at frame %d: %v\n%s", i, err, tail(p.out.String()))
		}
		if i%20 == 0 {
			largest = max(largest, p.status("VmRSS"))
		}
		// A player that keeps up is one that the stream does not run away from.
		for deadline := time.Now().Add(patience); behind(views, i+1) > 40 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	}
	for deadline := time.Now().Add(patience); behind(views, frames) > 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	largest = max(largest, p.status("VmRSS"))
	t.Logf("VmRSS %d KiB at first, %d with %d players, %d at most", begin, playing, slow+good, largest)
	p.signal(os.Interrupt)
	p.wait()
	for i, c := range views {
		<-c.done
		if c.frames.Load() != frames || c.missing != 0 || c.failed != "" {
			t.Errorf("player %d got %d of %d frames, with %d gaps; %s", i, c.frames.Load(), frames, c.missing, c.failed)
		}
	}
	if largest > budgetMiB<<10 {
		t.Errorf("VmRSS went up to %d KiB, %d may be used", largest, budgetMiB<<10)
	}
	says(t, p.out.String, "memory is scarce: slow players go on with the newest keyframe")
}

// behind is how many frames the players lack, at most.
func behind(views []*counts, sent uint32) (most int64) {
	for _, c := range views {
		most = max(most, int64(sent)-c.frames.Load())
	}
	return most
}

// tail is the end of a long text.
func tail(s string) string { return s[max(0, len(s)-3000):] }
