// SPDX-License-Identifier: MIT

package mem

import "github.com/valyala/bytebufferpool"

// PooledBytesMax is the largest buffer that goes back to the pool: whoever gets it next may
// keep it for as long as a connection lives, for a few bytes.
const PooledBytesMax = 64 << 10

// PutBuffer gives a buffer back to bytebufferpool, unless it has grown too large for that.
// The caller must not use it any more.
func PutBuffer(b *bytebufferpool.ByteBuffer) {
	if cap(b.B) <= PooledBytesMax {
		bytebufferpool.Put(b)
	}
}
