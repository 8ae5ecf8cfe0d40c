// SPDX-License-Identifier: MIT

package session

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"srsd/conf"
	"srsd/engine/journal"
	"srsd/engine/link"
	"srsd/engine/mem"
	"srsd/engine/stream"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/handshake"
	"srsd/proto/rtmp/msg"
)

// baseConfig is what every test runs with. What a script adds goes into the default vhost.
const baseConfig = `listen 1935;
vhost __defaultVhost__ { %s }
vhost off.example { enabled off; }
vhost small.example { chunk_size 128; }
`

// configs caches parsed configurations: they are immutable.
var configs sync.Map

func config(t testing.TB, extra string) *conf.Config {
	t.Helper()
	if c, ok := configs.Load(extra); ok {
		return c.(*conf.Config)
	}
	file := filepath.Join(t.TempDir(), "srsd.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, baseConfig, extra), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := conf.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	configs.Store(extra, c)
	return c
}

// world is a server without sockets: what the engine does around sessions, with a clock
// that the test moves.
type world struct {
	t         testing.TB
	env       *Env
	pool      *mem.Pool
	limits    conf.Limits
	nowMs     int64
	peers     []*peer
	later     []*Session
	unsettled bool // leave Settle to the end
}

// pools lends worlds the memory of those that have ended: mapping it anew is half of what a
// short life costs.
var pools = sync.Pool{New: func() any { return new(mem.Pool) }}

func newWorld(t testing.TB, extra string) *world {
	t.Helper()
	w := &world{t: t, nowMs: 1000, limits: conf.DefaultLimits(), pool: pools.Get().(*mem.Pool)}
	w.env = &Env{
		Config: config(t, extra), Limits: &w.limits, Log: journal.Discard(), Version: "1.2.3",
		Random: func(b []byte) { clear(b) },
		Later:  func(s *Session) { w.later = append(w.later, s) },
	}
	w.env.Hub = stream.NewHub(stream.Limits{
		GopBytesMax: w.env.Config.Budgets.StreamBytes, LagBytesMax: w.env.Config.Budgets.StreamBytes,
		NoProgressMs: w.limits.StallMs, PendingMax: link.PendingMax,
	}, w.pool, w.clock, w.clock)
	w.env.Init()
	return w
}

func (w *world) clock() int64 { return w.nowMs * 1e6 }

// settle does what the engine does after each turn.
func (w *world) settle() {
	for len(w.later) > 0 && !w.unsettled {
		s := w.later[len(w.later)-1]
		w.later = w.later[:len(w.later)-1]
		if s.Settle(w.nowMs) {
			s.Owner.(*peer).close(ReasonPeerClosed)
		}
	}
}

// sleep moves the clock in ticks of 20 ms, with the checks that belong to it.
func (w *world) sleep(ms int64) {
	const tick, sweep = 20, 240
	for ; ms > 0; ms -= tick {
		step := min(ms, tick)
		w.nowMs += step
		w.fetch(step)
		w.env.Hub.Tick(w.nowMs, step)
		if w.nowMs/sweep != (w.nowMs-step)/sweep {
			for _, p := range w.peers {
				if !p.closed && p.s.Check(w.nowMs) {
					p.close(ReasonPeerClosed)
				}
			}
		}
		w.settle()
	}
}

// fetch reads the publishers whose turn it is.
func (w *world) fetch(ms int64) {
	w.env.Reads.Advance(ms)
	for s := w.env.Reads.Due(); s != nil; s = w.env.Reads.Due() {
		if s.Fetch(w.nowMs) {
			s.Owner.(*peer).close(ReasonPeerClosed)
		}
	}
}

// arrives has bytes come in over the network. The kernel wakes the loop if they are as many
// as it was told to wait for; the loop then reads all of them.
func (p *peer) arrives(b []byte) {
	p.sock.in = append(p.sock.in, b...)
	if len(p.sock.in) >= max(p.sock.readLow, 1) {
		all := p.sock.in
		p.sock.in = nil
		p.feed(all)
	}
}

// end closes everybody and checks that nothing is held any more.
func (w *world) end() {
	w.t.Helper()
	w.unsettled = false
	for _, p := range w.peers {
		p.close(ReasonShutdown)
	}
	w.settle()
	if n := w.env.Hub.Streams(); n != 0 {
		w.t.Errorf("%d streams left", n)
	}
	if n := w.env.Hub.Players(); n != 0 {
		w.t.Errorf("%d players left", n)
	}
	if n, _ := w.env.Hub.Slabs(); n != 0 {
		w.t.Errorf("%d slabs left", n)
	}
	if n := w.env.Reads.Fetched(); n != 0 {
		w.t.Errorf("the input of %d publishers is still fetched", n)
	}
	if n := w.env.Stats.Publishers; n != 0 {
		w.t.Errorf("%d publishers left", n)
	}
	for _, p := range w.peers {
		if err := p.s.Audit(); err != nil {
			w.t.Errorf("%s: %v", p.name, err)
		}
	}
	if w.pool.InUse() == 0 {
		pools.Put(w.pool)
	}
}

// socket is a link.Socket that keeps what is written to it.
type socket struct {
	out      []byte
	room     int // bytes that it takes; -1 is no limit
	broken   error
	writes   int
	finished bool
	readLow  int
	noDelay  bool
	discard  bool
	in       []byte // came, and was not read
	inEnd    error  // what reading tells once in is empty
	reads    int
	timeouts []int // SetUserTimeout
}

func (k *socket) Read(b []byte) (int, error) {
	k.reads++
	n := copy(b, k.in)
	k.in = k.in[n:]
	if n == 0 {
		return 0, k.inEnd
	}
	return n, nil
}

func (k *socket) Writev(iov [][]byte) (int, error) {
	if k.broken != nil {
		return 0, k.broken
	}
	k.writes++
	n := 0
	for _, b := range iov {
		if k.room >= 0 {
			b = b[:min(len(b), k.room-n)]
		}
		if !k.discard {
			k.out = append(k.out, b...)
		}
		n += len(b)
	}
	if k.room >= 0 {
		k.room -= n
	}
	return n, nil
}

func (k *socket) CloseWrite()           { k.finished = true }
func (k *socket) Flush() error          { return nil }
func (k *socket) Close()                {}
func (k *socket) SetNoDelay(on bool)    { k.noDelay = on }
func (k *socket) QuickAck()             {}
func (k *socket) SetUserTimeout(ms int) { k.timeouts = append(k.timeouts, ms) }
func (k *socket) SetReadLow(bytes int)  { k.readLow = bytes }

// heard is a message that a peer received.
type heard struct {
	chunk.Header
	body string
}

// peer is a client: a session, its socket, and the client's side of the chunk stream.
type peer struct {
	w         *world
	name      string
	s         *Session
	sock      *socket
	chunkSize int // of what the peer sends
	closed    bool
	skip      int // bytes of S0, S1 and S2 to come
	reader    *chunk.Reader
	assemble  *chunk.Assembler
	all       []heard
	taken     int  // of all, by take
	toldEnd   bool // by the transcript
	toldFin   bool
}

func (w *world) peer(name string) *peer {
	for _, p := range w.peers {
		if p.name == name {
			return p
		}
	}
	p := &peer{
		w: w, name: name, sock: &socket{room: -1}, chunkSize: chunk.DefaultSize, skip: handshake.S0S1S2Bytes,
		reader: chunk.NewReader(&chunk.Limits{
			ChunkStreams: 16, ControlBytes: 64, CommandBytes: 1 << 20, DataBytes: 1 << 20, MediaBytes: 16 << 20,
		}),
	}
	p.assemble = chunk.NewAssembler(p.hear)
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(len(w.peers) + 1)}), 40000)
	p.s = New(w.env, p.sock, addr, name, w.nowMs)
	p.s.Owner = p
	w.peers = append(w.peers, p)
	return p
}

// shaken returns a peer that has its handshake behind it.
func (w *world) shaken(name string) *peer {
	p := w.peer(name)
	p.feed(hello())
	return p
}

// connected returns a peer that has connected to the app live.
func (w *world) connected(name string) *peer {
	p := w.shaken(name)
	p.feed(p.connect("rtmp://127.0.0.1/live"))
	p.take()
	return p
}

// publishing returns a peer that publishes live/<stream>.
func (w *world) publishing(name, stream string) *peer {
	p := w.connected(name)
	p.feed(p.command(msg.AppendPublish(nil, 3, stream, msg.PublishLive)))
	p.take()
	if p.closed || p.s.phase != phasePublish {
		w.t.Helper()
		w.t.Fatalf("%s does not publish", name)
	}
	return p
}

// playing returns a peer that plays live/<stream>.
func (w *world) playing(name, stream string) *peer {
	p := w.connected(name)
	p.feed(p.command(msg.AppendPlay(nil, 3, stream, -2000)))
	p.take()
	if p.closed || p.s.phase != phasePlay {
		w.t.Helper()
		w.t.Fatalf("%s does not play", name)
	}
	return p
}

// hello is C0, C1 and C2 of the simple handshake.
func hello() []byte {
	b := handshake.AppendC0C1(nil, handshake.Simple, 0, func(p []byte) { clear(p) })
	return append(b, make([]byte, handshake.C2Bytes)...)
}

// message is a whole message as the peer sends it.
func (p *peer) message(csid uint32, messageType uint8, streamID, timestamp uint32, body []byte) []byte {
	h := chunk.Header{CSID: csid, Type: messageType, StreamID: streamID, Timestamp: timestamp}
	return chunk.AppendMessage(nil, h, body, p.chunkSize)
}

func (p *peer) command(body []byte) []byte {
	return p.message(msg.CSIDConnection, msg.TypeCommandAMF0, 0, 0, body)
}

func (p *peer) control(messageType uint8, body []byte) []byte {
	return p.message(msg.CSIDProtocolControl, messageType, 0, 0, body)
}

func (p *peer) connect(tcURL string) []byte {
	return p.command(msg.AppendConnect(nil, msg.ConnectRequest{App: "live", TcURL: tcURL, FlashVer: "test"}))
}

func (p *peer) setChunkSize(n int) []byte {
	b := p.control(msg.TypeSetChunkSize, msg.AppendSetChunkSize(nil, uint32(n)))
	p.chunkSize = n
	return b
}

func (p *peer) video(timestamp uint32, body []byte) []byte {
	return p.message(6, msg.TypeVideo, 1, timestamp, body)
}

func (p *peer) audio(timestamp uint32, body []byte) []byte {
	return p.message(4, msg.TypeAudio, 1, timestamp, body)
}

// feed is one read of the peer's bytes.
func (p *peer) feed(b []byte) {
	if p.closed {
		return
	}
	if p.s.Feed(b, p.w.nowMs) {
		p.close(ReasonPeerClosed)
	}
	p.w.settle()
}

func (p *peer) close(cause Reason) {
	if !p.closed {
		p.closed = true
		p.s.Close(cause, "", p.w.nowMs)
	}
}

// messages returns all that the peer received so far.
func (p *peer) messages() []heard {
	p.w.t.Helper()
	b := p.sock.out
	p.sock.out = nil
	n := min(p.skip, len(b))
	p.skip -= n
	if _, err := p.reader.Feed(b[n:], p.assemble); err != nil {
		p.w.t.Fatalf("what %s got is no chunk stream: %v", p.name, err)
	}
	return p.all
}

// hear keeps a message that the peer received.
func (p *peer) hear(h chunk.Header, payload []byte) error {
	p.all = append(p.all, heard{h, string(payload)})
	if h.Type != msg.TypeSetChunkSize {
		return nil
	}
	size, err := msg.ParseSetChunkSize(payload)
	if err != nil {
		return err
	}
	return p.reader.SetChunkSize(size)
}

// take returns what the peer received since the last call.
func (p *peer) take() []heard {
	p.w.t.Helper()
	all := p.messages()[p.taken:]
	p.taken = len(p.all)
	return all
}

// count returns how many messages of one type the peer received since the last take.
func count(messages []heard, messageType uint8) (n int) {
	for _, m := range messages {
		if m.Type == messageType {
			n++
		}
	}
	return n
}

// codes returns the status codes among messages, in order.
func codes(messages []heard) (out []string) {
	for _, m := range messages {
		if _, after, ok := strings.Cut(m.body, "\x00\x04code\x02\x00"); ok && len(after) > int(after[0]) {
			out = append(out, after[1:1+after[0]])
		}
	}
	return out
}

// media returns the audio and video among messages, as text.
func media(messages []heard) (out []string) {
	for _, m := range messages {
		if m.Type == msg.TypeAudio || m.Type == msg.TypeVideo {
			out = append(out, fmt.Sprintf("%s@%d %x", msg.TypeName(m.Type), m.Timestamp, m.body))
		}
	}
	return out
}

// wantEnd checks that the session of p was closed for a reason, and what it says.
func (p *peer) wantEnd(r Reason, detail string) {
	p.w.t.Helper()
	if !p.closed || p.s.reason != r || !strings.Contains(p.s.detail, detail) {
		p.w.t.Errorf("%s: closed %v, reason %v, detail %q; want %v, ... %q ...",
			p.name, p.closed, p.s.reason, p.s.detail, r, detail)
	}
}

func (p *peer) wantAlive() {
	p.w.t.Helper()
	if p.closed || p.s.reason != ReasonNone {
		p.w.t.Errorf("%s is gone: %v, %q", p.name, p.s.reason, p.s.detail)
	}
}

// Payloads of the shape that encoders send; n makes them different.
func videoHeader(n byte) []byte { return []byte{0x17, 0, 0, 0, 0, 1, 100, 0, 31, n} }
func audioHeader(n byte) []byte { return []byte{0xaf, 0, 0x12, n} }

func keyframe(n, size int) []byte   { return fill([]byte{0x17, 1, 0, 0, 0}, n, size) }
func interframe(n, size int) []byte { return fill([]byte{0x27, 1, 0, 0, 0}, n, size) }
func audioFrame(n, size int) []byte { return fill([]byte{0xaf, 1}, n, size) }

func fill(head []byte, n, size int) []byte {
	b := append([]byte(nil), head...)
	for i := len(head); i < size; i++ {
		b = append(b, byte(n*31+i*7))
	}
	return b
}
