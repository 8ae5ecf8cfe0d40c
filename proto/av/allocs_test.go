// SPDX-License-Identifier: MIT

//go:build !race

package av

import "testing"

func TestAllocs(t *testing.T) {
	for name, in := range map[string][]byte{
		"AVC frame":    []byte("\x27\x01\x00\x00\x50\x65"),
		"hvc1 frame":   []byte("\xa1hvc1\x00\x00\x21\x26"),
		"ModEx":        []byte("\x97\x02\x00\x00\x09\x01hvc1\x00\x00\x02\x65"),
		"not a header": []byte("\x17"),
		"AAC frame":    []byte("\xaf\x01\x21"),
	} {
		if got := testing.AllocsPerRun(100, func() {
			_, _ = ParseVideo(in)
			_, _ = ParseAudio(in)
			_, _ = ProbeKey(CodecHEVC, in)
		}); got != 0 {
			t.Errorf("%s: %v allocations per run, want 0", name, got)
		}
	}
}
