// SPDX-License-Identifier: MIT

package session

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"srsd/engine/journal"
)

// Sequence headers of one 1280x720 picture: as a configuration record, and in Annex B.
const (
	avcTag       = "1700000000"
	avcSPS720p   = "6764001facd9405005bb0110000003001000000303c0f1831960"
	avcRecord    = avcTag + "0164001fffe1001a" + avcSPS720p + "01000668ebe3cb22c0fdf8f800"
	avcAnnexB    = avcTag + "00000001" + avcSPS720p + "0000000168ebe3cb22c0"
	aacHeader    = "af00121056e500"
	aacDescribed = `"AAC LC 44100 Hz stereo"`
)

// codecLines returns what the lines of the log say that a publisher's codecs are.
func codecLines(t *testing.T, vhost string, headers ...string) (lines []string) {
	t.Helper()
	var out bytes.Buffer // the log's until it is closed
	log, err := journal.New(journal.Options{
		Tank: journal.TankConsole, Level: zapcore.InfoLevel, Console: &out,
	})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, vhost)
	w.env.Log = log
	p := w.publishing("p", "s")
	for i, h := range headers {
		b, err := hex.DecodeString(h)
		if err != nil {
			t.Fatal(err)
		}
		if b[0]>>4 == 0xa {
			p.feed(p.audio(uint32(i), b))
		} else {
			p.feed(p.video(uint32(i), b))
		}
	}
	p.wantAlive()
	w.end()
	if err := log.Close(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if _, text, ok := strings.Cut(line, "] codec "); ok {
			_, is, _ := strings.Cut(strings.TrimSpace(text), " is=")
			lines = append(lines, is)
		}
	}
	return lines
}

// TestCodecLine: what the log says of a sequence header, as parse_sps and try_annexb_first
// have it read.
func TestCodecLine(t *testing.T) {
	const size = `"H264 High@3.1 1280x720"`
	for _, tc := range []struct {
		vhost, header, want string
	}{
		{"", avcRecord, size},
		{"publish { parse_sps on; }", avcRecord, size},
		{"publish { parse_sps off; }", avcRecord, "H264"},
		{"publish { try_annexb_first off; }", avcRecord, size},

		{"", avcAnnexB, size},
		{"publish { try_annexb_first on; }", avcAnnexB, size},
		{"publish { parse_sps off; }", avcAnnexB, "H264"},
		{"publish { parse_sps off; try_annexb_first off; }", avcAnnexB, "H264"},
	} {
		got := codecLines(t, tc.vhost, aacHeader, tc.header, tc.header)
		if want := []string{aacDescribed, tc.want}; !slices.Equal(got, want) {
			t.Errorf("%q, %.18s: the log says %q, want %q", tc.vhost, tc.header, got, want)
		}
	}
	// Taken for a configuration record, it has no size; what else is found is of no use.
	got := codecLines(t, "publish { try_annexb_first off; }", avcAnnexB)
	if len(got) != 1 || !strings.Contains(got[0], "H264") || strings.Contains(got[0], "1280x720") {
		t.Errorf("Annex B that is not looked for: the log says %q", got)
	}
}
