// SPDX-License-Identifier: MIT

package chunk_test

import (
	"fmt"

	"srsd/proto/rtmp/chunk"
)

// A client or a test reads whole messages, wherever TCP cut the bytes.
func ExampleAssembler() {
	limits := chunk.Limits{ChunkStreams: 16, ControlBytes: 64, CommandBytes: 65536, DataBytes: 65536, MediaBytes: 1 << 20}
	var r chunk.Reader
	r.Init(&limits)
	a := chunk.NewAssembler(func(h chunk.Header, payload []byte) error {
		fmt.Printf("type %d at %d ms: %s\n", h.Type, h.Timestamp, payload)
		return nil
	})

	h := chunk.Header{CSID: 3, Timestamp: 40, Type: 18, StreamID: 1}
	wire := chunk.AppendMessage(nil, h, []byte("a message"), chunk.DefaultSize)
	for _, b := range wire {
		if _, err := r.Feed([]byte{b}, a); err != nil {
			fmt.Println(err)
		}
	}
	// Output: type 18 at 40 ms: a message
}
