// SPDX-License-Identifier: MIT

//go:build !race

package msg

import "testing"

func TestAllocsReplies(t *testing.T) {
	dst := make([]byte, 0, 4096)
	if got := testing.AllocsPerRun(100, func() {
		dst = AppendConnectResult(dst[:0], ConnectReply{TransactionID: 1, ServerVersion: "1.0", ClientID: "abcd1234", PID: 1})
		dst = AppendOnBWDone(dst)
		dst = AppendCreateStreamResult(dst, 2, StreamIDMedia)
		dst = AppendFMLEResult(dst, 3)
		dst = AppendEmptyResult(dst, 3)
		dst = AppendOnFCPublish(dst)
		dst = AppendOnStatus(dst, StatusPlayStart, "")
		dst = AppendSampleAccess(dst, true, true)
		dst = AppendUserControl(dst, UserControl{Event: EventStreamBegin, Value: 1})
		dst = AppendSetPeerBandwidth(dst, PeerBandwidth{WindowBytes: 2500000, Limit: LimitDynamic})
	}); got != 0 {
		t.Errorf("%v allocations for all replies, want 0", got)
	}
	ping := []byte{0, 6, 0, 0, 0, 1}
	if got := testing.AllocsPerRun(100, func() {
		_, _ = ParseUserControl(ping)
		_, _ = ParseAck(ping)
	}); got != 0 {
		t.Errorf("%v allocations to parse control messages, want 0", got)
	}
}
