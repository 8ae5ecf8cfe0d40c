// SPDX-License-Identifier: MIT

package sim

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// entry is one line of a trace.
type entry struct {
	at   int64
	what string
	conn int
	n    int
}

// trace keeps the last events, and a sum of all of them and of every byte written.
type trace struct {
	last  [60]entry
	whole []entry // all of them, if keep
	keep  bool
	count int
	hash  *xxhash.Digest
}

func (t *trace) add(at int64, what string, conn, n int) {
	t.last[t.count%len(t.last)] = entry{at, what, conn, n}
	t.count++
	if t.keep {
		t.whole = append(t.whole, entry{at, what, conn, n})
	}
	var b [24]byte
	binary.LittleEndian.PutUint64(b[:], uint64(at))
	binary.LittleEndian.PutUint64(b[8:], uint64(conn))
	binary.LittleEndian.PutUint64(b[16:], uint64(n))
	t.bytes(b[:])
	t.bytes([]byte(what))
}

func (t *trace) bytes(b []byte) {
	if t.hash == nil {
		t.hash = xxhash.New()
	}
	_, _ = t.hash.Write(b)
}

func (t *trace) sum() uint64 { return t.hash.Sum64() }

// String is the last events, or all, one a line.
func (t *trace) String() string {
	var b strings.Builder
	from := max(0, t.count-len(t.last))
	if t.keep {
		from = 0
	}
	for i := from; i < t.count; i++ {
		e := t.last[i%len(t.last)]
		if t.keep {
			e = t.whole[i]
		}
		fmt.Fprintf(&b, "%7d  %12.3f ms  %-12s", i, float64(e.at)/float64(ms), e.what)
		if e.conn >= 0 {
			fmt.Fprintf(&b, "  connection %d", e.conn)
		}
		if e.n != 0 {
			fmt.Fprintf(&b, "  %d", e.n)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
