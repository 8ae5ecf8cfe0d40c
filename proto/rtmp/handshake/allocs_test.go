// SPDX-License-Identifier: MIT

//go:build !race

package handshake

import "testing"

func TestAllocs(t *testing.T) {
	random := randomFrom(1)
	dst := make([]byte, 0, S0S1S2Bytes)
	for _, kind := range allKinds {
		c0c1 := AppendC0C1(nil, kind, 1, random)
		reply, _, _ := Respond(nil, c0c1, 1, random)
		s1 := reply[1 : 1+S1Bytes]
		c2, _ := AppendC2(nil, s1, kind, random)
		for name, run := range map[string]func(){
			"Respond":    func() { _, _, _ = Respond(dst, c0c1, 1, random) },
			"C2OK":       func() { C2OK(c2, s1, kind) },
			"AppendC0C1": func() { AppendC0C1(dst, kind, 1, random) },
			"CheckReply": func() { _, _ = CheckReply(c0c1, kind, reply) },
			"AppendC2":   func() { _, _ = AppendC2(dst, s1, kind, random) },
		} {
			if got := testing.AllocsPerRun(100, run); got != 0 {
				t.Errorf("%s, %v: %v allocations per run, want 0", name, kind, got)
			}
		}
	}
	prefix := []byte("\xf3\x00\x04\xc0\x00\x02\x01\x03")
	if got := testing.AllocsPerRun(100, func() { _, _, _ = ParseProxyPrefix(prefix) }); got != 0 {
		t.Errorf("ParseProxyPrefix: %v allocations per run, want 0", got)
	}
}
