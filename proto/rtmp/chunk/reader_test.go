// SPDX-License-Identifier: MIT

package chunk

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"srsd/proto/wire"
)

var cmpEvents = cmp.AllowUnexported(event{})

func message(index int, h Header, payload string) event {
	h.Length = uint32(len(payload))
	return event{kind: "message", header: h, payload: payload, index: index}
}

// audio is the header of most messages in readerCases.
func audio(timestamp uint32) Header {
	return Header{CSID: 3, Timestamp: timestamp, Type: 8, StreamID: 1}
}

// readerCases are also the seeds of FuzzReaderSplit.
var readerCases = []struct {
	name string
	in   string
	want []event
}{
	{"fmt 0", "03 000005 000002 08 01000000 6162", []event{message(0, audio(5), "ab")}},
	{
		"fmt 1 keeps the message stream id",
		"03 000005 000002 08 01000000 6162" + "43 000003 000001 09 63",
		[]event{
			message(0, audio(5), "ab"),
			message(0, Header{CSID: 3, Timestamp: 8, Type: 9, StreamID: 1}, "c"),
		},
	},
	{
		"fmt 2 keeps length and type",
		"03 000005 000001 08 01000000 61" + "83 000003 62" + "83 000000 63",
		[]event{message(0, audio(5), "a"), message(0, audio(8), "b"), message(0, audio(8), "c")},
	},
	{
		"fmt 3 after fmt 2 repeats the delta",
		"03 000005 000001 08 01000000 61" + "83 000003 62" + "c3 63" + "c3 64",
		[]event{
			message(0, audio(5), "a"), message(0, audio(8), "b"),
			message(0, audio(11), "c"), message(0, audio(14), "d"),
		},
	},
	{
		"fmt 3 after fmt 0 repeats its timestamp",
		"03 000005 000001 08 01000000 61" + "c3 62" + "c3 63",
		[]event{message(0, audio(5), "a"), message(0, audio(10), "b"), message(0, audio(15), "c")},
	},
	{
		"timestamps wrap",
		"03 ffffff 000001 08 01000000 fffffffe 61" + "83 000005 62",
		[]event{message(0, audio(0xfffffffe), "a"), message(0, audio(3), "b")},
	},
	{
		"extended delta",
		"03 000005 000001 08 01000000 61" + "43 ffffff 000001 08 01000000 62" + "83 ffffff 01000001 63" + "83 000001 64",
		[]event{
			message(0, audio(5), "a"), message(0, audio(0x01000005), "b"),
			message(0, audio(0x02000006), "c"), message(0, audio(0x02000007), "d"),
		},
	},
	{
		"message begun by fmt 3 repeats an extended delta, field repeated",
		"03 000005 000001 08 01000000 61" + "83 ffffff 01000000 62" + "c3 01000000 63",
		[]event{
			message(0, audio(5), "a"), message(0, audio(0x01000005), "b"), message(0, audio(0x02000005), "c"),
		},
	},
	{
		"message begun by fmt 3 repeats an extended delta, timestamp repeated",
		"03 000005 000001 08 01000000 61" + "83 ffffff 01000000 62" + "c3 02000005 63",
		[]event{
			message(0, audio(5), "a"), message(0, audio(0x01000005), "b"), message(0, audio(0x02000005), "c"),
		},
	},
	{
		"message begun by fmt 3 repeats an extended delta, nothing repeated",
		"03 000005 000001 08 01000000 61" + "83 ffffff 01000000 62" + "c3 63",
		[]event{
			message(0, audio(5), "a"), message(0, audio(0x01000005), "b"), message(0, audio(0x02000005), "c"),
		},
	},
	{
		"a message that is not extended ends the habit",
		"03 ffffff 000001 08 01000000 01000000 61" + "83 000001 62" + "c3 01",
		[]event{
			message(0, audio(0x01000000), "a"), message(0, audio(0x01000001), "b"),
			message(0, audio(0x01000002), "\x01"),
		},
	},
	{
		"same csid in two and three bytes, 320 and the highest",
		"00 00 000001 000001 08 01000000 61" + "81 00 00 000001 62" +
			"01 00 01 000001 000001 08 01000000 63" + "01 ff ff 000001 000001 08 01000000 64" + "c0 00 65",
		[]event{
			message(0, Header{64, 1, 1, 8, 1}, "a"), message(0, Header{64, 2, 1, 8, 1}, "b"),
			message(1, Header{320, 1, 1, 8, 1}, "c"),
			message(2, Header{65599, 1, 1, 8, 1}, "d"), message(0, Header{64, 3, 1, 8, 1}, "e"),
		},
	},
	{
		"fmt 1 on a fresh chunk stream counts what it lacks as zero",
		"42 000007 000006 04 0006 00000001",
		[]event{message(0, Header{CSID: 2, Timestamp: 7, Type: 4}, "\x00\x06\x00\x00\x00\x01")},
	},
	{
		"empty messages of every fmt",
		"03 000005 000000 08 01000000" + "43 000001 000000 09" + "83 000001" + "c3" + "c3",
		[]event{
			message(0, audio(5), ""),
			message(0, Header{CSID: 3, Timestamp: 6, Type: 9, StreamID: 1}, ""),
			message(0, Header{CSID: 3, Timestamp: 7, Type: 9, StreamID: 1}, ""),
			message(0, Header{CSID: 3, Timestamp: 8, Type: 9, StreamID: 1}, ""),
			message(0, Header{CSID: 3, Timestamp: 9, Type: 9, StreamID: 1}, ""),
		},
	},
	{
		"fmt 1 and 2 inside a message go on with it, fmt 3 repeats their delta",
		"02 000000 000004 01 00000000 00000002" +
			"03 000005 000006 08 01000000 6162" + "43 000002 000006 08 6364" + "83 000009 6566" +
			"c3 6768" + "c3 696a" + "c3 6b6c",
		[]event{
			message(0, Header{CSID: 2, Type: 1}, "\x00\x00\x00\x02"),
			message(1, audio(5), "abcdef"), message(1, audio(14), "ghijkl"),
		},
	},
	{
		"fmt 1 inside a message, fmt 3 repeats its delta",
		"02 000000 000004 01 00000000 00000002" +
			"03 000005 000003 08 01000000 6162" + "43 000007 000003 08 63" + "c3 6465" + "c3 66",
		[]event{
			message(0, Header{CSID: 2, Type: 1}, "\x00\x00\x00\x02"),
			message(1, audio(5), "abc"), message(1, audio(12), "def"),
		},
	},
	{
		"chunk size changed inside a message",
		"02 000000 000004 01 00000000 00000002" + "03 000005 000006 08 01000000 6162" +
			"02 000000 000004 01 00000000 0000" + "c2 0001" + "c3 63" +
			"02 000000 000004 01 00000000 00" + "c2 00" + "c2 00" + "c2 80" + "c3 646566",
		[]event{
			message(0, Header{CSID: 2, Type: 1}, "\x00\x00\x00\x02"),
			message(0, Header{CSID: 2, Type: 1}, "\x00\x00\x00\x01"),
			message(0, Header{CSID: 2, Type: 1}, "\x00\x00\x00\x80"),
			message(1, audio(5), "abcdef"),
		},
	},
	{
		"abort inside a message, of none and of a stranger",
		"02 000000 000004 01 00000000 00000004" + "03 000005 000006 08 01000000 61626364" +
			"02 000000 000004 02 00000000 00000003" + "02 000000 000004 02 00000000 00000003" +
			"02 000000 000004 02 00000000 00000099" + "03 000009 000001 08 01000000 67" + "c3 68",
		[]event{
			message(0, Header{CSID: 2, Type: 1}, "\x00\x00\x00\x04"),
			message(0, Header{CSID: 2, Type: 2}, "\x00\x00\x00\x03"),
			{"abort", Header{CSID: 3, Timestamp: 5, Length: 6, Type: 8, StreamID: 1}, "abcd", 1},
			message(0, Header{CSID: 2, Type: 2}, "\x00\x00\x00\x03"),
			message(0, Header{CSID: 2, Type: 2}, "\x00\x00\x00\x99"),
			message(1, audio(9), "g"), message(1, audio(18), "h"),
		},
	},
	{
		"fmt 3 after an abort begins a message like the last one",
		"02 000000 000004 01 00000000 00000004" + "03 000005 000006 08 01000000 61626364" +
			"02 000000 000004 02 00000000 00000003" + "c3 6b6c6d6e" + "c3 6f70",
		[]event{
			message(0, Header{CSID: 2, Type: 1}, "\x00\x00\x00\x04"),
			message(0, Header{CSID: 2, Type: 2}, "\x00\x00\x00\x03"),
			{"abort", Header{CSID: 3, Timestamp: 5, Length: 6, Type: 8, StreamID: 1}, "abcd", 1},
			message(1, audio(10), "klmnop"),
		},
	},
}

// TestReader: every case is read whole, cut at every byte, and byte by byte.
func TestReader(t *testing.T) {
	for _, tc := range readerCases {
		t.Run(tc.name, func(t *testing.T) {
			in := unhex(tc.in)
			got, rest, err := read(t, &testLimits, nil, in)
			if err != nil || rest != "" {
				t.Fatalf("error %v, rest %q", err, rest)
			}
			if d := cmp.Diff(tc.want, got, cmpEvents); d != "" {
				t.Fatalf("messages (-want +got):\n%s", d)
			}
			checkSplits(t, &testLimits, in)
		})
	}
}

func TestReaderErrors(t *testing.T) {
	limits := Limits{ChunkStreams: 2, ControlBytes: 4, CommandBytes: 16, DataBytes: 32, MediaBytes: 64}
	const size2 = "02 000000 000004 01 00000000 00000002"
	for _, tc := range []struct {
		name  string
		setup string // read without an error
		bad   string // the header of these bytes is refused
		want  error
		text  string
	}{
		{"fmt 2 first", "", "83 000000", ErrNoPrior, "csid 3 begins with fmt 2"},
		{"fmt 3 first", "", "c3", ErrNoPrior, "csid 3 begins with fmt 3"},
		{"fmt 3 first, three bytes", "", "c1 ffff", ErrNoPrior, "csid 65599"},
		{
			"fmt 0 inside a message", size2 + "03 000005 000006 08 01000000 6162", "03 000005 000006 08 01000000",
			ErrMidMessage, "csid 3 has 2 of 6 bytes",
		},
		{
			"longer by fmt 1 inside a message", size2 + "03 000005 000006 08 01000000 6162", "43 000000 000007 08",
			ErrLengthChanged, "csid 3 declared 6 bytes of type 8, now 7 bytes of type 8",
		},
		{
			"shorter by fmt 1 inside a message", size2 + "03 000005 000006 08 01000000 6162", "43 000000 000001 08",
			ErrLengthChanged, "now 1 bytes",
		},
		{
			"empty by fmt 1 inside a message", size2 + "03 000005 000006 08 01000000 6162", "43 000000 000000 08",
			ErrLengthChanged, "now 0 bytes",
		},
		{
			"longer than any limit by fmt 1 inside a message", size2 + "03 000005 000006 08 01000000 6162",
			"43 000000 ffffff 08", ErrLengthChanged, "now 16777215 bytes",
		},
		{
			"other type by fmt 1 inside a message", size2 + "03 000005 000006 08 01000000 6162", "43 000000 000006 09",
			ErrLengthChanged, "type 9",
		},
		{"control", "", "02 000000 000005 04 00000000", ErrTooLong, "csid 2 declares 5 bytes of type 4, limit 4"},
		{"command", "", "03 000000 000011 14 00000000", ErrTooLong, "csid 3 declares 17 bytes of type 20, limit 16"},
		{"unknown type", "", "03 000000 000011 63 00000000", ErrTooLong, "limit 16"},
		{"data", "", "03 000000 000021 12 00000000", ErrTooLong, "limit 32"},
		{"media", "", "03 000000 ffffff 09 00000000", ErrTooLong, "csid 3 declares 16777215 bytes of type 9, limit 64"},
		{
			"media by fmt 1", "03 000000 000001 09 00000000 61", "43 000000 000041 09",
			ErrTooLong, "csid 3 declares 65 bytes of type 9, limit 64",
		},
		{"on a fresh chunk stream by fmt 1", "", "43 000000 000041 09", ErrTooLong, "declares 65"},
		{
			"third chunk stream", "02 000000 000000 04 00000000" + "03 000000 000000 04 00000000",
			"04 000000 000000 04 00000000", ErrTooManyStreams, "csid 4 is one more than the limit 2",
		},
		{
			"third chunk stream, high value, by fmt 1", "01 ffff 000000 000000 04 00000000" + "03 000000 000000 04 00000000",
			"41 feff 000000 000000 04", ErrTooManyStreams, "csid 65598",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			setup, bad := unhex(tc.setup), unhex(tc.bad)
			c := newRecorder(t, &limits)
			if err := c.feed(setup); err != nil {
				t.Fatal(err)
			}
			seen := len(c.events)
			streams := slices.Clone(c.r.streams)
			for range 2 { // nothing of the header was taken: the same again
				n, err := c.r.Feed(bad, c)
				if n != 0 || !errors.Is(err, tc.want) {
					t.Fatalf("Feed = %d, %v; want 0, %v", n, err, tc.want)
				}
				if !strings.Contains(err.Error(), tc.text) {
					t.Fatalf("error %q does not say %q", err, tc.text)
				}
			}
			if len(c.events) != seen || !slices.Equal(streams, c.r.streams) || c.r.FreshFmt1 != 0 {
				t.Fatalf("the refused header changed something: %v", c.events[seen:])
			}
			checkSplits(t, &limits, append(setup, bad...))
		})
	}
}

func TestReaderAtTheLimit(t *testing.T) {
	limits := Limits{ChunkStreams: 3, ControlBytes: 4, CommandBytes: 16, DataBytes: 32, MediaBytes: 64}
	x := newMux(128, repeatField)
	x.whole(0, Header{CSID: 2, Type: 4}, pattern(4, 1))
	x.whole(0, Header{CSID: 65599, Type: 20}, pattern(16, 2))
	x.whole(0, Header{CSID: 320, Type: 18}, pattern(32, 3))
	x.whole(0, Header{CSID: 320, Type: 22}, pattern(64, 4))
	events, rest, err := read(t, &limits, nil, x.out)
	if err != nil || rest != "" || len(events) != 4 {
		t.Fatalf("%d messages, rest %q, %v", len(events), rest, err)
	}
}

func TestSetChunkSize(t *testing.T) {
	r := NewReader(&testLimits)
	for _, n := range []uint32{1, 127, 128, 65536, 65537, MaxSize} {
		if err := r.SetChunkSize(n); err != nil || r.chunkSize != n {
			t.Errorf("%d: %v, size %d", n, err, r.chunkSize)
		}
	}
	for _, n := range []uint32{0, MaxSize + 1, 0xffffffff} {
		err := r.SetChunkSize(n)
		if !errors.Is(err, ErrChunkSize) || r.chunkSize != MaxSize || !strings.Contains(err.Error(), fmt.Sprint(n)) {
			t.Errorf("%d: %v, size %d", n, err, r.chunkSize)
		}
	}
}

func TestFreshFmt1IsCounted(t *testing.T) {
	c := newRecorder(t, &testLimits)
	in := unhex("42 000000 000000 04" + "42 000000 000000 04" + "03 000000 000000 04 00000000" + "44 000000 000000 04")
	if err := c.feed(in); err != nil || c.r.FreshFmt1 != 2 {
		t.Fatalf("%v, counted %d, want 2", err, c.r.FreshFmt1)
	}
}

// TestEmptyMessages: a message without payload of every type is delivered.
func TestEmptyMessages(t *testing.T) {
	var in []byte
	for typ := range 256 {
		in = AppendMessage(in, Header{CSID: 3, Type: uint8(typ), StreamID: 1}, nil, DefaultSize)
	}
	events, rest, err := read(t, &testLimits, nil, in)
	if err != nil || rest != "" || len(events) != 256 {
		t.Fatalf("%d messages, rest %q, %v", len(events), rest, err)
	}
	for typ, e := range events {
		if e.header.Type != uint8(typ) || e.payload != "" {
			t.Fatalf("message %d: %v", typ, e)
		}
	}
}

// TestInterleaving: audio and video chunk by chunk, 10,000 messages.
func TestInterleaving(t *testing.T) {
	const messages = 10_000
	x := newMux(DefaultSize, repeatField)
	want := map[uint32][]string{}
	for i := range messages / 2 {
		a, v := pattern(200+i%50, byte(i)), pattern(900+i%300, byte(i>>3))
		format := min(i, 1)
		x.begin(format, Header{6, uint32(i * 40), uint32(len(v)), 9, 1}, v)
		x.begin(format, Header{7, uint32(i * 40), uint32(len(a)), 8, 1}, a)
		for more := true; more; {
			more = x.more(6)
			more = x.more(7) || more
		}
		want[6] = append(want[6], string(v))
		want[7] = append(want[7], string(a))
	}
	events, rest, err := read(t, &testLimits, nil, slices.Collect(slices.Chunk(x.out, 1460))...)
	if err != nil || rest != "" || len(events) != messages {
		t.Fatalf("%d messages, rest %d bytes, %v", len(events), len(rest), err)
	}
	for i, e := range events {
		w := want[e.header.CSID]
		if e.payload != w[0] || e.header.Timestamp != uint32(i/2*40) {
			t.Fatalf("message %d differs: %+v", i, e.header)
		}
		want[e.header.CSID] = w[1:]
	}
}

// TestAbortInsideAChunk: the session may drop a message at any moment; what its
// chunk still carries is skipped and the next header is found.
func TestAbortInsideAChunk(t *testing.T) {
	in := unhex("03 000000 000004 08 01000000 61626364" + "03 000001 000001 08 01000000 65")
	for cut := 12; cut <= 16; cut++ {
		c := newRecorder(t, &testLimits)
		if err := c.feed(in[:cut]); err != nil {
			t.Fatal(err)
		}
		c.r.Abort(3, c)
		c.r.Abort(3, c)
		if err := c.feed(in[cut:]); err != nil {
			t.Fatal(err)
		}
		kinds := ""
		for _, e := range c.events {
			kinds += e.kind + e.payload + " "
		}
		want := "abort" + "abcd"[:cut-12] + " messagee "
		if cut == 16 {
			want = "messageabcd messagee "
		}
		if kinds != want {
			t.Errorf("cut at %d: %q, want %q", cut, kinds, want)
		}
	}
}

// aborter drops the message from inside Payload.
type aborter struct {
	*recorder
	failed bool
}

func (a *aborter) Payload(m *Message, _ []byte) error {
	a.r.Abort(m.CSID, a)
	if a.failed {
		return errPark
	}
	return nil
}

func TestAbortFromPayload(t *testing.T) {
	in := unhex("03 000000 000004 08 01000000 61626364" + "03 000001 000000 08 01000000")
	for _, failed := range []bool{false, true} {
		c := newRecorder(t, &testLimits)
		a := &aborter{c, failed}
		n, err := c.r.Feed(in, a)
		if failed {
			if n != 16 || err != errPark {
				t.Fatalf("Feed = %d, %v", n, err)
			}
			n, err = c.r.Feed(in[n:], a)
			n += 16
		}
		if n != len(in) || err != nil || len(c.events) != 2 || c.events[0].kind != "abort" || c.events[1].payload != "" {
			t.Fatalf("Feed = %d, %v, %v", n, err, c.events)
		}
	}
}

// TestHandlerErrors: whatever a Handler returns comes back as it is, even the
// error that Feed uses inside, and Feed goes on behind that call.
func TestHandlerErrors(t *testing.T) {
	in := unhex("03 000000 000002 08 01000000 6162" + "c3 6364")
	for _, want := range []error{errPark, wire.ErrShort} {
		h := &failing{err: want}
		r := NewReader(&testLimits)
		var took []int
		for b, done := in, false; !done; {
			n, err := r.Feed(b, h)
			if err != nil && err != want {
				t.Fatal(err)
			}
			took = append(took, n)
			b, done = b[n:], err == nil
		}
		// Payload, Complete, Payload, Complete, and the end.
		if !slices.Equal(took, []int{14, 0, 3, 0, 0}) || h.calls != 4 {
			t.Fatalf("%v: took %v in %d calls", want, took, h.calls)
		}
	}
}

type failing struct {
	err   error
	calls int
}

func (f *failing) Payload(*Message, []byte) error { f.calls++; return f.err }
func (f *failing) Complete(*Message) error        { f.calls++; return f.err }
func (f *failing) Abort(*Message)                 {}

// TestDeclaredLengthCostsNothing: a peer that declares much and sends little
// makes the Reader hold no more than its table of chunk streams.
func TestDeclaredLengthCostsNothing(t *testing.T) {
	limits := Limits{ChunkStreams: 64, MediaBytes: MaxLength}
	var in []byte
	for csid := range uint32(60) {
		in = AppendFmt0(in, Header{CSID: 2 + csid, Length: MaxLength, Type: 9})
		in = append(in, 'x')
	}
	const readers = 100
	before, after := new(runtime.MemStats), new(runtime.MemStats)
	keep := make([]*Reader, readers)
	handlers := make([]*Assembler, readers)
	runtime.ReadMemStats(before)
	for i := range keep {
		keep[i] = NewReader(&limits)
		handlers[i] = NewAssembler(func(Header, []byte) error { return nil })
		if err := keep[i].SetChunkSize(1); err != nil {
			t.Fatal(err)
		}
		if n, err := keep[i].Feed(in, handlers[i]); n != len(in) || err != nil {
			t.Fatal(n, err)
		}
	}
	runtime.ReadMemStats(after)
	if perReader := (after.TotalAlloc - before.TotalAlloc) / readers; perReader > 16<<10 {
		t.Fatalf("%d bytes for each connection, want <= 16 KiB", perReader)
	}
}

// TestReaderIsSmall: every player has one.
func TestReaderIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Reader{}); size > 96 {
		t.Errorf("a Reader is %d bytes", size)
	}
	if size := unsafe.Sizeof(Message{}); size > 64 {
		t.Errorf("a chunk stream is %d bytes", size)
	}
}

// TestInit: a second connection sees nothing of the first.
func TestInit(t *testing.T) {
	c := newRecorder(t, &testLimits)
	x := newMux(DefaultSize, repeatField)
	x.control(typeSetChunkSize, 4096)
	x.whole(1, Header{CSID: 3, Type: 8}, pattern(4, 0))
	x.begin(0, Header{CSID: 4, Type: 9, Length: 5000}, pattern(5000, 0))
	if err := c.feed(append(x.out, 0x05, 0, 0)); err != nil {
		t.Fatal(err)
	}
	c.r.Init(&testLimits)
	c.events, c.partial = nil, make([]*pending, testLimits.ChunkStreams)
	if c.r.FreshFmt1 != 0 {
		t.Errorf("FreshFmt1 is %d", c.r.FreshFmt1)
	}
	if n, err := c.r.Feed(unhex("c3"), c); n != 0 || !errors.Is(err, ErrNoPrior) {
		t.Errorf("fmt 3 after Init: %d, %v", n, err)
	}
	in := AppendMessage(nil, Header{CSID: 9, Type: 9, Timestamp: 1}, pattern(1000, 7), DefaultSize)
	if err := c.feed(in); err != nil || len(c.events) != 1 || c.events[0].index != 0 {
		t.Errorf("%v, %v", c.events, err)
	}
}
