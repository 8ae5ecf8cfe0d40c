// SPDX-License-Identifier: MIT

package msg

import "srsd/proto/amf0"

// Publish types, RTMP 1.0 §7.2.2.6.
const (
	PublishLive   = "live"
	PublishRecord = "record"
	PublishAppend = "append"
)

// codecsAll is the value of audioCodecs and videoCodecs that Flash sent for "all
// of them": SUPPORT_SND_ALL and SUPPORT_VID_ALL (RTMP 1.0 §7.2.1.1).
const (
	audioCodecsAll = 0x0fff
	videoCodecsAll = 0x00ff
)

// ConnectRequest is what a client says of itself in connect.
type ConnectRequest struct {
	App      string
	TcURL    string
	FlashVer string
	PageURL  string // sent unless empty
	SwfURL   string // sent unless empty
}

// AppendConnect appends a connect command with transaction id 1, as a client
// sends it first of all (message type 20, CSIDConnection, stream id 0).
//
// Source: RTMP 1.0 §7.2.1.1.
func AppendConnect(dst []byte, r ConnectRequest) []byte {
	dst = appendCommandStart(dst, CommandConnect, 1)
	dst = amf0.AppendObjectStart(dst)
	dst = appendStringProperty(dst, "app", r.App)
	dst = appendStringProperty(dst, "flashVer", r.FlashVer)
	dst = appendStringProperty(dst, "tcUrl", r.TcURL)
	if r.PageURL != "" {
		dst = appendStringProperty(dst, "pageUrl", r.PageURL)
	}
	if r.SwfURL != "" {
		dst = appendStringProperty(dst, "swfUrl", r.SwfURL)
	}
	dst = amf0.AppendBool(amf0.AppendKey(dst, "fpad"), false)
	dst = appendNumberProperty(dst, "audioCodecs", audioCodecsAll)
	dst = appendNumberProperty(dst, "videoCodecs", videoCodecsAll)
	dst = appendNumberProperty(dst, "videoFunction", 1)
	dst = appendNumberProperty(dst, "objectEncoding", 0)
	return amf0.AppendObjectEnd(dst)
}

// AppendCreateStream appends createStream (CSIDConnection, stream id 0).
//
// Source: RTMP 1.0 §7.2.1.3.
func AppendCreateStream(dst []byte, transactionID float64) []byte {
	return amf0.AppendNull(appendCommandStart(dst, CommandCreateStream, transactionID))
}

// AppendDeleteStream appends deleteStream (CSIDConnection, stream id 0).
//
// Source: RTMP 1.0 §7.2.2.3.
func AppendDeleteStream(dst []byte, transactionID float64, streamID uint32) []byte {
	dst = amf0.AppendNull(appendCommandStart(dst, CommandDeleteStream, transactionID))
	return amf0.AppendNumber(dst, float64(streamID))
}

// AppendStreamCommand appends a command with the name of a stream as its only
// argument: releaseStream, FCPublish or FCUnpublish (CSIDConnection, stream id 0).
func AppendStreamCommand(dst []byte, name string, transactionID float64, stream string) []byte {
	dst = amf0.AppendNull(appendCommandStart(dst, name, transactionID))
	return amf0.AppendString(dst, stream)
}

// AppendPublish appends publish (CSIDStream, StreamIDMedia). publishType is
// PublishLive for a live stream.
//
// Source: RTMP 1.0 §7.2.2.6.
func AppendPublish(dst []byte, transactionID float64, stream, publishType string) []byte {
	return amf0.AppendString(AppendStreamCommand(dst, CommandPublish, transactionID, stream), publishType)
}

// AppendPlay appends play (CSIDStream, StreamIDMedia). startMs is -2000 for a
// live stream or, if there is none, a recorded one; -1000 for live only.
//
// Source: RTMP 1.0 §7.2.2.1.
func AppendPlay(dst []byte, transactionID float64, stream string, startMs float64) []byte {
	return amf0.AppendNumber(AppendStreamCommand(dst, CommandPlay, transactionID, stream), startMs)
}

// AppendPause appends pause (CSIDStream, StreamIDMedia): pause or resume at
// positionMs of the stream.
//
// Source: RTMP 1.0 §7.2.2.9.
func AppendPause(dst []byte, transactionID float64, pause bool, positionMs float64) []byte {
	dst = amf0.AppendNull(appendCommandStart(dst, CommandPause, transactionID))
	return amf0.AppendNumber(amf0.AppendBool(dst, pause), positionMs)
}
