// SPDX-License-Identifier: MIT

package chunk

import (
	"slices"
	"testing"

	"srsd/proto/wire"
)

func TestParseBasic(t *testing.T) {
	for _, tc := range []struct {
		name   string
		in     string
		format uint8
		csid   uint32
		n      int
		err    error
	}{
		{"one byte, lowest", "02", 0, 2, 1, nil},
		{"one byte, highest", "ff", 3, 63, 1, nil},
		{"two bytes, lowest", "40 00", 1, 64, 2, nil},
		{"two bytes, highest", "80 ff 77", 2, 319, 2, nil},
		{"three bytes, lowest", "01 00 00", 0, 64, 3, nil},
		{"three bytes, low byte first", "01 00 01", 0, 320, 3, nil},
		{"three bytes, highest", "c1 ff ff", 3, 65599, 3, nil},
		{"nothing", "", 0, 0, 0, wire.ErrShort},
		{"two bytes, cut", "40", 0, 0, 0, wire.ErrShort},
		{"three bytes, cut after one", "01", 0, 0, 0, wire.ErrShort},
		{"three bytes, cut after two", "01 ff", 0, 0, 0, wire.ErrShort},
	} {
		t.Run(tc.name, func(t *testing.T) {
			format, csid, n, err := parseBasic(unhex(tc.in))
			if format != tc.format || csid != tc.csid || n != tc.n || err != tc.err {
				t.Fatalf("parseBasic(%s) = %d, %d, %d, %v; want %d, %d, %d, %v",
					tc.in, format, csid, n, err, tc.format, tc.csid, tc.n, tc.err)
			}
		})
	}
}

func TestParseFields(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   string
		want fields
		n    int
	}{
		{
			"fmt 0", "03 0102fe 000304 14 01000080", fields{
				fmt: 0, csid: 3, time: 0x0102fe, length: 0x304, typ: 20, streamID: 0x80000001,
			}, 12,
		},
		{
			"fmt 0, highest plain timestamp", "03 fffffe 000000 09 01000000", fields{
				fmt: 0, csid: 3, time: 0xfffffe, typ: 9, streamID: 1,
			}, 12,
		},
		{
			"fmt 0, extended", "03 ffffff 000001 09 01000000 fedcba98", fields{
				fmt: 0, csid: 3, time: 0xfedcba98, length: 1, typ: 9, streamID: 1, extended: true,
			}, 16,
		},
		{
			"fmt 0, extended although it need not be", "03 ffffff 000001 09 01000000 00000007", fields{
				fmt: 0, csid: 3, time: 7, length: 1, typ: 9, streamID: 1, extended: true,
			}, 16,
		},
		{
			"fmt 0, longest", "01 ffff ffffff ffffff 09 01000000 00ffffff", fields{
				fmt: 0, csid: 65599, time: 0xffffff, length: 0xffffff, typ: 9, streamID: 1, extended: true,
			}, MaxHeaderBytes,
		},
		{"fmt 1", "44 000028 000100 08", fields{fmt: 1, csid: 4, time: 40, length: 256, typ: 8}, 8},
		{
			"fmt 1, extended", "44 ffffff 000100 08 01000000",
			fields{fmt: 1, csid: 4, time: 1 << 24, length: 256, typ: 8, extended: true},
			12,
		},
		{"fmt 2", "80 01 000017", fields{fmt: 2, csid: 65, time: 23}, 5},
		{"fmt 2, extended", "84 ffffff 01000000", fields{fmt: 2, csid: 4, time: 1 << 24, extended: true}, 8},
		{"fmt 3", "c4", fields{fmt: 3, csid: 4}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := unhex(tc.in)
			for _, more := range [][]byte{nil, {0xff, 0xff, 0xff, 0xff}} {
				got, n, err := parseFields(append(slices.Clip(in), more...))
				if got != tc.want || n != tc.n || err != nil {
					t.Fatalf("parseFields(%s, % x) = %+v, %d, %v; want %+v, %d", tc.in, more, got, n, err, tc.want, tc.n)
				}
			}
			for cut := range in {
				got, n, err := parseFields(in[:cut:cut])
				if got != (fields{}) || n != 0 || err != wire.ErrShort {
					t.Fatalf("cut at %d: %+v, %d, %v; want ErrShort", cut, got, n, err)
				}
			}
		})
	}
}

func TestRepeatedBytes(t *testing.T) {
	const field, absolute = 0x01020304, 0x01a2b3c4
	m := Message{last: field, extended: true}
	for _, tc := range []struct {
		in  string
		n   int
		err error
	}{
		{"", 0, wire.ErrShort},
		{"01", 0, wire.ErrShort},
		{"00", 0, nil},
		{"02", 0, nil},
		{"01 02", 0, wire.ErrShort},
		{"01 a2", 0, wire.ErrShort},
		{"01 03", 0, nil},
		{"01 02 03", 0, wire.ErrShort},
		{"01 02 b3", 0, nil},
		{"01 a2 b3", 0, wire.ErrShort},
		{"01 02 03 04", 4, nil},
		{"01 02 03 05", 0, nil},
		{"01 a2 b3 c4 00", 4, nil},
		{"01 a2 b3 04 00", 0, nil},
	} {
		if n, err := m.repeatedBytes(unhex(tc.in), absolute); n != tc.n || err != tc.err {
			t.Errorf("repeatedBytes(%s) = %d, %v; want %d, %v", tc.in, n, err, tc.n, tc.err)
		}
	}
	m.extended = false
	if n, err := m.repeatedBytes(nil, absolute); n != 0 || err != nil {
		t.Errorf("not extended: %d, %v; want 0", n, err)
	}
}

func TestLimitsByType(t *testing.T) {
	l := Limits{ControlBytes: 1, CommandBytes: 2, DataBytes: 3, MediaBytes: 4}
	special := map[int]uint32{1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 15: 3, 18: 3, 8: 4, 9: 4, 22: 4}
	for typ := range 256 {
		want := uint32(2)
		if v, ok := special[typ]; ok {
			want = v
		}
		if got := l.payloadBytes(uint8(typ)); got != want {
			t.Errorf("type %d: limit %d, want %d", typ, got, want)
		}
	}
}
