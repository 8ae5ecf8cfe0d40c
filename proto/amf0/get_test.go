// SPDX-License-Identifier: MIT

package amf0

import (
	"math"
	"testing"
)

func TestAt(t *testing.T) {
	values := []Value{Number(0), Number(1)}
	for i, want := range map[int]Value{-1: nil, 0: Number(0), 1: Number(1), 2: nil, math.MaxInt: nil} {
		if got := At(values, i); got != want {
			t.Errorf("At(%d) = %v; want %v", i, got, want)
		}
	}
}

func TestGet(t *testing.T) {
	properties := []Property{{"app", String("first")}, {"app", String("second")}, {"n", Number(7)}, {"b", Boolean(true)}}
	for _, v := range []Value{Object(properties), ECMAArray(properties), TypedObject{"C", properties}} {
		if s, ok := GetString(v, "app"); s != "first" || !ok {
			t.Errorf("%T: app = %q, %v; the first of a name must count", v, s, ok)
		}
		if n, ok := GetNumber(v, "n"); n != 7 || !ok {
			t.Errorf("%T: n = %v, %v", v, n, ok)
		}
		if b, ok := GetBool(v, "b"); !b || !ok {
			t.Errorf("%T: b = %v, %v", v, b, ok)
		}
		if got := Get(v, "App"); got != nil {
			t.Errorf("%T: names are case-sensitive, got %v", v, got)
		}
		if p, ok := AsProperties(v); len(p) != len(properties) || !ok {
			t.Errorf("%T: properties = %v, %v", v, p, ok)
		}
	}
}

// A first property of the wrong type hides a second one of the right type.
func TestGetWrongTypeFirst(t *testing.T) {
	v := Object{{"app", Number(1)}, {"app", String("live")}}
	if s, ok := GetString(v, "app"); ok {
		t.Fatalf("app = %q", s)
	}
}

// Whatever a peer sends where something else is expected is "not there".
func TestGetWrongType(t *testing.T) {
	for _, v := range []Value{
		nil,
		Null{},
		Undefined{},
		Unsupported{},
		Reference(1),
		Date{},
		XMLDocument("x"),
		StrictArray{String("x")},
		Object{},
		Object(nil),
		ECMAArray{},
		TypedObject{},
	} {
		if got := Get(v, "x"); got != nil {
			t.Errorf("Get(%T) = %v", v, got)
		}
		if _, ok := AsString(v); ok {
			t.Errorf("AsString(%T) is ok", v)
		}
		if _, ok := AsNumber(v); ok {
			t.Errorf("AsNumber(%T) is ok", v)
		}
		if _, ok := AsUint32(v); ok {
			t.Errorf("AsUint32(%T) is ok", v)
		}
		if _, ok := AsBool(v); ok {
			t.Errorf("AsBool(%T) is ok", v)
		}
	}
	for _, v := range []Value{Number(1), String("1"), Boolean(true)} {
		if _, ok := AsProperties(v); ok {
			t.Errorf("AsProperties(%T) is ok", v)
		}
	}
}

func TestAsUint32(t *testing.T) {
	for _, tc := range []struct {
		in   float64
		want uint32
		ok   bool
	}{
		{0, 0, true},
		{math.Copysign(0, -1), 0, true},
		{1, 1, true},
		{math.MaxUint32, math.MaxUint32, true},
		{math.MaxUint32 + 1, 0, false},
		{1.5, 0, false},
		{math.MaxUint32 - 0.5, 0, false},
		{math.SmallestNonzeroFloat64, 0, false},
		{-1, 0, false},
		{1e308, 0, false},
		{math.NaN(), 0, false},
		{math.Inf(1), 0, false},
		{math.Inf(-1), 0, false},
	} {
		if got, ok := AsUint32(Number(tc.in)); got != tc.want || ok != tc.ok {
			t.Errorf("AsUint32(%v) = %d, %v; want %d, %v", tc.in, got, ok, tc.want, tc.ok)
		}
	}
}
