// SPDX-License-Identifier: MIT

package session

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"srsd/proto/amf0"
	"srsd/proto/rtmp/msg"
)

var update = flag.Bool("update", false, "rewrite testdata/*.txt with what the server answers now")

// A transcript is a script and what came of it:
//
//	# comment
//	conf publish { kickoff_for_idle 3; }   goes into the default vhost; first line only
//	> ann handshake                        ann sends
//	>+ ann command "connect", 1, {...}     the same, in one read with ann's next line
//	sleep 5000                             ms pass
//	< ann ...                              ann receives
//	= ann ...                              what happens to ann's connection
//
// Lines with < and = are the golden part. Media are shortened to their first bytes.

// TestTranscripts plays testdata/*.txt: whole conversations of real encoders and players
// (srs-facts §3.3 to §3.8).
func TestTranscripts(t *testing.T) {
	for _, file := range transcripts(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			golden, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, script(string(golden)))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(golden) {
				t.Errorf("%s differs (run with -update to accept):\n%s", file, difference(string(golden), got))
			}
		})
	}
}

func transcripts(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	return files
}

// script is a transcript without its golden part.
func script(text string) []string {
	return slices.DeleteFunc(strings.Split(strings.TrimRight(text, "\n"), "\n"), func(line string) bool {
		return strings.HasPrefix(line, "<") || strings.HasPrefix(line, "=")
	})
}

// play runs a script and returns it with what happened.
func play(t testing.TB, lines []string) string {
	t.Helper()
	extra := ""
	if i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "conf ") }); i >= 0 {
		extra = strings.TrimPrefix(lines[i], "conf ")
	}
	w := newWorld(t, extra)
	var out strings.Builder
	held := map[string][]byte{}
	for _, line := range lines {
		out.WriteString(line + "\n")
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case ">", ">+":
			name, what, _ := strings.Cut(rest, " ")
			p := w.peer(name)
			if what == "hangup" {
				p.close(ReasonPeerClosed)
				break
			}
			held[name] = append(held[name], p.encode(what)...)
			if verb == ">" {
				p.feed(held[name])
				delete(held, name)
			}
		case "sleep":
			ms, err := strconv.Atoi(rest)
			if err != nil {
				t.Fatal(err)
			}
			w.sleep(int64(ms))
		case "conf", "#", "":
			continue
		default:
			t.Fatalf("what is %q?", line)
		}
		for _, p := range w.peers {
			p.report(&out)
		}
	}
	w.end()
	return out.String()
}

// report writes what p received and what became of it.
func (p *peer) report(out *strings.Builder) {
	for _, m := range p.take() {
		fmt.Fprintf(out, "< %s %s\n", p.name, m.text())
	}
	if p.sock.finished && !p.toldFin {
		p.toldFin = true
		fmt.Fprintf(out, "= %s end of stream (FIN)\n", p.name)
	}
	if p.closed && !p.toldEnd {
		p.toldEnd = true
		fmt.Fprintf(out, "= %s closed: %v %s\n", p.name, p.s.reason, p.s.detail)
	}
}

// encode turns a line of a script into bytes.
func (p *peer) encode(what string) []byte {
	verb, rest, _ := strings.Cut(what, " ")
	args := strings.Fields(rest)
	number := func(i int) uint32 {
		n, err := strconv.ParseUint(args[i], 10, 32)
		if err != nil {
			p.w.t.Fatalf("%q: %v", what, err)
		}
		return uint32(n)
	}
	bytes := func(i int) []byte {
		b, err := hex.DecodeString(args[i])
		if err != nil {
			p.w.t.Fatalf("%q: %v", what, err)
		}
		return b
	}
	userControl := func(u msg.UserControl) []byte {
		return p.control(msg.TypeUserControl, msg.AppendUserControl(nil, u))
	}
	switch verb {
	case "handshake":
		return hello()
	case "command", "command3":
		return p.encodeCommand(verb == "command3", rest)
	case "data":
		return p.message(4, msg.TypeDataAMF0, 1, 0, p.amf(rest))
	case "data3":
		return p.message(4, msg.TypeDataAMF3, 1, 0, append([]byte{0}, p.amf(rest)...))
	case "audio":
		return p.audio(number(0), bytes(1))
	case "video":
		return p.video(number(0), bytes(1))
	case "raw":
		return bytes(0)
	case "SetChunkSize":
		return p.setChunkSize(int(number(0)))
	case "WindowAckSize":
		return p.control(msg.TypeWindowAckSize, msg.AppendWindowAckSize(nil, number(0)))
	case "Ack":
		return p.control(msg.TypeAck, msg.AppendAck(nil, number(0)))
	case "SetBufferLength":
		return userControl(msg.UserControl{Event: msg.EventSetBufferLength, Value: number(0), BufferMs: number(1)})
	case "PingRequest":
		return userControl(msg.UserControl{Event: msg.EventPingRequest, Value: number(0)})
	}
	p.w.t.Fatalf("what is %q?", what)
	return nil
}

// streamCommands are sent on the media stream, as clients do.
var streamCommands = []string{"publish", "play", "pause", "seek", "receiveAudio", "receiveVideo", "closeStream"}

func (p *peer) encodeCommand(amf3 bool, args string) []byte {
	body, messageType := p.amf(args), msg.TypeCommandAMF0
	if amf3 {
		body, messageType = append([]byte{0}, body...), msg.TypeCommandAMF3
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(args, `"`), `"`)
	if slices.Contains(streamCommands, name) {
		return p.message(8, messageType, 1, 0, body)
	}
	return p.message(3, messageType, 0, 0, body)
}

// amf encodes values that are written as JSON, separated by commas.
func (p *peer) amf(text string) []byte {
	var values []any
	if err := json.Unmarshal([]byte("["+text+"]"), &values); err != nil {
		p.w.t.Fatalf("%q: %v", text, err)
	}
	var b []byte
	for _, v := range values {
		b = amf0.Append(b, fromJSON(v))
	}
	return b
}

func fromJSON(v any) amf0.Value {
	switch v := v.(type) {
	case float64:
		return amf0.Number(v)
	case bool:
		return amf0.Boolean(v)
	case string:
		return amf0.String(v)
	case []any:
		out := amf0.StrictArray{}
		for _, one := range v {
			out = append(out, fromJSON(one))
		}
		return out
	case map[string]any:
		o := amf0.Object{}
		for _, k := range slices.Sorted(mapKeys(v)) {
			o = append(o, amf0.Property{Key: k, Value: fromJSON(v[k])})
		}
		return o
	default:
		return amf0.Null{}
	}
}

func mapKeys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// text says what a message is: chunk stream/message stream, time if any, contents.
func (m heard) text() string {
	at := ""
	if m.Timestamp != 0 {
		at = fmt.Sprintf(" @%d", m.Timestamp)
	}
	return fmt.Sprintf("%d/%d%s %s", m.CSID, m.StreamID, at, m.contents())
}

func (m heard) contents() string {
	body := []byte(m.body)
	switch m.Type {
	case msg.TypeSetChunkSize:
		n, _ := msg.ParseSetChunkSize(body)
		return fmt.Sprintf("SetChunkSize %d", n)
	case msg.TypeAck:
		n, _ := msg.ParseAck(body)
		return fmt.Sprintf("Ack %d", n)
	case msg.TypeWindowAckSize:
		n, _ := msg.ParseWindowAckSize(body)
		return fmt.Sprintf("WindowAckSize %d", n)
	case msg.TypeSetPeerBandwidth:
		b, _ := msg.ParseSetPeerBandwidth(body)
		return fmt.Sprintf("SetPeerBandwidth %d %d", b.WindowBytes, b.Limit)
	case msg.TypeUserControl:
		u, _ := msg.ParseUserControl(body)
		names := map[msg.Event]string{
			msg.EventStreamBegin: "StreamBegin", msg.EventStreamEOF: "StreamEOF", msg.EventPingResponse: "PingResponse",
		}
		return fmt.Sprintf("%s %d", names[u.Event], u.Value)
	case msg.TypeCommandAMF0, msg.TypeDataAMF0:
		values, err := amf0.DecodeAll(body, amf0.Limits{})
		if err != nil {
			return fmt.Sprintf("%s %x (%v)", msg.TypeName(m.Type), body, err)
		}
		out := make([]string, len(values))
		for i, v := range values {
			out[i] = amfText(v)
		}
		return msg.TypeName(m.Type) + " " + strings.Join(out, " ")
	}
	if len(body) > 12 {
		return fmt.Sprintf("%s %x... (%d bytes)", msg.TypeName(m.Type), body[:12], len(body))
	}
	return fmt.Sprintf("%s %x", msg.TypeName(m.Type), body)
}

func amfText(v amf0.Value) string {
	switch v := v.(type) {
	case amf0.Number:
		return strconv.FormatFloat(float64(v), 'g', -1, 64)
	case amf0.Boolean:
		return strconv.FormatBool(bool(v))
	case amf0.String:
		return strconv.Quote(string(v))
	case amf0.Null:
		return "null"
	case amf0.Undefined:
		return "undefined"
	case amf0.Object:
		return "{" + propertiesText(v) + "}"
	case amf0.ECMAArray:
		return "[" + propertiesText(v) + "]"
	case amf0.StrictArray:
		out := make([]string, len(v))
		for i, one := range v {
			out[i] = amfText(one)
		}
		return "(" + strings.Join(out, ", ") + ")"
	default:
		return fmt.Sprintf("%T", v)
	}
}

func propertiesText(properties []amf0.Property) string {
	out := make([]string, len(properties))
	for i, p := range properties {
		value := amfText(p.Value)
		if p.Key == "srsd_pid" && value == strconv.Itoa(os.Getpid()) {
			value = "PID"
		}
		out[i] = p.Key + ": " + value
	}
	return strings.Join(out, ", ")
}

// difference shows the first lines that are not the same.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		at := func(s []string) string {
			if i < len(s) {
				return s[i]
			}
			return "(end)"
		}
		if at(w) != at(g) {
			return fmt.Sprintf("line %d\n  have %s\n  want %s", i+1, at(g), at(w))
		}
	}
	return ""
}
