// SPDX-License-Identifier: MIT

package conf

import (
	"fmt"
	"strings"
	"testing"
)

// TestLimitsBlock: what a limits block may say, by file and by environment.
func TestLimitsBlock(t *testing.T) {
	for _, tc := range []struct{ in, err, warning string }{
		{in: "limits { }"},
		{in: "limits { max_memory 64; }"},
		{in: "limits { max_memory 63; }", warning: "limits.max_memory: the server itself needs about 30 MiB"},
		{in: "limits { max_memory -1; }", err: "limits.max_memory: \"-1\" is out of range, 0 to 67108864"},
		{in: "limits { max_memory 1.5; }", err: "limits.max_memory: \"1.5\" is not a whole number"},
		{in: "limits { max_memory 64MB; }", err: "limits.max_memory: \"64MB\" is not a whole number"},
		{in: "limits { stream_memory 15; }", err: "limits.stream_memory: \"15\" is out of range, 16 to 65536"},
		{in: "limits { assembly_memory 8; }", err: "limits.assembly_memory: \"8\" is out of range, 9 to 1024"},
		{in: "limits { before_connect 2000; }", err: "limits.before_connect: \"2000\" is out of range, 4 to 1024"},
		{in: "limits { connect_burst_per_ip 0; }", err: "limits.connect_burst_per_ip: \"0\" is out of range, 1 to 1000000"},
		{in: "limits { exempt none; }"},
		{in: "limits { exempt; }", err: "limits.exempt: a value is missing"},
		{in: "limits { exempt 10.0.0.0/8 office; }", err: "limits.exempt: \"office\" is neither an address nor a CIDR"},
		{in: "limits { exempt 10.0.0.0/33; }", err: "limits.exempt: \"10.0.0.0/33\" is neither an address"},
		{in: "limits { exempt 10.0.0.0/8 none; }", err: "limits.exempt: \"none\" is neither an address nor a CIDR"},
		{in: "limits { exempt 10.1.2.3/8; }", warning: "limits.exempt: \"10.1.2.3/8\" is taken for 10.0.0.0/8"},
		{in: "limits { max_memori 1; }", err: `unknown directive "max_memori" in limits; did you mean "max_memory"`},
		{in: "max_memory 1;", err: `unknown directive "max_memory"; it belongs in limits`},
		{in: "limits { } limits { }", err: "limits is given twice"},
	} {
		t.Run(tc.in, func(t *testing.T) {
			_, warnings, err := loadText("listen 1935; vhost __defaultVhost__ { } " + tc.in)
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("error: %v, want %q", err, tc.err)
			}
			if len(warnings) > 1 || (len(warnings) == 1) != (tc.warning != "") ||
				len(warnings) == 1 && !strings.Contains(warnings[0].Msg, tc.warning) {
				t.Errorf("warnings: %v, want %q", warnings, tc.warning)
			}
		})
	}
}

// TestLimitsByEnvironment: the variables of the block, which SRS does not have.
func TestLimitsByEnvironment(t *testing.T) {
	cfg, _, err := LoadEnv([]string{
		"SRS_LIMITS_MAX_MEMORY=100", "SRS_LIMITS_EXEMPT=::ffff:10.0.0.1 192.168.0.0/16",
		"SRS_VHOST_PLAY_MAX_PLAYERS_PER_IP=7",
	})
	if none, _, err := LoadEnv([]string{"SRS_LIMITS_EXEMPT=none"}); err != nil || len(none.Budgets.Exempt) != 0 {
		t.Errorf("exempt none: %v", err)
	}
	wantError(t, err, "")
	b := cfg.Budgets
	if b.MemoryBytes != 100<<20 || fmt.Sprint(b.Exempt) != "[10.0.0.1/32 192.168.0.0/16]" {
		t.Errorf("%d bytes, exempt %v", b.MemoryBytes, b.Exempt)
	}
	if n := cfg.Vhosts[0].Play.MaxPlayersPerIP; n != 7 {
		t.Errorf("%d players per address", n)
	}
}
