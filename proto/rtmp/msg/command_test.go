// SPDX-License-Identifier: MIT

package msg

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"srsd/proto/amf0"
)

// body encodes values one after the other.
func body(values ...amf0.Value) []byte {
	var b []byte
	for _, v := range values {
		b = amf0.Append(b, v)
	}
	return b
}

func TestParseCommand(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []byte
		amf3 bool
		want Command
	}{
		{
			"play", body(amf0.String("play"), amf0.Number(4), amf0.Null{}, amf0.String("show"), amf0.Number(-2000)), false,
			Command{Name: "play", TransactionID: 4, Args: []amf0.Value{amf0.Null{}, amf0.String("show"), amf0.Number(-2000)}},
		},
		{
			"AMF3 command", append([]byte{0}, body(amf0.String("createStream"), amf0.Number(2), amf0.Null{})...), true,
			Command{Name: "createStream", TransactionID: 2, Args: []amf0.Value{amf0.Null{}}},
		},
		{
			"AMF3 command without the first byte", body(amf0.String("createStream"), amf0.Number(2)), true,
			Command{Name: "createStream", TransactionID: 2},
		},
		{"no transaction id", body(amf0.String("x")), false, Command{Name: "x"}},
		{
			"an argument where the transaction id should be", body(amf0.String("x"), amf0.Null{}, amf0.Number(7)), false,
			Command{Name: "x", Args: []amf0.Value{amf0.Null{}, amf0.Number(7)}},
		},
		{"infinite transaction id", body(amf0.String("x"), amf0.Number(math.Inf(-1))), false, Command{
			Name: "x", TransactionID: math.Inf(-1),
		}},
		{"negative transaction id", body(amf0.String("x"), amf0.Number(-1)), false, Command{Name: "x", TransactionID: -1}},
		{"huge transaction id", body(amf0.String("x"), amf0.Number(1e308)), false, Command{Name: "x", TransactionID: 1e308}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParseCommand(tc.in, tc.amf3, amf0.Limits{})
			if len(got.Args) == 0 {
				got.Args = nil
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Fatalf("%v\n%s", err, diff)
			}
		})
	}
	got, err := ParseCommand(body(amf0.String("x"), amf0.Number(math.NaN())), false, amf0.Limits{})
	if err != nil || !math.IsNaN(got.TransactionID) {
		t.Errorf("transaction id NaN: %+v, %v", got, err)
	}
}

func TestParseCommandErrors(t *testing.T) {
	connect := AppendConnect(nil, ConnectRequest{App: "live", TcURL: "rtmp://h/live"})
	for _, tc := range []struct {
		name string
		in   []byte
		amf3 bool
		want error
	}{
		{"empty", nil, false, ErrCommandName},
		{"AMF3, the first byte alone", []byte{0}, true, ErrCommandName},
		{"name is a number", body(amf0.Number(1), amf0.Number(1)), false, ErrCommandName},
		{"name is empty", body(amf0.String(""), amf0.Number(1)), false, ErrCommandName},
		{"cut", connect[:len(connect)-4], false, amf0.ErrTruncated},
		{"AMF3 value", append(body(amf0.String("x"), amf0.Number(1)), 0x11, 0x0a), true, amf0.ErrAMF3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParseCommand(tc.in, tc.amf3, amf0.Limits{})
			if !errors.Is(err, tc.want) || got.Name != "" || got.Args != nil {
				t.Fatalf("got %+v, %v; want %v", got, err, tc.want)
			}
		})
	}
}

func TestCommandArgs(t *testing.T) {
	c, err := ParseCommand(AppendPublish(nil, 5, "show?k=v", PublishLive), false, amf0.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if name, ok := c.StringArg(1); name != "show?k=v" || !ok {
		t.Errorf("argument 1 is %q, %v", name, ok)
	}
	if _, ok := c.StringArg(0); ok {
		t.Error("argument 0 is a string")
	}
	if c.Arg(3) != nil || c.Arg(-1) != nil {
		t.Error("there are arguments that were not sent")
	}
}

func TestParseConnect(t *testing.T) {
	full := amf0.Object{
		{Key: "app", Value: amf0.String("live")},
		{Key: "flashVer", Value: amf0.String("FMLE/3.0")},
		{Key: "swfUrl", Value: amf0.String("s")},
		{Key: "tcUrl", Value: amf0.String("rtmp://h/live")},
		{Key: "pageUrl", Value: amf0.String("p")},
		{Key: "objectEncoding", Value: amf0.Number(3)},
	}
	all := Connect{
		TransactionID: 1, App: "live", TcURL: "rtmp://h/live", PageURL: "p", SwfURL: "s", FlashVer: "FMLE/3.0",
		ObjectEncoding: 3,
	}
	withArgs := all
	withArgs.Args = amf0.Object{{Key: "token", Value: amf0.String("t")}}
	first := all
	first.App = "one"
	for _, tc := range []struct {
		name string
		in   Command
		want Connect
		err  error
	}{
		{"all", Command{"connect", 1, []amf0.Value{full}}, all, nil},
		{"arguments", Command{"connect", 1, []amf0.Value{full, withArgs.Args}}, withArgs, nil},
		{"arguments that are no object", Command{"connect", 1, []amf0.Value{full, amf0.String("x")}}, all, nil},
		{"ECMA array", Command{"connect", 1, []amf0.Value{amf0.ECMAArray(full)}}, all, nil},
		{
			"app twice, the first counts",
			Command{"connect", 1, []amf0.Value{append(amf0.Object{{Key: "app", Value: amf0.String("one")}}, full...)}},
			first, nil,
		},
		{"wrong types count as absent", Command{"connect", 1, []amf0.Value{amf0.Object{
			{Key: "tcUrl", Value: amf0.String("rtmp://h/live")},
			{Key: "app", Value: amf0.Number(1)},
			{Key: "pageUrl", Value: amf0.Undefined{}},
			{Key: "objectEncoding", Value: amf0.String("3")},
		}}}, Connect{TransactionID: 1, TcURL: "rtmp://h/live"}, nil},
		{
			"no tcUrl",
			Command{"connect", 1, []amf0.Value{amf0.Object{{Key: "app", Value: amf0.String("live?k=v")}}}},
			Connect{TransactionID: 1, App: "live?k=v", TcURL: "rtmp://__defaultVhost__/live?k=v"},
			nil,
		},
		{"neither tcUrl nor app", Command{"connect", 1, []amf0.Value{amf0.Object{}}}, Connect{}, ErrNoTcURL},
		{
			"empty tcUrl",
			Command{"connect", 1, []amf0.Value{amf0.Object{{Key: "tcUrl", Value: amf0.String("")}}}},
			Connect{},
			ErrNoTcURL,
		},
		{"no object", Command{"connect", 1, []amf0.Value{amf0.Null{}}}, Connect{}, ErrNotConnect},
		{"nothing", Command{"connect", 1, nil}, Connect{}, ErrNotConnect},
		{"another command", Command{"play", 1, []amf0.Value{full}}, Connect{}, ErrNotConnect},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParseConnect(tc.in)
			if diff := cmp.Diff(tc.want, got); diff != "" || err != tc.err {
				t.Fatalf("%v, want %v\n%s", err, tc.err, diff)
			}
		})
	}
}

// What the client side writes, the server side reads.
func TestRequests(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []byte
		want Command
	}{
		{"createStream", AppendCreateStream(nil, 2), Command{"createStream", 2, []amf0.Value{amf0.Null{}}}},
		{
			"deleteStream", AppendDeleteStream(nil, 3, 1),
			Command{"deleteStream", 3, []amf0.Value{amf0.Null{}, amf0.Number(1)}},
		},
		{
			"releaseStream", AppendStreamCommand(nil, CommandReleaseStream, 2, "s"),
			Command{"releaseStream", 2, []amf0.Value{amf0.Null{}, amf0.String("s")}},
		},
		{
			"publish", AppendPublish(nil, 5, "s", PublishLive),
			Command{"publish", 5, []amf0.Value{amf0.Null{}, amf0.String("s"), amf0.String("live")}},
		},
		{
			"play", AppendPlay(nil, 4, "s", -2000),
			Command{"play", 4, []amf0.Value{amf0.Null{}, amf0.String("s"), amf0.Number(-2000)}},
		},
		{
			"pause", AppendPause(nil, 0, true, 1500),
			Command{"pause", 0, []amf0.Value{amf0.Null{}, amf0.Boolean(true), amf0.Number(1500)}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParseCommand(tc.in, false, amf0.Limits{})
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Fatalf("%v\n%s", err, diff)
			}
		})
	}
	c, err := ParseCommand(AppendConnect(nil, ConnectRequest{
		App: "live", TcURL: "rtmp://h/live", FlashVer: "v", PageURL: "p", SwfURL: "s",
	}), false, amf0.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseConnect(c)
	want := Connect{TransactionID: 1, App: "live", TcURL: "rtmp://h/live", FlashVer: "v", PageURL: "p", SwfURL: "s"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Fatalf("%v\n%s", err, diff)
	}
}

// FuzzParseCommand: no body panics, and a command that was read is complete.
func FuzzParseCommand(f *testing.F) {
	connect := AppendConnect(nil, ConnectRequest{App: "live", TcURL: "rtmp://h/live"})
	f.Add(connect, false)
	f.Add(append([]byte{0}, connect...), true)
	f.Add(connect[:40], false)
	f.Add(AppendPublish(nil, 5, "show", PublishLive), false)
	f.Add([]byte{2, 0, 1, 'x', 0x11}, true)
	f.Fuzz(func(t *testing.T, b []byte, amf3 bool) {
		c, err := ParseCommand(b, amf3, amf0.Limits{})
		if err != nil {
			if c.Name != "" || c.Args != nil || !strings.HasPrefix(err.Error(), "msg: ") {
				t.Fatalf("%+v, %v", c, err)
			}
			return
		}
		if c.Name == "" {
			t.Fatalf("% x is a command without a name", b)
		}
		if connect, err := ParseConnect(c); err == nil && connect.TcURL == "" {
			t.Fatalf("% x is a connect without tcUrl", b)
		}
	})
}

func checkIs(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("error is %v, want %v", got, want)
	}
}
