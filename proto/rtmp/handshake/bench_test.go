// SPDX-License-Identifier: MIT

package handshake

import "testing"

func BenchmarkRespond(b *testing.B) {
	random := randomFrom(1)
	dst := make([]byte, 0, S0S1S2Bytes)
	for _, kind := range allKinds {
		b.Run(kind.String(), func(b *testing.B) {
			c0c1 := AppendC0C1(nil, kind, 1, random)
			b.ReportAllocs()
			for b.Loop() {
				if _, got, err := Respond(dst, c0c1, 1, random); got != kind || err != nil {
					b.Fatal(got, err)
				}
			}
		})
	}
}
