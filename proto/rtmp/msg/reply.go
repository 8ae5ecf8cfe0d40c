// SPDX-License-Identifier: MIT

package msg

import "srsd/proto/amf0"

// What a server of the FMS line says about itself; clients look at fmsVer and
// capabilities, and these values are what SRS sends.
const (
	fmsVer       = "FMS/3,5,3,888"
	fmsVersion   = "3,5,3,888"
	capabilities = 127
	connectMode  = 1
)

// ConnectReply is what varies in the answer to connect.
type ConnectReply struct {
	TransactionID  float64 // of the connect command
	ObjectEncoding float64 // of the connect command
	ServerVersion  string
	ClientID       string // names the connection in the server's log
	PID            int    // of the server's process
	// Enhanced: say what the server can do of Enhanced RTMP. Clients that announced nothing
	// need not get to see properties that they do not know.
	Enhanced bool
}

// AppendConnectResult appends the `_result` that accepts a connect command
// (message type 20, CSIDConnection, stream id 0).
//
// Source: RTMP 1.0 §7.2.1.1; properties as SRS sends them, its signature keys
// replaced by srsd_version, srsd_id and srsd_pid; Enhanced RTMP v2, "Enhancing
// NetConnection connect Command".
func AppendConnectResult(dst []byte, r ConnectReply) []byte {
	dst = appendCommandStart(dst, CommandResult, r.TransactionID)

	dst = amf0.AppendObjectStart(dst)
	dst = appendStringProperty(dst, "fmsVer", fmsVer)
	dst = appendNumberProperty(dst, "capabilities", capabilities)
	dst = appendNumberProperty(dst, "mode", connectMode)
	if r.Enhanced {
		dst = appendCapabilities(dst)
	}
	dst = amf0.AppendObjectEnd(dst)

	dst = StatusConnectSuccess.appendInfoStart(dst, "")
	dst = appendNumberProperty(dst, "objectEncoding", r.ObjectEncoding)
	dst = amf0.AppendKey(dst, "data")
	dst = amf0.AppendECMAArrayStart(dst, 4)
	dst = appendStringProperty(dst, "version", fmsVersion)
	dst = appendStringProperty(dst, "srsd_version", r.ServerVersion)
	dst = appendStringProperty(dst, "srsd_id", r.ClientID)
	dst = appendNumberProperty(dst, "srsd_pid", float64(r.PID))
	dst = amf0.AppendObjectEnd(dst)
	return amf0.AppendObjectEnd(dst)
}

// AppendConnectError appends the `_error` that refuses a connect command (message
// type 20, CSIDConnection, stream id 0). description is for a person; "" for the
// usual text.
//
// Source: RTMP 1.0 §7.2.1.1.
func AppendConnectError(dst []byte, transactionID float64, description string) []byte {
	dst = appendCommandStart(dst, CommandError, transactionID)
	dst = amf0.AppendNull(dst)
	dst = StatusConnectRejected.appendInfoStart(dst, description)
	return amf0.AppendObjectEnd(dst)
}

// AppendOnBWDone appends onBWDone, which some clients wait for after connect
// (message type 20, CSIDConnection, stream id 0).
func AppendOnBWDone(dst []byte) []byte {
	return amf0.AppendNull(appendCommandStart(dst, CommandOnBWDone, 0))
}

// AppendCreateStreamResult appends the `_result` of createStream (message type
// 20, CSIDConnection, stream id 0).
//
// Source: RTMP 1.0 §7.2.1.3.
func AppendCreateStreamResult(dst []byte, transactionID float64, streamID uint32) []byte {
	dst = amf0.AppendNull(appendCommandStart(dst, CommandResult, transactionID))
	return amf0.AppendNumber(dst, float64(streamID))
}

// AppendFMLEResult appends the `_result` of releaseStream, FCPublish and
// FCUnpublish: null and undefined (message type 20, CSIDConnection, stream id 0).
func AppendFMLEResult(dst []byte, transactionID float64) []byte {
	dst = amf0.AppendNull(appendCommandStart(dst, CommandResult, transactionID))
	return amf0.AppendUndefined(dst)
}

// AppendEmptyResult appends the `_result` of a command that the server takes note
// of and does nothing about: null and null (message type 20, CSIDConnection,
// stream id 0).
func AppendEmptyResult(dst []byte, transactionID float64) []byte {
	dst = amf0.AppendNull(appendCommandStart(dst, CommandResult, transactionID))
	return amf0.AppendNull(dst)
}

// AppendSampleAccess appends `|RtmpSampleAccess`, which lets a player read raw
// audio and video samples (message type 18, CSIDStream, StreamIDMedia).
func AppendSampleAccess(dst []byte, audio, video bool) []byte {
	dst = amf0.AppendString(dst, "|RtmpSampleAccess")
	return amf0.AppendBool(amf0.AppendBool(dst, audio), video)
}

// appendCommandStart appends a command's name and transaction id.
func appendCommandStart(dst []byte, name string, transactionID float64) []byte {
	return amf0.AppendNumber(amf0.AppendString(dst, name), transactionID)
}

func appendStringProperty(dst []byte, key, value string) []byte {
	return amf0.AppendString(amf0.AppendKey(dst, key), value)
}

func appendNumberProperty(dst []byte, key string, value float64) []byte {
	return amf0.AppendNumber(amf0.AppendKey(dst, key), value)
}
