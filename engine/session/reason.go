// SPDX-License-Identifier: MIT

package session

// Reason says why a connection ended. It is logged and counted.
type Reason uint8

// The reasons, one per cause.
const (
	ReasonNone             Reason = iota
	ReasonPeerClosed              // the peer closed its side
	ReasonBroken                  // the socket failed
	ReasonTimedOut                // the kernel gave the peer up (TCP_USER_TIMEOUT, keep-alive)
	ReasonHandshakeTimeout        // no complete handshake in time
	ReasonRoleTimeout             // neither play nor publish in time
	ReasonPublishTimeout          // the publisher sent nothing for too long
	ReasonIdleKick                // nobody watched the publisher (kickoff_for_idle)
	ReasonTakenOver               // another publisher took its stream (publish.takeover)
	ReasonProtocol                // bytes that are no RTMP, or break its rules
	ReasonLimit                   // a limit was exceeded
	ReasonRejected                // refused: vhost, name, stream busy
	ReasonSecurity                // refused by the vhost's security
	ReasonRefer                   // refused by the vhost's refer
	ReasonProxy                   // a PROXY header where none may be, or none where one must be
	ReasonSlow                    // a player that takes no data, or too little
	ReasonOutput                  // an output of the stream failed (hls_on_error disconnect)
	ReasonKicked                  // somebody had the HTTP API end it
	ReasonPanic                   // a fault of ours in this session
	ReasonShutdown                // the server is ending
	reasons                       // how many there are
)

var reasonNames = [reasons]string{
	ReasonNone: "none", ReasonPeerClosed: "peer-closed", ReasonBroken: "broken",
	ReasonTimedOut:         "timed-out",
	ReasonHandshakeTimeout: "handshake-timeout", ReasonRoleTimeout: "idle-timeout",
	ReasonPublishTimeout: "publish-timeout", ReasonIdleKick: "kicked-for-idle",
	ReasonTakenOver: "taken-over",
	ReasonProtocol:  "protocol-error", ReasonLimit: "limit", ReasonRejected: "rejected",
	ReasonSecurity: "security", ReasonRefer: "refer", ReasonProxy: "proxy-protocol",
	ReasonSlow: "too-slow", ReasonOutput: "output-failed", ReasonKicked: "kicked",
	ReasonPanic: "internal-error", ReasonShutdown: "shutdown",
}

// ours says that the server ended the connection for something that the peer did or did
// not do.
func (r Reason) ours() bool { return r > ReasonBroken && r < ReasonShutdown }

// String returns the label of r as it stands in logs.
func (r Reason) String() string { return reasonNames[r] }
