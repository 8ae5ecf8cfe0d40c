// SPDX-License-Identifier: MIT

package interop

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// part is one message of a script, and what it is to a player that comes later.
type part struct {
	tag  flvTag
	head bool // it is needed before the first frame
	key  bool // a player can begin here
}

// rawVideo and rawAudio write messages byte by byte, for what no peer sends.
func rawVideo(tsMs uint32, header, body string) part {
	return part{tag: flvTag{typ: typeVideo, tsMs: tsMs, body: []byte(header + body)}}
}

func rawAudio(tsMs uint32, header, body string) part {
	return part{tag: flvTag{typ: typeAudio, tsMs: tsMs, body: []byte(header + body)}}
}

func (p part) asHead() part { p.head = true; return p }
func (p part) asKey() part  { p.key = true; return p }

// pictures writes the units of an elementary video stream behind a header for keyframes and
// one for the others.
func pictures(e *elementary, key, inter string) (all []part) {
	for i, unit := range e.units {
		p := rawVideo(uint32(e.at(i).Milliseconds()), inter, lengths(e, unit))
		if i%keyEvery == 0 {
			p = rawVideo(p.tag.tsMs, key, lengths(e, unit)).asKey()
		}
		all = append(all, p)
	}
	return all
}

// lengths writes a unit as it stands in RTMP: NAL units have their length in front.
func lengths(e *elementary, unit [][]byte) string {
	if e.name != "avc" && e.name != "hevc" {
		return flat(unit)
	}
	var b []byte
	for _, nalu := range unit {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(nalu))), nalu...)
	}
	return string(b)
}

func sounds(e *elementary, header string) (all []part) {
	for i, unit := range e.units {
		all = append(all, rawAudio(uint32(e.at(i).Milliseconds()), header, flat(unit)))
	}
	return all
}

// mixed puts several tracks into one list by time.
func mixed(tracks ...[]part) []part {
	all := slices.Concat(tracks...)
	slices.SortStableFunc(all, func(a, b part) int { return int(a.tag.tsMs) - int(b.tag.tsMs) })
	return all
}

// TestEnhancedRaw: what gortmplib cannot send or read goes through byte for byte, and a
// player that comes later begins with what each track needs.
func TestEnhancedRaw(t *testing.T) {
	t.Parallel()
	vp8, eac3, hevc := makeElementary(t, "vp8"), makeElementary(t, "eac3"), makeElementary(t, "hevc")
	av1, opus := makeElementary(t, "av1"), makeElementary(t, "opus")
	const hdr = "\x02\x00\x09colorInfo" + "\x03\x00\x06hdrCll" + "\x03\x00\x06maxCLL" +
		"\x00\x40\x8f\x40\x00\x00\x00\x00\x00" + "\x00\x00\x09\x00\x00\x09" // 1000 cd/m2
	const twoCodecs = "\x23hvc1\x00\x00\x00\x01?av01\x01\x00\x01\x00"
	many := func(kind byte, data string) string { // tracks 0 and 2 of one codec, in one message
		size := string([]byte{byte(len(data) >> 16), byte(len(data) >> 8), byte(len(data))})
		return string([]byte{0x10 | kind}) + "av01\x00" + size + data + "\x02" + size + data
	}
	var together []part
	for i, unit := range av1.units {
		first := map[bool]string{true: "\x96", false: "\xa6"}[i%keyEvery == 0]
		p := rawVideo(uint32(av1.at(i).Milliseconds()), first, many(1, flat(unit)))
		p.key = i%keyEvery == 0
		together = append(together, p)
	}
	for name, script := range map[string][]part{
		"vp08, ec-3 with channel layout": mixed(
			[]part{
				rawVideo(0, "\x90vp08", "\x00\x0a\x82\x02\x02\x02\x00\x00").asHead(),
				rawAudio(0, "\x90ec-3", "").asHead(), rawAudio(0, "\x94ec-3", "\x01\x01\x00\x00\x00\x04").asHead(),
			}, pictures(vp8, "\x91vp08", "\xa1vp08"), sounds(eac3, "\x91ec-3"),
			[]part{rawVideo(5000, "\x92vp08", ""), rawAudio(5000, "\x92ec-3", "")},
		),
		"vvc1 with composition time": mixed(
			[]part{rawVideo(0, "\x90vvc1", "record").asHead()},
			pictures(vp8, "\x91vvc1\x00\x00\x28", "\xa1vvc1\xff\xff\xd8"), // any bytes do
		),
		"HEVC by its old number": mixed(
			[]part{rawVideo(0, "\x1c\x00\x00\x00\x00", "record").asHead()},
			pictures(hevc, "\x1c\x01\x00\x00\x00", "\x2c\x01\x00\x00\x28"),
		),
		"VP6, Speex":                mixed(pictures(vp8, "\x14", "\x24"), sounds(eac3, "\xb6")),
		"VP6 with alpha, MP3 8 kHz": mixed(pictures(vp8, "\x15", "\x25"), sounds(eac3, "\xe2")),
		"Nellymoser 8 and 16 kHz": mixed(
			pictures(vp8, "\x12", "\x22"), sounds(eac3, "\x42")[:40], sounds(eac3, "\x52")[40:],
		),
		"nanoseconds, colours": mixed(
			[]part{
				rawVideo(0, "\x97\x02\x00\x00\x01\x00av01", "record").asHead(), rawVideo(0, "\x94av01", hdr).asHead(),
				rawAudio(0, "\x97\x02\x00\x00\x01\x00Opus", "OpusHead").asHead(),
			},
			pictures(av1, "\x97\x02\x0f\x42\x3f\x01av01", "\xa7\x02\x00\x00\x07\x03av01"),
			sounds(opus, "\x97\x02\x07\xa1\x20\x01Opus"),
		),
		"tracks in one message": mixed(
			[]part{rawVideo(0, "\x96", many(0, "record")).asHead()}, together,
		),
		"tracks and codecs in one message": mixed(
			[]part{
				rawVideo(0, "\x96\x20", "hvc1\x00\x00\x00\x03oneav01\x01\x00\x00\x03two").asHead(),
				rawAudio(0, "\x95\x20", "Opus\x00\x00\x00\x00ac-3\x01\x00\x00\x00").asHead(),
			},
			pictures(vp8, "\x96"+twoCodecs, "\xa6"+twoCodecs),
			sounds(opus, "\x95\x21Opus\x00\x00\x00\x01oac-3\x01\x00\x00\x40"),
		),
		"a side track before the main one": mixed(
			[]part{
				rawVideo(0, "\x90av01", "record").asHead(), rawVideo(0, "\x96\x00hvc1\x07", "record").asHead(),
				rawAudio(0, "\x95\x00fLaC\x03", "record").asHead(),
			},
			pictures(hevc, "\x96\x03hvc1\x07", "\xa6\x03hvc1\x07"), notKeys(pictures(av1, "\x93av01", "\xa3av01")),
			sounds(opus, "\x95\x01fLaC\x03"),
		),
		"of a version to come": mixed(
			[]part{rawVideo(0, "\x90av02", "record").asHead()},
			pictures(av1, "\x91av02", "\xa1av02"), sounds(opus, "\x9f"),
			[]part{rawVideo(1500, "\x9c", ""), rawVideo(1700, "\x96\x45av02", "?"), rawVideo(1800, "\x96\x0dav02\x01", "?")},
		),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := startServer(t, settings{})
			waiting := rawPlay(t, srv, "live", "raw")
			pub := rawPublish(t, srv, "live", "raw")
			pub.setChunkSize(t, 60000)
			cut := slices.IndexFunc(script, func(p part) bool { return p.tag.tsMs >= 1600 })
			for _, p := range script[:cut] {
				pub.sendTag(t, p.tag)
			}
			last := string(script[cut-1].tag.body)
			waiting.waitFor(t, 0, "the last message before the join", replyWithin, func(e event) bool {
				return string(e.body) == last
			})
			late := rawPlay(t, srv, "live", "raw")
			for _, p := range script[cut:] {
				pub.sendTag(t, p.tag)
			}
			key := cut
			for key > 0 && !script[key].key {
				key--
			}
			var heads []part
			for _, typ := range []byte{typeAudio, typeVideo} {
				for _, p := range script[:key] {
					if p.head && p.tag.typ == typ {
						heads = append(heads, p)
					}
				}
			}
			checkBodies(t, "the waiting player", waiting, script)
			checkBodies(t, "the late player", late, slices.Concat(heads, script[key:]))
		})
	}
}

// notKeys are pictures with which a group does not begin.
func notKeys(all []part) []part {
	for i := range all {
		all[i].key = false
	}
	return all
}

// checkBodies waits for the last message and compares each kind of media to the byte.
func checkBodies(t *testing.T, who string, p *rawPlayer, want []part) {
	t.Helper()
	for _, typ := range []byte{typeAudio, typeVideo} {
		var have, need []string
		for _, w := range want {
			if w.tag.typ == typ {
				need = append(need, string(w.tag.body))
			}
		}
		eventually(2*replyWithin, func() bool {
			events, _ := p.log()
			have = nil
			for _, e := range events[p.from:] {
				if e.typ == typ {
					have = append(have, string(e.body))
				}
			}
			return len(have) >= len(need)
		})
		if len(have) != len(need) {
			t.Errorf("%s got %d messages of type %d, want %d", who, len(have), typ, len(need))
		}
		for i := range min(len(have), len(need)) {
			if have[i] != need[i] {
				t.Errorf("%s: message %d of type %d is %.30x (%d bytes); want %.30x (%d bytes)", who, i, typ,
					have[i], len(have[i]), need[i], len(need[i]))
				break
			}
		}
	}
}

// TestCapabilities: who announces parts of Enhanced RTMP is told what the server can do.
func TestCapabilities(t *testing.T) {
	t.Parallel()
	srv := startServer(t, settings{})
	connect := func(more object) object {
		c := dial(t, srv)
		o := object{"app": "live", "tcUrl": srv.url("live")}
		maps.Copy(o, more)
		answer, ok := c.call(t, "connect", o)[2].(object)
		if !ok {
			t.Fatal("no properties in the answer")
		}
		return answer
	}
	for _, announced := range []object{
		{"capsEx": 15.0}, {"videoFourCcInfoMap": object{"av01": 1.0}}, {"audioFourCcInfoMap": object{"*": 7.0}},
	} {
		got := connect(announced)
		list := fmt.Sprint(got["fourCcList"])
		for codec := range strings.FieldsSeq("avc1 hvc1 av01 vp08 vp09 vvc1 mp4a .mp3 Opus fLaC ac-3 ec-3 *") {
			if !strings.Contains(list, codec) {
				t.Errorf("fourCcList %s lacks %s", list, codec)
			}
		}
		video, _ := got["videoFourCcInfoMap"].(object)
		audio, _ := got["audioFourCcInfoMap"].(object)
		if got["capsEx"] != 15.0 || video["*"] != 4.0 || video["vvc1"] != 4.0 || audio["*"] != 4.0 || audio["ec-3"] != 4.0 {
			t.Errorf("%v was answered %v", announced, got)
		}
	}
	if got := connect(nil); got["capsEx"] != nil || got["fourCcList"] != nil || got["capabilities"] != 127.0 {
		t.Errorf("a client that announced nothing was told %v", got)
	}
}

// TestReconnectRequest: a server that is told to stop asks clients that heed it to
// reconnect, which a client that has announced nothing does not see; it stops all the same.
func TestReconnectRequest(t *testing.T) {
	t.Parallel()
	srv, src := startServer(t, settings{}), generate(t, fixtureAVCAAC)
	old := rawPlay(t, srv, "live", "moves")
	able := func() *client {
		c := dial(t, srv)
		c.call(t, "connect", object{"app": "live", "tcUrl": srv.url("live"), "capsEx": 1.0})
		c.createStream(t)
		return c
	}
	player := &rawPlayer{client: able()}
	player.play(t, "moves")
	pub := publishOn(t, able(), "moves")
	pub.sendLoop(t, src.tags)
	player.waitMedia(t, 0, video, 10)
	srv.signal(t, syscall.SIGTERM)
	const code = "NetConnection.Connect.ReconnectRequest"
	for _, c := range []*client{player.client, pub.client} {
		at := c.waitFor(t, 0, code, replyWithin, isStatus(code))
		events, _ := c.log()
		if m := events[at]; m.msid != 0 {
			t.Errorf("the request came on message stream %d, want that of the connection, 0", m.msid)
		}
	}
	player.close()
	if code, ended := srv.wait(3 * replyWithin); !ended || code != 0 {
		t.Errorf("ended %v, exit code %d", ended, code)
	}
	pub.waitClosedAny(t, 2*replyWithin)
	old.waitClosedAny(t, 2*replyWithin)
	events, _ := old.log()
	if slices.ContainsFunc(events, isStatus(code)) {
		t.Error("a client that announced nothing was asked to reconnect")
	}
	if out := srv.out.String(); !strings.Contains(out, "asking clients to reconnect clients=2") {
		t.Errorf("the log says nothing of it:\n%s", out)
	}
}
