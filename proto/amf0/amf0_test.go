// SPDX-License-Identifier: MIT

package amf0

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

// long is a text one byte too long for the short form.
var long = strings.Repeat("x", StringBytesMax+1)

// wireCases pairs values with the bytes they are written as and read from.
var wireCases = []struct {
	name  string
	value Value
	wire  string
}{
	{"number 0", Number(0), "\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
	{"number 1", Number(1), "\x00\x3f\xf0\x00\x00\x00\x00\x00\x00"},
	{"number -2.5", Number(-2.5), "\x00\xc0\x04\x00\x00\x00\x00\x00\x00"},
	{"number infinite", Number(math.Inf(1)), "\x00\x7f\xf0\x00\x00\x00\x00\x00\x00"},
	{"number 1e308", Number(1e308), "\x00\x7f\xe1\xcc\xf3\x85\xeb\xc8\xa0"},
	{"true", Boolean(true), "\x01\x01"},
	{"false", Boolean(false), "\x01\x00"},
	{"string", String("live"), "\x02\x00\x04live"},
	{"string empty", String(""), "\x02\x00\x00"},
	{"string not UTF-8", String("\xff\x00\xfe"), "\x02\x00\x03\xff\x00\xfe"},
	{"string longest short", String(long[1:]), "\x02\xff\xff" + long[1:]},
	{"string long", String(long), "\x0c\x00\x01\x00\x00" + long},
	{"object empty", Object{}, "\x03\x00\x00\x09"},
	{
		"object",
		Object{{"app", String("live")}, {"n", Number(1)}},
		"\x03\x00\x03app\x02\x00\x04live\x00\x01n\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x00\x00\x09",
	},
	{
		"object in object",
		Object{{"o", Object{{"b", Boolean(true)}}}, {"z", Null{}}},
		"\x03\x00\x01o\x03\x00\x01b\x01\x01\x00\x00\x09\x00\x01z\x05\x00\x00\x09",
	},
	{"object, same key twice", Object{{"a", Null{}}, {"a", Undefined{}}}, "\x03\x00\x01a\x05\x00\x01a\x06\x00\x00\x09"},
	{"object, empty key", Object{{"", Boolean(true)}}, "\x03\x00\x00\x01\x01\x00\x00\x09"},
	{"null", Null{}, "\x05"},
	{"undefined", Undefined{}, "\x06"},
	{"reference", Reference(0x0102), "\x07\x01\x02"},
	{"ECMA array empty", ECMAArray{}, "\x08\x00\x00\x00\x00\x00\x00\x09"},
	{
		"ECMA array",
		ECMAArray{{"0", String("a")}, {"stereo", Boolean(false)}},
		"\x08\x00\x00\x00\x02\x00\x010\x02\x00\x01a\x00\x06stereo\x01\x00\x00\x00\x09",
	},
	{"strict array empty", StrictArray{}, "\x0a\x00\x00\x00\x00"},
	{
		"strict array",
		StrictArray{Null{}, StrictArray{Boolean(true)}, String("s")},
		"\x0a\x00\x00\x00\x03\x05\x0a\x00\x00\x00\x01\x01\x01\x02\x00\x01s",
	},
	{"date", Date{UnixMs: 1, Zone: -60}, "\x0b\x3f\xf0\x00\x00\x00\x00\x00\x00\xff\xc4"},
	{"unsupported", Unsupported{}, "\x0d"},
	{"XML document", XMLDocument("<a/>"), "\x0f\x00\x00\x00\x04<a/>"},
	{
		"typed object",
		TypedObject{Class: "C", Properties: []Property{{"k", Null{}}}},
		"\x10\x00\x01C\x00\x01k\x05\x00\x00\x09",
	},
	{"typed object without a name", TypedObject{Properties: []Property{}}, "\x10\x00\x00\x00\x00\x09"},
	{"connect object of FFmpeg", ffmpegConnect[2].(Object), ffmpegConnectWire[len("\x02\x00\x07connect")+9:]},
}

func TestDecode(t *testing.T) {
	for _, tc := range wireCases {
		t.Run(tc.name, func(t *testing.T) {
			// What follows a value is not touched. It is no property either.
			in := []byte(tc.wire + "\x09")
			got, n, err := Decode(in, Limits{})
			if err != nil || n != len(tc.wire) {
				t.Fatalf("Decode = %d bytes, %v; want %d", n, err, len(tc.wire))
			}
			for i := range in { // a decoded value must not alias the input
				in[i] = 0xaa
			}
			if diff := cmp.Diff(tc.value, got); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func TestAppend(t *testing.T) {
	for _, tc := range wireCases {
		t.Run(tc.name, func(t *testing.T) {
			got := Append([]byte("before"), tc.value)
			if want := "before" + tc.wire; string(got) != want {
				t.Fatalf("Append = % x; want % x", got, want)
			}
		})
	}
}

// Cutting a message anywhere must be noticed, whatever is inside. The one place
// where a cut is not an error is between the properties of an ECMA array.
func TestTruncatedAtEveryByte(t *testing.T) {
	for _, tc := range wireCases {
		if len(tc.wire) > 4096 {
			continue // the long strings: 64 Ki times the same
		}
		t.Run(tc.name, func(t *testing.T) {
			for cut := range len(tc.wire) {
				v, n, err := Decode([]byte(tc.wire[:cut]), Limits{})
				if isECMA(tc.value) && err == nil && n == cut {
					continue
				}
				if v != nil || n != 0 || !errors.Is(err, ErrTruncated) {
					t.Fatalf("cut at %d: %v, %d, %v; want nil, 0, ErrTruncated", cut, v, n, err)
				}
			}
		})
	}
}

func isECMA(v Value) bool { _, ok := v.(ECMAArray); return ok }

// What is read but never written like this.
func TestDecodeTolerates(t *testing.T) {
	threeOpen := "\x00\x01a\x05\x00\x01b\x05\x00\x01c\x05"
	three := ECMAArray{{"a", Null{}}, {"b", Null{}}, {"c", Null{}}}
	for _, tc := range []struct {
		name string
		wire string
		want Value
	}{
		{"boolean 0x80", "\x01\x80", Boolean(true)},
		{"long form of a short string", "\x0c\x00\x00\x00\x01s", String("s")},
		{"ECMA count 0", "\x08\x00\x00\x00\x00" + threeOpen + "\x00\x00\x09", three},
		{"ECMA count 0xffffffff", "\x08\xff\xff\xff\xff" + threeOpen + "\x00\x00\x09", three},
		{"ECMA count 0, no end", "\x08\x00\x00\x00\x00" + threeOpen, three},
		{"ECMA count 0xffffffff, no end", "\x08\xff\xff\xff\xff" + threeOpen, three},
		{"ECMA without anything", "\x08\x00\x00\x00\x02", ECMAArray{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, n, err := Decode([]byte(tc.wire), Limits{})
			if diff := cmp.Diff(tc.want, got); diff != "" || n != len(tc.wire) || err != nil {
				t.Fatalf("%d bytes of %d, %v, %s", n, len(tc.wire), err, diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		wire string
		want error
	}{
		{"nothing", "", ErrTruncated},
		{"movie clip", "\x04", ErrMarker},
		{"object end", "\x09", ErrMarker},
		{"object end, whole", "\x00\x00\x09", ErrTruncated},
		{"record set", "\x0e", ErrMarker},
		{"AMF3", "\x11\x04\x01", ErrAMF3},
		{"AMF3 inside", "\x0a\x00\x00\x00\x01\x11\x04\x01", ErrAMF3},
		{"first unknown marker", "\x12", ErrMarker},
		{"last unknown marker", "\xff", ErrMarker},
		{"object end as a property", "\x03\x00\x01k\x09", ErrMarker},
		{"string past the end", "\x02\xff\xffabc", ErrTruncated},
		{"long string past the end", "\x0c\xff\xff\xff\xffabc", ErrTruncated},
		{"XML document past the end", "\x0f\xff\xff\xff\xffabc", ErrTruncated},
		{"key past the end", "\x03\xff\xffabc", ErrTruncated},
		{"class name past the end", "\x10\xff\xffabc", ErrTruncated},
		{"strict count without elements", "\x0a\xff\xff\xff\xff", ErrTruncated},
		{"strict count one too high, bytes enough", "\x0a\x00\x00\x00\x02\x01\x01", ErrTruncated},
		{"strict count one too high", "\x0a\x00\x00\x00\x02\x05", ErrTruncated},
		{"open ECMA array in an object", "\x03\x00\x01a\x08\x00\x00\x00\x01\x00\x01b\x05", ErrTruncated},
		{"ECMA array cut inside its end", "\x08\x00\x00\x00\x00\x00\x00", ErrTruncated},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, n, err := Decode([]byte(tc.wire), Limits{})
			if v != nil || n != 0 || !errors.Is(err, tc.want) {
				t.Fatalf("%v, %d, %v; want nil, 0, %v", v, n, err, tc.want)
			}
		})
	}
}

// nested returns n containers of one kind inside each other.
func nested(kind string, n int) []byte {
	var b []byte
	for range n {
		switch kind {
		case "object":
			b = AppendKey(AppendObjectStart(b), "k")
		case "ECMA array":
			b = AppendKey(AppendECMAArrayStart(b, 1), "k")
		case "strict array":
			b = AppendStrictArrayStart(b, 1)
		case "typed object":
			b = AppendKey(AppendTypedObjectStart(b, "C"), "k")
		}
	}
	b = AppendNull(b)
	for range n {
		if kind != "strict array" {
			b = AppendObjectEnd(b)
		}
	}
	return b
}

func TestDepth(t *testing.T) {
	for _, kind := range []string{"object", "ECMA array", "strict array", "typed object"} {
		for _, tc := range []struct {
			limit, nested int
			want          error
		}{
			{0, DepthDefault, nil},
			{0, DepthDefault + 1, ErrDepth},
			{-1, DepthDefault + 1, ErrDepth},
			{1, 1, nil},
			{1, 2, ErrDepth},
			{DepthMax + 1, DepthMax, nil},
			{math.MaxInt, DepthMax + 1, ErrDepth},
			{0, 100_000, ErrDepth},
		} {
			_, _, err := Decode(nested(kind, tc.nested), Limits{Depth: tc.limit})
			if !errors.Is(err, tc.want) {
				t.Errorf("%d x %s, limit %d: %v; want %v", tc.nested, kind, tc.limit, err, tc.want)
			}
		}
	}
}

// Containers beside each other are not inside each other.
func TestDepthIsGivenBack(t *testing.T) {
	b := AppendStrictArrayStart(nil, 3*DepthDefault)
	for range DepthDefault {
		b = AppendObjectEnd(AppendObjectStart(b))
		b = AppendStrictArrayStart(b, 0)
		b = AppendObjectEnd(AppendTypedObjectStart(b, "C"))
	}
	if _, _, err := Decode(b, Limits{Depth: 2}); err != nil {
		t.Fatal(err)
	}
}

func TestMemory(t *testing.T) {
	nulls := append(AppendStrictArrayStart(nil, 1000), bytes.Repeat([]byte{markerNull}, 1000)...)
	for _, tc := range []struct {
		name   string
		in     []byte
		factor int
		want   error
	}{
		{"nulls, default", nulls, 0, nil},
		{"nulls, 15", nulls, 15, ErrMemory},
		{"text, 3", AppendString(nil, strings.Repeat("x", 100)), 2, nil},
		{"text, 1", AppendString(nil, strings.Repeat("x", 100)), 1, ErrMemory},
		{"date, 2", AppendDate(nil, 1, 0), 2, ErrMemory},
		{"date, 3", AppendDate(nil, 1, 0), 3, nil},
		{"number, 2", AppendNumber(nil, 1), 2, ErrMemory},
		{"number, 3", AppendNumber(nil, 1), 3, nil},
		{"empty object, 9", []byte("\x03\x00\x00\x09"), 9, ErrMemory},
		{"empty object, 10", []byte("\x03\x00\x00\x09"), 10, nil},
		{"no overflow", AppendNull(AppendNumber(nil, 1)), math.MaxInt, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := DecodeAll(tc.in, Limits{MemoryFactor: tc.factor}); !errors.Is(err, tc.want) {
				t.Fatalf("%v; want %v", err, tc.want)
			}
		})
	}
}

// The default factor promises to refuse nothing: these are the values that cost
// most for what they take on the wire.
func TestMemoryDefaultRefusesNothing(t *testing.T) {
	for _, wire := range []string{
		"\x05", "\x01\x01", "\x02\x00\x00", "\x07\xff\xff", "\x03\x00\x00\x09", "\x0a\x00\x00\x00\x00",
		"\x10\x00\x00\x00\x00\x09", "\x08\x00\x00\x00\x00\x00\x00\x09", "\x03\x00\x00\x05\x00\x00\x09",
	} {
		in := bytes.Repeat([]byte(wire), 1000)
		if got, err := DecodeAll(in, Limits{}); err != nil || len(got) != 1000 {
			t.Errorf("% x: %d values, %v", wire, len(got), err)
		}
	}
}

func TestMemoryCosts(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the costs are those of a 64-bit machine")
	}
	for _, tc := range []struct {
		name      string
		got, want uintptr
	}{
		{"Value", slotBytes, unsafe.Sizeof(Value(nil))},
		{"Number", numberBytes, unsafe.Sizeof(Number(0))},
		{"String", stringBytes, unsafe.Sizeof(String(""))},
		{"Object", sliceBytes, unsafe.Sizeof(Object(nil))},
		{"Date", dateBytes, unsafe.Sizeof(Date{})},
		{"Reference", referenceBytes, unsafe.Sizeof(Reference(0))},
		{"Property", stringBytes + slotBytes, unsafe.Sizeof(Property{})},
		{"TypedObject", stringBytes + sliceBytes, unsafe.Sizeof(TypedObject{})},
	} {
		if tc.got != tc.want {
			t.Errorf("%s is charged %d bytes, takes %d", tc.name, tc.got, tc.want)
		}
	}
}

func TestDecodeAllKeepsWhatCameBefore(t *testing.T) {
	in := "\x02\x00\x04play\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0a\x00\x00\x00\x09\x05\x05"
	got, err := DecodeAll([]byte(in), Limits{})
	if diff := cmp.Diff([]Value{String("play"), Number(0)}, got); diff != "" || !errors.Is(err, ErrTruncated) {
		t.Fatalf("%v\n%s", err, diff)
	}
	if got, err := DecodeAll(nil, Limits{}); len(got) != 0 || err != nil {
		t.Fatalf("empty message: %v, %v", got, err)
	}
}

// Many values, so that both stacks outgrow their first capacity while the
// containers around are half read.
func TestDecodeWide(t *testing.T) {
	var want Object
	for i := range 3 * propertiesLen {
		inner := Object{{"i", Number(i)}}
		list := StrictArray{}
		for j := range 2 * valuesLen {
			inner = append(inner, Property{strings.Repeat("k", j), Number(j)})
			list = append(list, Number(j), Object{{"j", Number(i * j)}}, StrictArray{})
		}
		want = append(want, Property{"inner", inner}, Property{"list", list})
	}
	in := Append(nil, want)
	got, n, err := Decode(in, Limits{})
	if diff := cmp.Diff(Value(want), got); diff != "" || n != len(in) || err != nil {
		t.Fatal(n, err, diff)
	}
}

func TestAppendCutsKeys(t *testing.T) {
	got := Append(nil, TypedObject{Class: long, Properties: []Property{{long, nil}}})
	want := "\x10\xff\xff" + long[1:] + "\xff\xff" + long[1:] + "\x05\x00\x00\x09"
	if string(got) != want {
		t.Fatalf("%d bytes; want %d", len(got), len(want))
	}
}

func TestAppendNil(t *testing.T) {
	got := Append(Append(nil, nil), StrictArray{nil})
	if want := "\x05\x0a\x00\x00\x00\x01\x05"; string(got) != want {
		t.Fatalf("% x; want % x", got, want)
	}
}

func TestValuesAreCounted(t *testing.T) {
	in := AppendNull(AppendObjectEnd(AppendNull(AppendKey(AppendObjectStart(nil), "k"))))
	if _, err := DecodeAll(in, Limits{Values: 3}); err != nil {
		t.Fatalf("an object, its null and another null: %v", err)
	}
	if _, err := DecodeAll(in, Limits{Values: 2}); !errors.Is(err, ErrValues) {
		t.Fatalf("three values where two are allowed: %v", err)
	}
}
