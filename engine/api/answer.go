// SPDX-License-Identifier: MIT

package api

import (
	"os"
	"strconv"

	"srsd/engine/snapshot"
)

// The shapes of answers, with SRS's keys (srs_app_statistic.cpp); what SRS has not is marked.

// envelope is in every answer but failures.
type envelope struct {
	Code    int    `json:"code"`
	Server  string `json:"server"`
	Service string `json:"service"`
	PID     string `json:"pid"`
}

func (s *Server) envelope() envelope {
	return envelope{Server: s.board.ID(), Service: s.board.Service(), PID: strconv.Itoa(os.Getpid())}
}

type failure struct {
	Code int `json:"code"`
}

// withData is what most of the server's own answers look like.
type withData struct {
	envelope
	Data any `json:"data"`
}

type rates struct {
	Recv int64 `json:"recv_30s"`
	Send int64 `json:"send_30s"`
}

type flow struct {
	SendBytes int64 `json:"send_bytes"`
	RecvBytes int64 `json:"recv_bytes"`
	Kbps      rates `json:"kbps"`
}

func flowOf(f *snapshot.Flow) flow {
	return flow{f.Sent, f.Received, rates{f.RecvKbps, f.SendKbps}}
}

type vhost struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"`
	Clients int    `json:"clients"`
	Streams int    `json:"streams"`
	flow
	HLS hls `json:"hls"`
}

type hls struct {
	Enabled  bool    `json:"enabled"`
	Fragment float64 `json:"fragment,omitempty"` // seconds; absent if it is off
}

func vhostOf(v *snapshot.Vhost) vhost {
	h := hls{Enabled: v.Vhost.HLS.Enabled}
	if h.Enabled {
		h.Fragment = float64(v.Vhost.HLS.FragmentMs) / 1000
	}
	return vhost{v.ID, v.Vhost.Name, v.Vhost.Enabled, v.Clients, v.Streams, flowOf(&v.Flow), h}
}

type stream struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Vhost   string `json:"vhost"` // its id
	App     string `json:"app"`
	TcURL   string `json:"tcUrl"`
	URL     string `json:"url"`
	LiveMs  int64  `json:"live_ms"` // what time it is, as in SRS
	Clients int    `json:"clients"` // the publisher among them
	Frames  int64  `json:"frames"`
	flow
	Publish publish `json:"publish"`
	Video   *video  `json:"video"`
	Audio   *audio  `json:"audio"`
}

type publish struct {
	Active bool    `json:"active"`
	CID    string  `json:"cid,omitempty"`
	Alive  float64 `json:"alive,omitempty"` // seconds since it began; not SRS's
}

type video struct {
	Codec   string `json:"codec"`
	Profile string `json:"profile"`
	Level   string `json:"level"`
	Width   int    `json:"width"`
	Height  int    `json:"height"`
}

type audio struct {
	Codec      string `json:"codec"`
	SampleRate int    `json:"sample_rate"`
	Channel    int    `json:"channel"`
	Profile    string `json:"profile"`
}

func (s *Server) streamOf(shot *snapshot.Snapshot, from *snapshot.Stream) stream {
	o := stream{
		ID: from.ID, Name: from.Name, Vhost: s.board.VhostID(from.Vhost), App: from.App, URL: from.URL,
		LiveMs: shot.Taken.UnixMilli(), Clients: from.Players, flow: flowOf(&from.Flow),
	}
	p := from.Publisher
	if p == nil {
		return o
	}
	o.Clients++
	o.TcURL = p.TcURL
	o.Frames = p.Media.Frames
	o.Publish = publish{true, p.ID, float64(shot.AtMs-p.Media.SinceMs) / 1000}
	if v := p.Media.Video; v != nil {
		o.Video = &video{v.Codec, v.Profile, v.Level, v.Width, v.Height}
	}
	if a := p.Media.Audio; a != nil {
		o.Audio = &audio{a.Codec, a.SampleRateHz, a.Channels, a.Profile}
	}
	return o
}

type client struct {
	ID      string  `json:"id"`
	Vhost   string  `json:"vhost"`  // its id
	Stream  string  `json:"stream"` // its id
	IP      string  `json:"ip"`
	PageURL string  `json:"pageUrl"`
	SwfURL  string  `json:"swfUrl"` // always empty: nobody has a use for it
	TcURL   string  `json:"tcUrl"`
	URL     string  `json:"url"`
	Name    string  `json:"name"`
	Type    string  `json:"type"`
	Publish bool    `json:"publish"`
	Alive   float64 `json:"alive"` // seconds since it connected
	flow
}

// types are SRS's words for roles; it has none for WebSocket.
var types = [...]string{
	snapshot.RolePublish: "flash-publish", snapshot.RolePublishFMLE: "fmle-publish",
	snapshot.RolePlay: "rtmp-play", snapshot.RolePlayFLV: "flv-play", snapshot.RolePlayWS: "ws-flv-play",
	snapshot.RolePlayHLS: "hls-play",
}

func (s *Server) clientOf(shot *snapshot.Snapshot, c *snapshot.Client) client {
	return client{
		ID: c.ID, Vhost: s.board.VhostID(c.Vhost), Stream: s.board.StreamID(c.Stream), IP: c.Addr.String(),
		PageURL: c.Page, TcURL: c.TcURL, URL: c.Stream, Name: c.Name(), Type: types[c.Role], Publish: c.Role.Publishes(),
		Alive: shot.Age(c).Seconds(),
		flow:  flow{c.Sent, c.Received, rates{c.RecvKbps, c.SendKbps}},
	}
}
