// SPDX-License-Identifier: MIT

package interop

import (
	"bytes"
	"encoding/binary"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/ac3"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/flac"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg1audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
)

// keyEvery is how many pictures a group has in each elementary stream: one second.
const keyEvery = 25

// elementary is a stream as an encoder gives it, without a container: what ffmpeg made,
// taken apart by us.
type elementary struct {
	name  string
	codec codecs.Codec // for gortmplib; nil if it does not know the codec
	units [][][]byte   // access units, temporal units, frames: NAL units, OBUs, or the whole
	step  time.Duration
}

func (e *elementary) at(i int) time.Duration { return time.Duration(i) * e.step }

// flat is a unit as one string, for comparison and for codecs without parts.
func flat(unit [][]byte) string { return string(bytes.Join(unit, nil)) }

// recipe is how an elementary stream is made: ffmpeg's encoder options and format, and how
// its output is taken apart.
type recipe struct {
	args  string
	split func(t *testing.T, e *elementary, out []byte)
}

// recipes by name. 4 s of a test picture, or of a tone.
var recipes = map[string]recipe{
	"avc": {"-c:v libx264 -preset ultrafast -bf 0 -g 25 -sc_threshold 0 -x264-params aud=1 -f h264", splitAVC},
	"hevc": {"-c:v libx265 -preset ultrafast" +
		" -x265-params keyint=25:min-keyint=25:scenecut=0:bframes=0:aud=1:log-level=error" +
		" -f hevc", splitHEVC},
	"av1":  {"-c:v libaom-av1 -usage realtime -cpu-used 8 -lag-in-frames 0 -g 25 -keyint_min 25 -f ivf", splitAV1},
	"vp9":  {"-c:v libvpx-vp9" + vpxArgs, splitVP9},
	"vp8":  {"-c:v libvpx" + vpxArgs, splitIVF},
	"opus": {"-ar 48000 -ac 2 -c:a libopus -f ogg", splitOpus},
	"flac": {"-ar 44100 -c:a flac -f ogg", splitFLAC},
	"ac3":  {"-ar 48000 -c:a ac3 -f ac3", splitAC3},
	"eac3": {"-ar 48000 -c:a eac3 -f eac3", splitEAC3},
	"aac":  {"-ar 44100 -c:a aac -f adts", splitAAC},
	"mp3":  {"-ar 44100 -c:a libmp3lame -id3v2_version 0 -write_xing 0 -f mp3", splitMP3},
	"alaw": {"-ar 8000 -c:a pcm_alaw -f alaw", splitPCM(160, &codecs.G711{ChannelCount: 1})},
	"ulaw": {"-ar 8000 -c:a pcm_mulaw -f mulaw", splitPCM(160, &codecs.G711{MULaw: true, ChannelCount: 1})},
	"lpcm": {
		"-ar 44100 -c:a pcm_s16be -f s16be",
		splitPCM(1764, &codecs.LPCM{BitDepth: 16, SampleRate: 44100, ChannelCount: 1}),
	},
}

const vpxArgs = " -deadline realtime -cpu-used 8 -lag-in-frames 0 -auto-alt-ref 0 -g 25 -keyint_min 25 -f ivf"

// elementaries remembers what was made.
var elementaries struct {
	sync.Mutex
	made map[string]*elementary
}

// makeElementary returns the stream of a recipe.
func makeElementary(t *testing.T, name string) *elementary {
	t.Helper()
	requireTool(t, "ffmpeg")
	elementaries.Lock()
	defer elementaries.Unlock()
	if e := elementaries.made[name]; e != nil {
		return e
	}
	r := recipes[name]
	args := "-hide_banner -nostdin -loglevel error -f lavfi -i testsrc2=size=320x180:rate=25:duration=4"
	if !strings.Contains(r.args, "-c:v") {
		args = "-hide_banner -nostdin -loglevel error -f lavfi -i sine=frequency=500:duration=4"
	}
	cmd := exec.Command("ffmpeg", strings.Fields(args+" -pix_fmt yuv420p "+r.args+" pipe:1")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, stderr.String())
	}
	e := &elementary{name: name, step: 40 * time.Millisecond}
	r.split(t, e, out)
	if last := e.at(len(e.units)); len(e.units) == 0 || last < 3900*time.Millisecond || last > 4200*time.Millisecond {
		t.Fatalf("%s: %d units of %v", name, len(e.units), e.step)
	}
	if elementaries.made == nil {
		elementaries.made = map[string]*elementary{}
	}
	elementaries.made[name] = e
	return e
}

// splitNALUs takes an Annex B byte stream apart at the access unit delimiters.
func splitNALUs(e *elementary, out []byte, isDelimiter func(nalu []byte) bool) (nalus [][]byte) {
	for part := range bytes.SplitSeq(out, []byte{0, 0, 1}) {
		nalu := bytes.TrimRight(part, "\x00") // zero bytes before a start code
		if len(nalu) == 0 {
			continue
		}
		nalus = append(nalus, nalu)
		if isDelimiter(nalu) {
			e.units = append(e.units, nil)
		}
		last := len(e.units) - 1
		e.units[last] = append(e.units[last], nalu)
	}
	return nalus
}

// firstOf returns the first NAL unit for which is holds.
func firstUnit(nalus [][]byte, is func(nalu []byte) bool) []byte {
	if i := slices.IndexFunc(nalus, is); i >= 0 {
		return nalus[i]
	}
	return nil
}

func splitAVC(_ *testing.T, e *elementary, out []byte) {
	kind := func(k byte) func([]byte) bool { return func(n []byte) bool { return n[0]&0x1f == k } }
	nalus := splitNALUs(e, out, kind(9))
	e.codec = &codecs.H264{SPS: firstUnit(nalus, kind(7)), PPS: firstUnit(nalus, kind(8))}
}

func splitHEVC(_ *testing.T, e *elementary, out []byte) {
	kind := func(k byte) func([]byte) bool { return func(n []byte) bool { return n[0]>>1&0x3f == k } }
	nalus := splitNALUs(e, out, kind(35))
	e.codec = &codecs.H265{
		VPS: firstUnit(nalus, kind(32)), SPS: firstUnit(nalus, kind(33)), PPS: firstUnit(nalus, kind(34)),
	}
}

// splitIVF takes an IVF file apart.
func splitIVF(t *testing.T, e *elementary, out []byte) {
	const fileHeader, frameHeader = 32, 12
	for b := out[fileHeader:]; len(b) > 0; {
		size := frameHeader + int(binary.LittleEndian.Uint32(b))
		if size > len(b) {
			t.Fatalf("%s: frame of %d bytes, %d are left", e.name, size, len(b))
		}
		e.units = append(e.units, [][]byte{b[frameHeader:size]})
		b = b[size:]
	}
}

func splitVP9(t *testing.T, e *elementary, out []byte) {
	splitIVF(t, e, out)
	e.codec = &codecs.VP9{}
}

func splitAV1(t *testing.T, e *elementary, out []byte) {
	splitIVF(t, e, out)
	for i, unit := range e.units {
		var obus av1.Bitstream
		if err := obus.Unmarshal(unit[0]); err != nil {
			t.Fatal(err)
		}
		e.units[i] = withoutDelimiters(obus)
	}
	e.codec = &codecs.AV1{}
}

// withoutDelimiters leaves out temporal delimiters, which gortmplib adds by itself.
func withoutDelimiters(obus [][]byte) [][]byte {
	return slices.DeleteFunc(slices.Clone(obus), func(obu []byte) bool { return obu[0]>>3&0x0f == 2 })
}

// splitOgg takes an Ogg file apart into packets (RFC 3533).
func splitOgg(t *testing.T, out []byte) (packets [][]byte) {
	var packet []byte
	for len(out) > 0 {
		if len(out) < 27 || string(out[:4]) != "OggS" {
			t.Fatal("no Ogg page")
		}
		lacing, b := out[27:27+out[26]], out[27+int(out[26]):]
		for _, n := range lacing {
			packet, b = append(packet, b[:n]...), b[n:]
			if n < 255 {
				packets, packet = append(packets, packet), nil
			}
		}
		out = b
	}
	return packets
}

func splitOpus(t *testing.T, e *elementary, out []byte) {
	packets := splitOgg(t, out)
	header := &opus.IDHeader{}
	if err := header.Unmarshal(packets[0]); err != nil {
		t.Fatal(err)
	}
	e.codec, e.step = &codecs.Opus{IDHeader: header}, 20*time.Millisecond
	for _, p := range packets[2:] { // the second one has tags
		e.units = append(e.units, [][]byte{p})
	}
}

func splitFLAC(t *testing.T, e *elementary, out []byte) {
	packets := splitOgg(t, out)
	const before = 13 + 4 // "\x7fFLAC", version, count, "fLaC"; the header of the block
	info := &flac.StreamInfo{}
	if err := info.Unmarshal(packets[0][before:]); err != nil {
		t.Fatal(err)
	}
	e.codec = &codecs.FLAC{StreamInfo: info}
	e.step = time.Duration(info.MaxBlockSize) * time.Second / time.Duration(info.SampleRate)
	for _, p := range packets[1:] {
		if len(p) > 0 && p[0] == 0xff { // a frame, and no metadata block
			e.units = append(e.units, [][]byte{p})
		}
	}
}

// splitFrames cuts out into frames whose length is in their headers.
func splitFrames(e *elementary, out []byte, length func(b []byte) int) {
	for len(out) > 0 {
		n := length(out)
		e.units = append(e.units, [][]byte{out[:n]})
		out = out[n:]
	}
}

func splitAC3(t *testing.T, e *elementary, out []byte) {
	splitFrames(e, out, func(b []byte) int {
		var info ac3.SyncInfo
		if err := info.Unmarshal(b); err != nil {
			t.Fatal(err)
		}
		return info.FrameSize()
	})
	e.codec, e.step = &codecs.AC3{SampleRate: 48000, ChannelCount: 1}, 32*time.Millisecond
}

func splitEAC3(_ *testing.T, e *elementary, out []byte) {
	splitFrames(e, out, func(b []byte) int { return 2 * (int(binary.BigEndian.Uint16(b[2:])&0x07ff) + 1) })
	e.step = 32 * time.Millisecond
}

func splitAAC(t *testing.T, e *elementary, out []byte) {
	var packets mpeg4audio.ADTSPackets
	if err := packets.Unmarshal(out); err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		e.units = append(e.units, [][]byte{p.AU})
	}
	config := &mpeg4audio.AudioSpecificConfig{}
	if err := config.Unmarshal([]byte{0x12, 0x08}); err != nil { // LC, 44100 Hz, mono
		t.Fatal(err)
	}
	e.codec = &codecs.MPEG4Audio{Config: config}
	e.step = 1024 * time.Second / 44100
}

func splitMP3(t *testing.T, e *elementary, out []byte) {
	splitFrames(e, out, func(b []byte) int {
		var h mpeg1audio.FrameHeader
		if err := h.Unmarshal(b); err != nil {
			t.Fatal(err)
		}
		return h.FrameLen()
	})
	e.codec, e.step = &codecs.MPEG1Audio{}, 1152*time.Second/44100
}

// splitPCM cuts samples into pieces of 20 ms.
func splitPCM(size int, codec codecs.Codec) func(*testing.T, *elementary, []byte) {
	return func(_ *testing.T, e *elementary, out []byte) {
		e.codec, e.step = codec, 20*time.Millisecond
		splitFrames(e, out, func(b []byte) int { return min(size, len(b)) })
	}
}
