// SPDX-License-Identifier: MIT

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// obsStart is how long OBS may take from its start to its publish command.
const obsStart = 60 * time.Second

// startDisplay runs an X server without a screen and returns its name.
func startDisplay(t *testing.T) string {
	t.Helper()
	requireTool(t, "Xvfb")
	x := startProcess(t, "Xvfb", "-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp")
	display := ""
	eventually(readyWithin, func() bool {
		for line := range strings.Lines(x.out.String()) {
			if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
				display = ":" + strconv.Itoa(n)
			}
		}
		return display != "" || !x.running()
	})
	if display == "" {
		missing(t, "Xvfb does not start: "+x.out.tail())
	}
	return display
}

// obs is OBS Studio that publishes a looped file to the server, and records what its encoders
// give to the stream into a file of its own.
type obs struct {
	*process
	file string
}

// startOBS publishes as /live/stream with a keyframe every second, and returns when it does.
func startOBS(t *testing.T, s *server, stream string, picture source) *obs {
	t.Helper()
	requireTool(t, "obs", "env")
	home := t.TempDir()
	o := &obs{file: filepath.Join(home, "recording.flv")}
	for name, text := range map[string]string{
		"global.ini":                       obsGlobal,
		"basic/profiles/test/basic.ini":    fmt.Sprintf(obsProfile, home),
		"basic/profiles/test/service.json": fmt.Sprintf(obsService, s.url("live"), stream),
		"basic/scenes/test.json":           fmt.Sprintf(obsScene, picture.file),
	} {
		name = filepath.Join(home, ".config", "obs-studio", name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, name, text)
	}
	o.process = startProcess(t, "env", "-i", "PATH="+os.Getenv("PATH"), "LANG=C.UTF-8", "HOME="+home,
		"XDG_RUNTIME_DIR="+home, "DISPLAY="+startDisplay(t), "LIBGL_ALWAYS_SOFTWARE=1",
		"obs", "--startstreaming", "--startrecording", "--profile", "test", "--collection", "test", "--scene", "Scene",
		"--multi", "--disable-updater", "--disable-shutdown-check")
	s.awaitLog(t, " publish stream=/live/"+stream+" ", 1, obsStart)
	return o
}

// stop ends OBS and returns what it recorded. It has no way to stop but its window's: it is
// ended as a crash would, and its recording lacks a regular end.
func (o *obs) stop(t *testing.T) recording {
	t.Helper()
	if !o.running() {
		t.Errorf("OBS ended before it was stopped: %v\n%s", o.err, o.out.tail())
	}
	o.signal(t, syscall.SIGKILL)
	o.wait(replyWithin)
	b, err := os.ReadFile(o.file)
	if err != nil {
		t.Fatal(err)
	}
	tags, err := parseFLV(b, true)
	if err != nil {
		t.Errorf("OBS: %v", err)
	}
	return recordTags("OBS", tags)
}

// OBS 29's files, with as little in them as it takes.
const (
	obsGlobal = `[General]
FirstRun=true
[BasicWindow]
SysTrayEnabled=false
[Basic]
Profile=test
ProfileDir=test
SceneCollection=test
SceneCollectionFile=test
ConfigOnNewProfile=false
`
	obsProfile = `[General]
Name=test
[Video]
BaseCX=320
BaseCY=180
OutputCX=320
OutputCY=180
FPSCommon=30
[Output]
Mode=Simple
FilenameFormatting=recording
[SimpleOutput]
FilePath=%s
RecFormat=flv
RecQuality=Stream
VBitrate=400
ABitrate=64
StreamEncoder=x264
UseAdvanced=true
Preset=ultrafast
x264Settings=keyint=30
`
	obsService = `{"type": "rtmp_custom", "settings": {"server": %q, "key": %q, "use_auth": false, "bwtest": false}}`
	obsScene   = `{"name": "test", "current_scene": "Scene", "current_program_scene": "Scene",
"scene_order": [{"name": "Scene"}],
"sources": [
 {"id": "scene", "name": "Scene", "settings": {"id_counter": 1, "items": [
  {"id": 1, "name": "File", "visible": true, "pos": {"x": 0, "y": 0}, "scale": {"x": 1, "y": 1}, "align": 5}]}},
 {"id": "ffmpeg_source", "name": "File", "mixers": 255, "volume": 1.0,
  "settings": {"local_file": %q, "is_local_file": true, "looping": true}}]}`
)
