// SPDX-License-Identifier: MIT

package session

import (
	"strings"

	"srsd/engine/snapshot"
	"srsd/engine/stream"
)

// formRoles are what players of forms are. SRS has one word for all over HTTP.
var formRoles = [stream.Forms]snapshot.Role{
	stream.FLV: snapshot.RolePlayFLV, stream.WS: snapshot.RolePlayWS, stream.TS: snapshot.RolePlayFLV,
	stream.AAC: snapshot.RolePlayFLV, stream.MP3: snapshot.RolePlayFLV,
}

// reportBytesMax bounds what a client says of itself, in a report: a list has thousands of clients, and is
// made anew for everybody who asks.
const reportBytesMax = 512

// Report tells what others may know of the session. It returns false, having touched nothing,
// if it neither publishes nor plays.
func (s *Session) Report(c *snapshot.Client) bool {
	switch s.phase {
	case phasePublish:
		p := s.publish
		c.Role, c.Vhost = snapshot.RolePublish, p.vhost
		if s.fmle {
			c.Role = snapshot.RolePublishFMLE
		}
		c.Media = &snapshot.Media{SinceMs: p.sinceMs, Frames: p.stream.Frames, Video: p.video, Audio: p.audio}
	case phasePlay, phaseWatch:
		c.Role, c.Vhost = snapshot.RolePlay, s.player.Stream().Vhost()
		if kind, ok := s.player.Form(); ok {
			c.Role = formRoles[kind]
		}
	case phaseProxy, phaseC0C1, phaseC2, phaseCommand, phaseLinger, phaseClosed:
		return false
	}
	c.ID, c.Addr, c.Stream = s.ID, s.addr.Addr(), s.playing
	c.OpenedMs, c.Received, c.Sent = s.openedMs, s.Conn.Received, s.Conn.Sent
	if s.client != nil {
		c.TcURL, c.Page, c.Agent = brief(withoutParameters(s.client.tcURL)), brief(s.client.pageURL), brief(s.client.flashVer)
	}
	return true
}

// withoutParameters leaves out of a URL what may be secret.
func withoutParameters(url string) string {
	url, _, _ = strings.Cut(url, "?")
	return url
}

func brief(text string) string { return text[:min(len(text), reportBytesMax)] }
