// SPDX-License-Identifier: MIT

package guard

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParseCachegrind(t *testing.T) {
	const head = "desc: I1 cache: none\ncmd: guard.test\nevents: Ir\n"
	for _, tc := range []struct {
		name, text string
		want       Instructions
		err        error
	}{
		{
			"all kinds", head + "fl=/a.go\nfn=srsd/engine/stream.(*Log).write\n10 5\n11 7\n" +
				"fl=/b.s\nfn=runtime.memmove\n39 100\nfn=runtime.memclrNoHeapPointers\n40 20\n" +
				"fl=/c.go\nfn=srsd/bench/scenario.(*sink).Writev\n1 1000\nfn=runtime.futex\n0 3\nsummary: 1135\n",
			Instructions{Code: 15, Copy: 120},
			nil,
		},
		{"without symbols", head + "fl=???\nfn=???\n0 1000\n", Instructions{}, ErrCachegrind},
		{"cut", head + "fn=runtime.memmove\n39 1\nfn=a\n10 x\n", Instructions{}, ErrCachegrind},
		{"empty", "", Instructions{}, ErrCachegrind},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if have, err := ParseCachegrind(strings.NewReader(tc.text)); have != tc.want || !errors.Is(err, tc.err) {
				t.Fatalf("%+v, %v; want %+v, %v", have, err, tc.want, tc.err)
			}
		})
	}
}

func TestParseStrace(t *testing.T) {
	const text = `7 100.000000 sendto(7, 0xc0, 0x2) = 0x1
7 101.000000 sendto(7, 0xc0, 0x2 <unfinished ...>
8 101.500000 futex(0x1, 0x80) = 0
7 101.700000 <... sendto resumed>) = 0x2
7 102.000000 sendto(7, 0xc0, 0x2) = 0x1
7 102.100000 --- SIGTERM {si_signo=SIGTERM} ---
7 102.200000 +++ exited with 0 +++
`
	calls, err := ParseStrace(strings.NewReader(text), time.Unix(101, 0), time.Unix(102, 0))
	if err != nil || calls.Sum("sendto", "sendmsg") != 1 || calls.Sum() != 2 {
		t.Fatalf("%v, %v; want one sendto and one futex", calls, err)
	}
}
