// SPDX-License-Identifier: MIT

// Package snapshot is what the server tells about itself: an immutable picture of its clients
// and streams, made when somebody asks, and at most once a second.
//
// The loop contributes a [Survey]: it copies some facts of each session, a slice of them per
// tick. Everything else (sorting, adding up, bit rates, ids) happens off the loop, in [Board].
package snapshot

import (
	"net/netip"
	"strings"

	"srsd/conf"
	"srsd/engine/codec"
)

// Role is what a client does.
type Role uint8

// The roles. RolePublish is one that published without FCPublish before it.
const (
	RolePublish Role = iota
	RolePublishFMLE
	RolePlay
	RolePlayFLV // over HTTP
	RolePlayWS  // FLV over WebSocket
	RolePlayHLS // by a session; no connection stands for it
)

// Publishes says whether the client publishes.
func (r Role) Publishes() bool { return r == RolePublish || r == RolePublishFMLE }

// Survey is what the loop says of its sessions. Each was looked at at some time while the walk
// over them was under way. One may stand in it twice. *off-loop*, once it is handed over.
type Survey struct {
	AtMs    int64 // when the walk ended, on the loop's clock
	Clients []Client
	Totals
}

// Totals are about the whole server.
type Totals struct {
	Connections         int // on the loop, with and without a role
	Publishers, Players int
	Received, Sent      int64 // bytes, since the start
}

// Client is a connection that publishes or plays. Immutable, once it is in a [Snapshot].
type Client struct {
	ID     string
	Role   Role
	Addr   netip.Addr
	Vhost  *conf.Vhost
	Stream string // vhost/app/stream; without the vhost if it is conf.DefaultVhost

	// What the client says of itself, "" if it does not: connect's tcUrl without its parameters, the
	// web page that it is on, and its kind (flashVer).
	TcURL, Page, Agent string

	OpenedMs       int64 // on the loop's clock
	Received, Sent int64 // bytes of its connection
	Media          *Media

	// Kbit/s over the last 15 to 30 s, less if it has not been asked for so long, and since the
	// connection was opened at the first time.
	RecvKbps, SendKbps int64
	base, mid          sample // what the rates are measured from
}

// App returns what of Stream lies between the vhost and the name. It may have slashes.
func (c *Client) App() string {
	_, path, _ := strings.Cut(c.Stream, "/")
	return path[:max(strings.LastIndexByte(path, '/'), 0)]
}

// Name returns the last part of Stream.
func (c *Client) Name() string { return c.Stream[strings.LastIndexByte(c.Stream, '/')+1:] }

// Media is what a client publishes; nil of one that does not. Immutable.
type Media struct {
	SinceMs int64 // on the loop's clock
	Frames  int64 // pictures since then
	Video   *codec.Video
	Audio   *codec.Audio
}

// sample is what had been received and sent at some time.
type sample struct{ atMs, received, sent int64 }

const (
	rateWindowMs = 30_000
	rateHalfMs   = rateWindowMs / 2

	rateShortestMs = 1000
)

// measure sets the rates of c, which p was in the picture of wasMs; nil: it was not there.
func (c *Client) measure(p *Client, wasMs, nowMs int64) {
	c.base = sample{atMs: c.OpenedMs}
	c.mid = c.base
	if p != nil {
		last := sample{wasMs, p.Received, p.Sent}
		c.base, c.mid = p.base, p.mid
		if nowMs-c.mid.atMs > rateHalfMs {
			c.base, c.mid = c.mid, last
		}
		if nowMs-c.base.atMs > rateWindowMs {
			c.base = c.mid
		}
	}
	elapsed := max(nowMs-c.base.atMs, rateShortestMs) // what comes at once at the beginning is no rate
	c.RecvKbps = (c.Received - c.base.received) * 8 / elapsed
	c.SendKbps = (c.Sent - c.base.sent) * 8 / elapsed
}
