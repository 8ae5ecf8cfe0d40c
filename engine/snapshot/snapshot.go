// SPDX-License-Identifier: MIT

package snapshot

import (
	"cmp"
	"slices"
	"time"

	"srsd/conf"
)

// Snapshot is a picture of the server. Immutable.
type Snapshot struct {
	Taken time.Time
	AtMs  int64 // the same on the loop's clock
	Totals
	Clients []Client // in the order in which they came
	Streams []Stream // by name
	Vhosts  []Vhost  // in the configuration's order

	clients map[string]int // index in Clients by id
}

// Stream is a stream that is published, played, or both. Immutable.
type Stream struct {
	ID        string
	Vhost     *conf.Vhost
	URL       string // vhost/app/stream; without the vhost if it is conf.DefaultVhost
	App, Name string
	Publisher *Client // nil: nobody publishes, and players wait
	Players   int
	Flow
}

// Vhost is how much a vhost has to do. Immutable.
type Vhost struct {
	ID               string
	Vhost            *conf.Vhost
	Clients, Streams int
	Flow
}

// Flow adds up what clients that are there now have received and sent.
type Flow struct {
	Received, Sent     int64 // bytes
	RecvKbps, SendKbps int64
}

func (f *Flow) add(c *Client) {
	f.Received += c.Received
	f.Sent += c.Sent
	f.RecvKbps += c.RecvKbps
	f.SendKbps += c.SendKbps
}

// Client returns the client of that id, or nil.
func (s *Snapshot) Client(id string) *Client {
	if i, ok := s.clients[id]; ok {
		return &s.Clients[i]
	}
	return nil
}

// ByURL returns the part of Streams that has the stream of that URL: one, or none.
func (s *Snapshot) ByURL(url string) []Stream {
	i, ok := slices.BinarySearchFunc(s.Streams, url, func(s Stream, url string) int { return cmp.Compare(s.URL, url) })
	if !ok {
		return nil
	}
	return s.Streams[i : i+1]
}

// Age returns how long c has been there.
func (s *Snapshot) Age(c *Client) time.Duration {
	return time.Duration(s.AtMs-c.OpenedMs) * time.Millisecond
}

// picture makes one of v. before is the one before it, or nil.
func (b *Board) picture(v *Survey, before *Snapshot) *Snapshot {
	s := &Snapshot{Taken: time.Now(), AtMs: v.AtMs, Totals: v.Totals, Clients: v.Clients}
	slices.SortFunc(s.Clients, func(a, b Client) int {
		return cmp.Or(cmp.Compare(a.OpenedMs, b.OpenedMs), cmp.Compare(a.ID, b.ID))
	})
	s.Clients = slices.CompactFunc(s.Clients, func(a, b Client) bool { return a.ID == b.ID })
	s.clients = make(map[string]int, len(s.Clients))
	for i := range s.Clients {
		c := &s.Clients[i]
		s.clients[c.ID] = i
		var p *Client
		wasMs := int64(0)
		if before != nil {
			p, wasMs = before.Client(c.ID), before.AtMs
		}
		c.measure(p, wasMs, v.AtMs)
	}
	s.gather(b)
	return s
}

// gather makes streams and vhosts of the clients.
func (s *Snapshot) gather(b *Board) {
	vhosts := map[*conf.Vhost]*Vhost{}
	s.Vhosts = make([]Vhost, len(b.config.Vhosts))
	for i, v := range b.config.Vhosts {
		s.Vhosts[i] = Vhost{ID: b.VhostID(v), Vhost: v}
		vhosts[v] = &s.Vhosts[i]
	}
	streams := map[string]*Stream{}
	for i := range s.Clients {
		c := &s.Clients[i]
		stream := streams[c.Stream]
		if stream == nil {
			stream = &Stream{ID: b.StreamID(c.Stream), Vhost: c.Vhost, URL: c.Stream, App: c.App(), Name: c.Name()}
			streams[c.Stream] = stream
		}
		stream.add(c)
		if c.Role.Publishes() {
			stream.Publisher = c
		} else {
			stream.Players++
		}
		if v := vhosts[c.Vhost]; v != nil {
			v.Clients++
			v.add(c)
		}
	}
	s.Streams = make([]Stream, 0, len(streams))
	for _, stream := range streams {
		s.Streams = append(s.Streams, *stream)
		if v := vhosts[stream.Vhost]; v != nil {
			v.Streams++
		}
	}
	slices.SortFunc(s.Streams, func(a, b Stream) int { return cmp.Compare(a.URL, b.URL) })
}
