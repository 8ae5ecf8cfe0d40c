// SPDX-License-Identifier: MIT

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// joinWithin: a player has sent its play command this soon.
	joinWithin = 10 * time.Second
	// settle is the time between a player's play command and its place in the stream.
	settle = 300 * time.Millisecond
	// drain is the time in which the last packets of a publisher reach every player;
	// the server merges writes for 350 ms by default.
	drain = 1500 * time.Millisecond
	// ffmpegStart is how long ffmpeg may take from its start to its first packet.
	ffmpegStart = 5 * time.Second
	// publishSlack is what ffmpeg needs on top of the media's own length.
	publishSlack = 15 * time.Second
)

// fixture is a generated file: a test picture with a moving second counter and a
// tone, 25 frames per second, a keyframe every second.
type fixture struct {
	name    string
	seconds int
	args    []string // encoder options
	hasV    bool
	hasA    bool
}

// Fixtures of the relay tests. Small pictures: the server sees bytes, not pixels.
var (
	fixtureAVCAAC = fixture{name: "avc-aac", seconds: 5, hasV: true, hasA: true, args: avcArgs("0", "aac")}
	fixtureBFrame = fixture{name: "avc-b-aac", seconds: 5, hasV: true, hasA: true, args: avcArgs("2", "aac")}
	fixtureMP3    = fixture{name: "avc-mp3", seconds: 5, hasV: true, hasA: true, args: avcArgs("0", "libmp3lame")}
	fixtureAudio  = fixture{name: "aac", seconds: 5, hasA: true, args: []string{"-c:a", "aac", "-b:a", "64k"}}
	fixtureVideo  = fixture{name: "avc", seconds: 5, hasV: true, args: avcArgs("2", "")}
	// fixtureOther differs from the rest in picture size, so in its sequence header, and in tone.
	fixtureOther = fixture{
		name: "other", seconds: 4, hasV: true, hasA: true,
		args: append(avcArgs("0", "aac"), "-vf", "scale=160:90,hflip", "-af", "asetrate=22050,aresample=44100"),
	}
)

func avcArgs(bframes, audioCodec string) []string {
	args := []string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-bf", bframes, "-sc_threshold", "0"}
	if audioCodec != "" {
		args = append(args, "-c:a", audioCodec, "-b:a", "64k")
	}
	return args
}

// source is a generated fixture: the file and its recording.
type source struct {
	file string
	tags []flvTag
	rec  recording
	len  time.Duration
}

// fixtureDir holds the generated files of this run; TestMain makes and removes it.
var fixtureDir string

// fixtures remembers what was generated; a test waits for another that generates the same.
var fixtures struct {
	sync.Mutex
	made map[string]source
}

// generate returns the fixture's file, made on first use.
func generate(t *testing.T, f fixture) source {
	t.Helper()
	requireTool(t, "ffmpeg")
	fixtures.Lock()
	defer fixtures.Unlock()
	if s, ok := fixtures.made[f.name]; ok {
		return s
	}
	file := filepath.Join(fixtureDir, f.name+".flv")
	args := []string{"-hide_banner", "-nostdin", "-loglevel", "error", "-y"}
	if f.hasV {
		args = append(args, "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25")
	}
	if f.hasA {
		args = append(args, "-f", "lavfi", "-i", "aevalsrc=0.4*sin(2*PI*t*(300+90*t)):s=44100")
	}
	args = append(args, f.args...)
	args = append(args, "-t", strconv.Itoa(f.seconds), "-f", "flv", file)
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	s := loadSource(t, f.name, file)
	if f.hasV != (len(s.rec.media(video)) > 0) || f.hasA != (len(s.rec.media(audio)) > 0) {
		t.Fatalf("fixture %s has %d video and %d audio packets", f.name, len(s.rec.media(video)), len(s.rec.media(audio)))
	}
	if fixtures.made == nil {
		fixtures.made = map[string]source{}
	}
	fixtures.made[f.name] = s
	return s
}

// loadSource reads an FLV file that a test will publish.
func loadSource(t *testing.T, name, file string) source {
	t.Helper()
	tags, err := readFLV(file)
	if err != nil {
		t.Fatal(err)
	}
	return newSource(name, file, tags)
}

func newSource(name, file string, tags []flvTag) source {
	s := source{file: file, tags: tags, rec: recordTags(name, tags)}
	if p := s.rec.packets; len(p) > 0 {
		s.len = time.Duration(p[len(p)-1].dtsMs-p[0].dtsMs) * time.Millisecond
	}
	return s
}

// ffmpegPublish sends a file in real time; wait for it with finish. More options
// go before the input.
func ffmpegPublish(t *testing.T, url string, s source, options ...string) *process {
	t.Helper()
	requireTool(t, "ffmpeg")
	args := append([]string{"-hide_banner", "-nostdin", "-loglevel", "info", "-re"}, options...)
	return startProcess(t, "ffmpeg", append(args, "-i", s.file, "-c", "copy", "-f", "flv", url)...)
}

// publication is a publisher at work: ffmpeg's process or a raw client's sending.
type publication interface {
	mustSucceed(t *testing.T, limit time.Duration)
}

// finish waits for a publisher's regular end and for its last packets to arrive.
func finish(t *testing.T, p publication, s source) {
	t.Helper()
	p.mustSucceed(t, s.len+publishSlack)
	pause(drain)
}

// player is a peer that plays until it is stopped, whichever program it is.
type player interface {
	// stop ends the player and returns what it saw. A player that ended by itself fails the
	// test: the server keeps players when a publisher leaves.
	stop(t *testing.T) recording
}

// ffmpegPlayer plays with ffmpeg into a text of per-packet hashes.
type ffmpegPlayer struct {
	*process
	line *line
	file string
}

// ffmpegPlay starts a player of path, app and stream, and returns when it has joined.
func ffmpegPlay(t *testing.T, s *server, path string) *ffmpegPlayer {
	t.Helper()
	requireTool(t, "ffmpeg")
	ln := newLine(t, s)
	file := filepath.Join(t.TempDir(), "ffmpeg.framehash")
	// -copyts: the times as they came; debug: the only level that tells of the play command.
	// -analyzeduration (us): do not wait long for a track that may not exist.
	p := startProcess(t, "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "debug", "-copyts",
		"-analyzeduration", "1500000", "-i", ln.url(path), "-c", "copy", "-f", "framehash", "-hash", "md5",
		"-flush_packets", "1", file)
	p.waitOutput(t, "Sending play command", joinWithin)
	pause(settle)
	return &ffmpegPlayer{process: p, line: ln, file: file}
}

func (p *ffmpegPlayer) stop(t *testing.T) recording {
	t.Helper()
	if !p.running() {
		t.Errorf("ffmpeg player ended before it was stopped: %v\n%s", p.err, p.out.tail())
	}
	p.line.cut()
	const limit = 5 * time.Second
	if _, ended := p.wait(limit); !ended {
		t.Errorf("ffmpeg player: still running %v after the end of its connection\n%s", limit, p.out.tail())
	}
	b, err := os.ReadFile(p.file)
	if err != nil {
		t.Errorf("ffmpeg player wrote nothing: %v", err)
		return recording{peer: "ffmpeg", keysUnknown: true}
	}
	r, err := parseFramehash(string(b))
	if err != nil {
		t.Error(err)
	}
	return r
}

// parseFramehash reads the text of ffmpeg's framehash muxer, version 2. Its
// extradata line becomes the sequence header at the head of the recording. It does
// not tell keyframes.
func parseFramehash(text string) (recording, error) {
	r := recording{peer: "ffmpeg", keysUnknown: true}
	tracks := map[string]track{}
	extradata := map[string]packet{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "#"); ok {
			if err := parseFramehashComment(rest, tracks, extradata); err != nil {
				return r, err
			}
			continue
		}
		var id, sum string
		var dts, pts, duration int64
		var size int
		fields := strings.Join(strings.FieldsFunc(line, func(c rune) bool { return c == ',' || c == ' ' }), " ")
		if _, err := fmt.Sscan(fields, &id, &dts, &pts, &duration, &size, &sum); err != nil {
			continue // a line cut by the end
		}
		if len(sum) != 2*16 {
			continue
		}
		tr := tracks[id]
		if h, ok := extradata[id]; ok {
			h.track, h.dtsMs = tr, dts
			r.packets = append(r.packets, h)
			delete(extradata, id)
		}
		r.packets = append(r.packets, packet{track: tr, dtsMs: dts, ctsMs: pts - dts, size: size, sum: sum})
	}
	return r, nil
}

// parseFramehashComment takes what parseFramehash needs of a "#" line.
func parseFramehashComment(line string, tracks map[string]track, extradata map[string]packet) error {
	name, value, _ := strings.Cut(line, " ")
	switch name {
	case "extradata":
		f := strings.FieldsFunc(value, func(c rune) bool { return c == ',' || c == ' ' })
		if len(f) != 3 {
			return fmt.Errorf("framehash: extradata line %q", line)
		}
		size, err := strconv.Atoi(f[1])
		if err != nil {
			return fmt.Errorf("framehash: extradata line %q", line)
		}
		extradata[f[0]] = packet{header: true, size: size, sum: f[2]}
	case "tb":
		if id, tb, _ := strings.Cut(value, ": "); tb != "1/1000" {
			return fmt.Errorf("framehash: time base of stream %s is %s, want milliseconds", id, tb)
		}
	case "media_type":
		id, kind, _ := strings.Cut(value, ": ")
		tracks[id] = audio
		if kind == "video" {
			tracks[id] = video
		}
	}
	return nil
}
