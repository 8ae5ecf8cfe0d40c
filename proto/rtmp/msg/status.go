// SPDX-License-Identifier: MIT

package msg

import "srsd/proto/amf0"

// Status is a result that a server reports with onStatus (RTMP 1.0 §7.2.2) or,
// for a connection, with _error.
type Status uint8

// The results that srsd reports.
const (
	StatusPlayReset Status = iota
	StatusPlayStart
	StatusPlayStop
	StatusPlayComplete
	StatusPlayFailed
	StatusPlayStreamNotFound
	StatusPlayUnpublishNotify
	StatusPauseNotify
	StatusUnpauseNotify
	StatusPublishStart
	StatusPublishBadName
	StatusPublishIdle
	StatusUnpublishSuccess
	StatusFailed
	StatusConnectSuccess
	StatusConnectRejected
	StatusReconnectRequest // of the connection: on CSIDConnection and StreamIDControl
	statusCount
)

// Levels of a status, RTMP 1.0 §7.2.2.
const (
	levelStatus = "status"
	levelError  = "error"
)

// Values that Flash-era clients expect to find and do not interpret.
const (
	statusClientID = "ASAICiss"
	statusDetails  = "stream"
)

// statusText is one row of the table: the strings, and which of the extra
// properties SRS sends with them.
type statusText struct {
	level, code, description string
	details, clientID        bool
}

// statusTexts has what SRS sends, string for string, where SRS sends the status
// at all: clients are known to compare codes and to show descriptions.
var statusTexts = [statusCount]statusText{
	StatusPlayReset: {
		levelStatus, "NetStream.Play.Reset", "Playing and resetting stream.", true, true,
	},
	StatusPlayStart:           {levelStatus, "NetStream.Play.Start", "Started playing stream.", true, true},
	StatusPlayStop:            {levelStatus, "NetStream.Play.Stop", "Stopped playing stream.", true, true},
	StatusPlayComplete:        {levelStatus, "NetStream.Play.Complete", "Stream is complete.", true, true},
	StatusPlayFailed:          {levelError, "NetStream.Play.Failed", "Playing failed.", false, true},
	StatusPlayStreamNotFound:  {levelError, "NetStream.Play.StreamNotFound", "Stream not found.", false, true},
	StatusPlayUnpublishNotify: {levelStatus, "NetStream.Play.UnpublishNotify", "Stream is now unpublished.", true, true},
	StatusPauseNotify:         {levelStatus, "NetStream.Pause.Notify", "Paused stream.", false, false},
	StatusUnpauseNotify:       {levelStatus, "NetStream.Unpause.Notify", "Unpaused stream.", false, false},
	StatusPublishStart:        {levelStatus, "NetStream.Publish.Start", "Started publishing stream.", false, true},
	StatusPublishBadName:      {levelError, "NetStream.Publish.BadName", "Stream already publishing.", false, true},
	StatusPublishIdle:         {levelStatus, "NetStream.Publish.Idle", "Stream has no player.", false, true},
	StatusUnpublishSuccess:    {levelStatus, "NetStream.Unpublish.Success", "Stream is now unpublished", false, true},
	StatusFailed:              {levelError, "NetStream.Failed", "The server cannot go on with this stream.", false, true},
	StatusConnectSuccess:      {levelStatus, "NetConnection.Connect.Success", "Connection succeeded", false, false},
	StatusConnectRejected:     {levelError, "NetConnection.Connect.Rejected", "Connection rejected.", false, false},
	StatusReconnectRequest: {
		levelStatus, "NetConnection.Connect.ReconnectRequest", "The server stops, please reconnect.", false, false,
	},
}

// text returns the row of s. A value that is not in the list reads as
// StatusPlayFailed, the one that says least.
func (s Status) text() *statusText {
	if s >= statusCount {
		s = StatusPlayFailed
	}
	return &statusTexts[s]
}

// Code is the status as it stands on the wire, e.g. "NetStream.Play.Start".
func (s Status) Code() string { return s.text().code }

// String is Code.
func (s Status) String() string { return s.Code() }

// appendInfoStart opens an info object with level, code and description. An
// empty description stands for the usual one.
func (s Status) appendInfoStart(dst []byte, description string) []byte {
	t := s.text()
	if description == "" {
		description = t.description
	}
	dst = amf0.AppendObjectStart(dst)
	dst = appendStringProperty(dst, "level", t.level)
	dst = appendStringProperty(dst, "code", t.code)
	return appendStringProperty(dst, "description", description)
}

// AppendOnStatus appends the body of an onStatus command (message type 20, chunk
// stream CSIDStream, stream id StreamIDMedia; CSIDConnection and StreamIDControl for
// what concerns the connection).
//
//	description  in: text for a person, "" for the usual one of s; <= 64 KiB
//
// Source: RTMP 1.0 §7.2.2; the properties are those SRS sends. Enhanced RTMP v2,
// "Reconnect Request"; without tcUrl the client comes back to where it was.
func AppendOnStatus(dst []byte, s Status, description string) []byte {
	t := s.text()
	dst = appendCommandStart(dst, CommandOnStatus, 0)
	dst = amf0.AppendNull(dst)
	dst = s.appendInfoStart(dst, description)
	if t.details {
		dst = appendStringProperty(dst, "details", statusDetails)
	}
	if t.clientID {
		dst = appendStringProperty(dst, "clientid", statusClientID)
	}
	return amf0.AppendObjectEnd(dst)
}

// AppendOnFCPublish appends onFCPublish, which a client that sent FCPublish waits
// for before it begins (message type 20, CSIDStream, StreamIDMedia).
func AppendOnFCPublish(dst []byte) []byte {
	return appendFCStatus(dst, CommandOnFCPublish, "NetStream.Publish.Start", "Started publishing stream.")
}

// AppendOnFCUnpublish appends onFCUnpublish, the answer to FCUnpublish (message
// type 20, CSIDStream, StreamIDMedia).
func AppendOnFCUnpublish(dst []byte) []byte {
	return appendFCStatus(dst, CommandOnFCUnpublish, "NetStream.Unpublish.Success", "Stop publishing stream.")
}

func appendFCStatus(dst []byte, name, code, description string) []byte {
	dst = appendCommandStart(dst, name, 0)
	dst = amf0.AppendNull(dst)
	dst = amf0.AppendObjectStart(dst)
	dst = appendStringProperty(dst, "code", code)
	dst = appendStringProperty(dst, "description", description)
	return amf0.AppendObjectEnd(dst)
}
