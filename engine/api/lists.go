// SPDX-License-Identifier: MIT

package api

import (
	"net/http"
	"strconv"

	"srsd/engine/snapshot"
	"srsd/engine/web"
)

// Of a list, countDefault are answered unless count says otherwise, and countMax at most: total
// says how many there are.
const (
	countDefault = 10
	countMax     = 10_000
)

// page returns which part of n a request asks for. What is no number is as if it were not there,
// and what is too small or too large becomes what is possible.
func page(r *web.Request, n int) (from, to int) {
	q := r.URL.Query()
	from = int(min(max(number(q.Get("start"), 0), 0), int64(n)))
	count := min(max(number(q.Get("count"), countDefault), 1), countMax)
	return from, int(min(int64(from)+count, int64(n)))
}

// number reads a decimal number; one that does not fit is as large as can be.
func number(text string, otherwise int64) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil && n == 0 {
		return otherwise
	}
	return n
}

// list converts a part of a list. It is never nil: [] and not null.
func list[From, To any](all []From, from, to int, convert func(*From) To) []To {
	out := make([]To, 0, to-from)
	for i := from; i < to; i++ {
		out = append(out, convert(&all[i]))
	}
	return out
}

// find returns the first of a list for which f holds, or nil.
func find[T any](all []T, f func(*T) bool) *T {
	for i := range all {
		if f(&all[i]) {
			return &all[i]
		}
	}
	return nil
}

func (s *Server) vhosts(w http.ResponseWriter, r *web.Request, id string) {
	shot := s.picture(w, r)
	if shot == nil {
		return
	}
	if id == "" {
		from, to := 0, len(shot.Vhosts)
		send(w, struct {
			envelope
			Vhosts []vhost `json:"vhosts"`
		}{s.envelope(), list(shot.Vhosts, from, to, vhostOf)})
		return
	}
	v := find(shot.Vhosts, func(v *snapshot.Vhost) bool { return v.ID == id })
	if v == nil {
		fail(w, codeNoVhost)
		return
	}
	send(w, struct {
		envelope
		Vhost vhost `json:"vhost"`
	}{s.envelope(), vhostOf(v)})
}

func (s *Server) streams(w http.ResponseWriter, r *web.Request, id string) {
	shot := s.picture(w, r)
	if shot == nil {
		return
	}
	convert := func(from *snapshot.Stream) stream { return s.streamOf(shot, from) }
	if id == "" {
		all := shot.Streams
		if q := r.URL.Query(); q.Has("url") {
			all = shot.ByURL(q.Get("url"))
		}
		from, to := page(r, len(all))
		send(w, struct {
			envelope
			Streams []stream `json:"streams"`
			Total   int      `json:"total"`
		}{s.envelope(), list(all, from, to, convert), len(all)})
		return
	}
	one := find(shot.Streams, func(one *snapshot.Stream) bool { return one.ID == id })
	if one == nil {
		fail(w, codeNoStream)
		return
	}
	send(w, struct {
		envelope
		Stream stream `json:"stream"`
	}{s.envelope(), convert(one)})
}

func (s *Server) clients(w http.ResponseWriter, r *web.Request, id string) {
	if r.Method == http.MethodDelete {
		s.kickClient(w, r, id)
		return
	}
	shot := s.picture(w, r)
	if shot == nil {
		return
	}
	convert := func(c *snapshot.Client) client { return s.clientOf(shot, c) }
	if id == "" {
		from, to := page(r, len(shot.Clients))
		send(w, struct {
			envelope
			Clients []client `json:"clients"`
			Total   int      `json:"total"`
		}{s.envelope(), list(shot.Clients, from, to, convert), len(shot.Clients)})
		return
	}
	c := shot.Client(id)
	if c == nil {
		fail(w, codeNoClient)
		return
	}
	send(w, struct {
		envelope
		Client client `json:"client"`
	}{s.envelope(), convert(c)})
}

// kickClient ends a client.
func (s *Server) kickClient(w http.ResponseWriter, r *web.Request, id string) {
	if refusal := s.mayChange(r); refusal != "" {
		http.Error(w, "403 "+refusal, http.StatusForbidden)
		return
	}
	found, err := s.kick(r.Context(), id)
	switch {
	case err != nil:
		unavailable(w, err)
	case !found:
		fail(w, codeNoClient)
	default:
		s.board.Expire()
		send(w, s.envelope())
	}
}
