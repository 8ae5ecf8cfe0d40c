// SPDX-License-Identifier: MIT

package session

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/valyala/bytebufferpool"
	"go.uber.org/zap"

	"srsd/conf"
	"srsd/engine/access"
	"srsd/engine/stream"
	"srsd/proto/rtmp/msg"
)

// Watch is a request for a stream over HTTP, which somebody else has read. Immutable.
type Watch struct {
	Vhost       *conf.Vhost
	App, Stream string
	Form        stream.Form
	Page        string // the Referer header, or ""
	Head        []byte // the answer's head, if the client may play
}

// protocols are the forms' names in the log.
var protocols = [stream.Forms]string{
	stream.FLV: "http-flv", stream.WS: "ws-flv", stream.TS: "http-ts", stream.AAC: "http-aac", stream.MP3: "http-mp3",
}

// Watch makes the session, which has just begun, a player of a form of a stream. The client
// gets the request's head, or an answer that says why not; what else it sends is thrown away,
// but for WebSocket's control frames. It returns whether the connection must be closed now.
func (s *Session) Watch(w *Watch, nowMs int64) (closeNow bool) {
	s.nowMs = nowMs
	name := msg.StreamKey(w.Vhost.Name, w.App, w.Stream)
	if err := s.mayWatch(w, name); err != nil {
		s.turnAwayHTTP(err)
		return s.settle()
	}
	s.Conn.SetNoDelay(w.Vhost.TCPNoDelay)
	st := s.env.Hub.Form(w.Form, name, w.Vhost)
	s.player = st.Join(&s.Conn, s, 0, nowMs)
	s.phase, s.deadlineMs, s.playing, s.skipsTold = phaseWatch, 0, name, 0
	s.skip = 0
	s.sit(w.Vhost)
	head := bytebufferpool.Get()
	_, _ = head.Write(w.Head) // never fails: memory
	s.env.Log.Info(s.ID, "play", zap.String("stream", name), zap.String("protocol", protocols[w.Form]),
		zap.Stringer("addr", s.addr), zap.Bool("live", st.Published()))
	s.player.Follow(head, nowMs)
	return s.settle()
}

func (s *Session) mayWatch(w *Watch, name string) error {
	if d := access.Check(w.Vhost, conf.RolePlay, s.addr.Addr(), w.Page); d != nil {
		return d
	}
	return s.admit(name, w.Vhost, false)
}

// turnAwayHTTP answers a client that may not play.
func (s *Session) turnAwayHTTP(err error) {
	code, text, reason := http.StatusServiceUnavailable, forPeer(err.Error()), ReasonRejected
	if d, ok := errors.AsType[*access.DeniedError](err); ok {
		code, text, reason = http.StatusForbidden, d.Text, denials[d.By]
	}
	s.write(fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nServer: srsd\r\nContent-Type: text/plain; charset=utf-8\r\n"+
		"X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"+
		"Connection: close\r\nContent-Length: %d\r\n\r\n%d %s\n",
		code, http.StatusText(code), len(text)+5, code, text))
	s.end(reason, err.Error())
	s.refuse("") // the reason above stands
}
