// SPDX-License-Identifier: MIT

package msg

import (
	"bytes"
	"math"
	"testing"

	"srsd/proto/amf0"
)

// FuzzAnswers: what peers named stands in our answers, and in the requests of our client side. Whatever
// it is, the body reads back as what was meant, and begins behind what was there already.
func FuzzAnswers(f *testing.F) {
	f.Add("live/show: already being published", "show?k=v", 4.0, uint8(StatusPublishBadName))
	f.Add("\x00\x00\x09\xff", "\xff\xfe", math.Inf(1), uint8(0))
	f.Add(string(make([]byte, 1<<16)), "", math.NaN(), uint8(200))
	f.Fuzz(func(t *testing.T, text, name string, id float64, status uint8) {
		read := func(want string, b []byte) Command {
			t.Helper()
			rest, ok := bytes.CutPrefix(b, []byte("before"))
			if !ok {
				t.Fatalf("%s has overwritten what was there: % x", want, b)
			}
			c, err := ParseCommand(rest, false, amf0.Limits{})
			if err != nil || c.Name != want {
				t.Fatalf("%s reads as %q, %v: % x", want, c.Name, err, rest)
			}
			return c
		}
		sameID := func(c Command) {
			t.Helper()
			if math.Float64bits(c.TransactionID) != math.Float64bits(id) {
				t.Fatalf("transaction id %v became %v", id, c.TransactionID)
			}
		}
		before := func() []byte { return []byte("before") }

		c := read(CommandError, AppendConnectError(before(), id, text))
		sameID(c)
		if got, _ := amf0.GetString(c.Arg(1), "description"); text != "" && got != text { // else a text of ours
			t.Fatalf("description %q became %q", text, got)
		}
		c = read(CommandResult, AppendConnectResult(before(), ConnectReply{
			TransactionID: id, ObjectEncoding: 3, ServerVersion: text, ClientID: name, PID: int(status),
		}))
		sameID(c)
		if code, _ := amf0.GetString(c.Arg(1), "code"); code != StatusConnectSuccess.Code() {
			t.Fatalf("connect is answered with %q", code)
		}
		s := Status(status % uint8(StatusConnectRejected+1))
		c = read(CommandOnStatus, AppendOnStatus(before(), s, text))
		code, _ := amf0.GetString(c.Arg(1), "code")
		description, _ := amf0.GetString(c.Arg(1), "description")
		if code != s.Code() || text != "" && description != text {
			t.Fatalf("status %v, %q became %q, %q", s, text, code, description)
		}
		c = read(CommandPublish, AppendPublish(before(), id, name, text))
		sameID(c)
		if got, ok := c.StringArg(1); got != name || !ok {
			t.Fatalf("publish %q became %q", name, got)
		}
		c = read(CommandConnect, AppendConnect(before(), ConnectRequest{
			App: name, TcURL: text, FlashVer: name, PageURL: text,
		}))
		if got, err := ParseConnect(c); text != "" && (err != nil || got.TcURL != text || got.App != name) {
			t.Fatalf("connect to %q, %q became %+v, %v", text, name, got, err)
		}
	})
}
