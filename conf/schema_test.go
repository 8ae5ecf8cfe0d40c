// SPDX-License-Identifier: MIT

package conf

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The table is right in itself: what the code takes for granted.
func TestSchema(t *testing.T) {
	names := map[string]bool{}
	walk(schema, "", func(s *spec, path string) {
		if names[path] {
			t.Errorf("%s: two rows", path)
		}
		names[path] = true
		if s.help == "" || strings.Contains(s.help, "\n") {
			t.Errorf("%s: help is not one line: %q", path, s.help)
		}
		if s.isBlock() {
			if s.field != nil || s.def != "" {
				t.Errorf("%s: a block has a value", path)
			}
			return
		}
		if s.done != (s.field != nil || s.sameAs != "") {
			t.Errorf("%s: done %v, but field %v", path, s.done, s.field != nil)
		}
		if s.def == "" && (!s.done || s.noDefault()) {
			return
		}
		if _, note, err := s.parse(s.defaults()); err != nil || note != "" {
			t.Errorf("%s: default %q: %v %s", path, s.def, err, note)
		}
		if s.sameAs != "" && find(schema, s.sameAs) == nil {
			t.Errorf("%s: is the same as %s, which does not exist", path, s.sameAs)
		}
	})
}

// Every done row stores into a field that store knows, and into one of its own.
func TestSchemaFields(t *testing.T) {
	b := newBuild("")
	b.addVhost("v")
	owner := map[any]string{}
	walk(schema, "", func(s *spec, path string) {
		if s.field == nil {
			return
		}
		field := s.field(b)
		switch field.(type) {
		case *bool, *int, *int64, *uint32, *float64, *string, *[]string, *[]netip.Prefix, *[]Rule,
			*Jitter, *LogTank, *LogLevel, *OutputError, *DVRPlan, *AuthType:
		default:
			t.Errorf("%s: store does not know %T", path, field)
		}
		if owner[field] != "" {
			t.Errorf("%s and %s store into one field", owner[field], path)
		}
		owner[field] = path
	})
}

// No two directives share a variable, and every done one has its own.
func TestSchemaVariables(t *testing.T) {
	byName := variables()
	for name, row := range map[string]string{
		"SRS_LISTEN":                     "listen",
		"SRS_RTMP_LISTEN":                "listen",
		"SRS_RTMP_CHUNK_SIZE":            "chunk_size",
		"SRS_CHUNK_SIZE":                 "chunk_size",
		"SRS_VHOST_CHUNK_SIZE":           "vhost.chunk_size",
		"SRS_LOG_TANK":                   "srs_log_tank",
		"SRS_SRS_LOG_LEVEL_V2":           "srs_log_level_v2",
		"SRS_VHOST_PLAY_GOP_CACHE":       "vhost.play.gop_cache",
		"SRS_HTTP_API_RAW_API_ENABLED":   "http_api.raw_api.enabled",
		"SRS_VHOST_HTTP_HOOKS_ON_CLOSE":  "vhost.http_hooks.on_close",
		"SRS_VHOST_SRT_SRT_TO_RTMP":      "vhost.srt.srt_to_rtmp",
		"SRS_VHOST_FORWARD_BACKEND":      "vhost.forward.backend",
		"SRS_PROXY_PROTOCOL_TRUSTED":     "proxy_protocol.trusted",
		"SRS_VHOST_SECURITY_ALLOW":       "vhost.security.allow",
		"SRS_VHOST_REFER_PLAY":           "vhost.refer.play",
		"SRS_VHOST_CLUSTER_MODE":         "",
		"SRS_VHOST_DVR_DVR_APPLY":        "vhost.dvr.dvr_apply",
		"SRS_VHOST_INGEST_ENABLED":       "",
		"SRS_STREAM_CASTER_ENABLED":      "",
		"SRS_VHOST_EXEC_PUBLISH":         "",
		"SRS_VHOST_TRANSCODE_ENGINE_OUT": "",
	} {
		if got := byName[name].path; got != row {
			t.Errorf("%s sets %q, want %q", name, got, row)
		}
	}
	walk(schema, "", func(s *spec, path string) {
		for _, name := range append([]string{envName(path)}, s.env...) {
			v, ok := byName[name]
			if s.done && !s.isBlock() && !ok {
				t.Errorf("%s: no variable %s", path, name)
			}
			if ok && s.sameAs == "" && v.path != path {
				t.Errorf("%s: its variable %s sets %s", path, name, v.path)
			}
		}
	})
}

func TestShippedFiles(t *testing.T) {
	for _, file := range []string{
		"rtmp.conf", "realtime.conf", "rtmps.conf", "live.conf", "hls.conf", "dash.conf", "dvr.conf", "https.conf",
		"full.conf",
	} {
		cfg, warnings, err := Load(file, nil)
		wantError(t, err, "")
		wantWarnings(t, warnings)
		if cfg == nil || cfg.Vhost("any.host") == nil {
			t.Errorf("%s: no default vhost", file)
		}
	}
}

func TestRTMPConf(t *testing.T) {
	got, _, err := Load("rtmp.conf", nil)
	wantError(t, err, "")
	want := defaultConfig()
	want.File = "rtmp.conf"
	if diff := cmp.Diff(want, got, byValue); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRealtimeConf(t *testing.T) {
	got, _, err := Load("realtime.conf", nil)
	wantError(t, err, "")
	want := defaultVhost(DefaultVhost)
	want.MinLatency, want.TCPNoDelay = true, true
	want.Play.GopCache = false
	want.Play.QueueLengthMs = 10000
	want.Play.MwLatencyMs, want.Play.MwLatencySet = 100, true
	want.Play.MwMsgs = 0
	if diff := cmp.Diff([]*Vhost{want}, got.Vhosts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// full.conf is the reference, so a server that runs with it runs with defaults.
func TestFullConfIsDefault(t *testing.T) {
	got, _, err := Load("full.conf", nil)
	wantError(t, err, "")
	want := defaultConfig()
	want.File = "full.conf"
	if diff := cmp.Diff(want, got, byValue, cmpopts.IgnoreFields(Play{}, "MwLatencySet", "MwMsgsSet"),
		cmpopts.IgnoreFields(HLS{}, "PathSet", "KeyPathSet", "KeyURLSet")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p := got.Vhosts[0].Play; !p.MwLatencySet || !p.MwMsgsSet {
		t.Error("mw_latency and mw_msgs do not count as given")
	}
}

// noDefault is whether a directive is a list that is empty unless it is given: full.conf
// shows an example.
func (s *spec) noDefault() bool {
	return s.kind == kindNets || s.kind == kindRule || s.kind == kindDomains
}

// And it shows every done directive, each with its default and a comment above,
// and nothing else.
func TestFullConfIsComplete(t *testing.T) {
	text, err := os.ReadFile("full.conf")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	r := newReader(newReport())
	shown := map[string]*directive{}
	var collect func(list []*directive, path string)
	collect = func(list []*directive, path string) {
		for _, d := range list {
			if shown[join(path, d.name)] == nil { // the comment is above the first of several
				shown[join(path, d.name)] = d
			}
			collect(d.block, join(path, d.name))
		}
	}
	collect(r.file("full.conf"), "")
	walk(schema, "", func(s *spec, path string) {
		d := shown[path]
		delete(shown, path)
		switch {
		case !s.done || path == "rtmp" || s.sameAs != "":
			if d != nil {
				t.Errorf("full.conf:%d: %s is not implemented", d.pos.Line, path)
			}
			return
		case d == nil:
			t.Errorf("full.conf does not show %s", path)
			return
		case !s.isBlock() && !s.noDefault() && strings.Join(d.args, " ") != s.def:
			t.Errorf("full.conf:%d: %s is %q, the default is %q", d.pos.Line, path, d.args, s.def)
		}
		comment := commentAbove(lines, d.pos.Line)
		for word := range strings.FieldsSeq(strings.NewReplacer(",", " ", ";", " ", ".", " ", ":", " ").Replace(s.help)) {
			if !strings.Contains(strings.ToLower(comment), strings.ToLower(word)) {
				t.Errorf("full.conf:%d: the comment of %s does not say %q: %s", d.pos.Line, path, word, s.help)
				break
			}
		}
	})
	for path := range shown {
		t.Errorf("full.conf shows %s, which the schema does not know", path)
	}
}

// commentAbove returns the comment lines directly above a line, as one.
func commentAbove(lines []string, line int) string {
	var b strings.Builder
	for i := line - 2; i >= 0; i-- {
		text := strings.TrimSpace(lines[i])
		if !strings.HasPrefix(text, "#") {
			break
		}
		b.WriteString(text + "\n")
	}
	return b.String()
}
