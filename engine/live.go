// SPDX-License-Identifier: MIT

package engine

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"srsd/conf"
	"srsd/engine/session"
	"srsd/engine/stream"
	"srsd/engine/web"
	"srsd/proto/ws"
)

// live is the web.Handler of live streams: it takes a request's connection away from net/http
// and gives it to the loop, where it is a player like any other.
type live struct {
	engine *Engine
	mu     sync.RWMutex // read-locked while a connection is on its way to the loop
	ended  bool
}

// end returns when nothing is on its way to the loop any more, and lets nothing go there.
func (h *live) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
}

// Serve implements web.Handler.
func (h *live) Serve(w http.ResponseWriter, r *web.Request) bool {
	if r.Vhost == nil || !r.Vhost.HTTPRemux.Enabled {
		return false
	}
	app, name, ok := r.Vhost.HTTPRemux.Match(r.Path)
	if !ok {
		return false
	}
	header, container := w.Header(), containers[r.Vhost.HTTPRemux.Format]
	header.Set("Content-Type", container.kind)
	header.Set("Cache-Control", "no-store")
	header.Set("Connection", "close")
	request := &session.Watch{Vhost: r.Vhost, App: app, Stream: name, Page: r.Referer(), Form: container.form}
	switch {
	case mentions(r.Header["Upgrade"], "websocket"): // others are offers that HTTP/1.1 need not take
		h.upgrade(w, r, request)
	case r.Method == http.MethodHead:
		w.WriteHeader(http.StatusOK)
	case r.Method != http.MethodGet:
		header.Set("Allow", "GET, HEAD")
		refuse(w, "405 a live stream takes GET", http.StatusMethodNotAllowed)
	default:
		h.watch(w, r, request)
	}
	return true
}

// containers are the formats of http_remux.
var containers = [...]struct {
	form stream.Form
	kind string // Content-Type
}{
	conf.RemuxFLV: {stream.FLV, "video/x-flv"},
	conf.RemuxTS:  {stream.TS, "video/MP2T"},
	conf.RemuxAAC: {stream.AAC, "audio/x-aac"},
	conf.RemuxMP3: {stream.MP3, "audio/mpeg"},
}

func refuse(w http.ResponseWriter, text string, code int) {
	w.Header().Del("Content-Type")
	http.Error(w, text, code)
}

// upgrade answers a request for a stream over WebSocket (RFC 6455 §4.2.1). Pages of other origins
// may have it, as they may have it over HTTP.
func (h *live) upgrade(w http.ResponseWriter, r *web.Request, request *session.Watch) {
	header, key := w.Header(), r.Header.Get("Sec-Websocket-Key")
	switch {
	case request.Form != stream.FLV:
		refuse(w, "400 only FLV is served over WebSocket", http.StatusBadRequest)
	case r.Method != http.MethodGet || !r.ProtoAtLeast(1, 1):
		refuse(w, "400 WebSocket begins with GET of HTTP/1.1", http.StatusBadRequest)
	case !mentions(r.Header["Connection"], "upgrade"):
		refuse(w, "400 Upgrade is not among Connection's options", http.StatusBadRequest)
	case r.Header.Get("Sec-Websocket-Version") != ws.Version:
		header.Set("Sec-Websocket-Version", ws.Version)
		header.Set("Upgrade", "websocket")
		refuse(w, "426 WebSocket of version "+ws.Version+" is spoken here", http.StatusUpgradeRequired)
	case len(r.Header["Sec-Websocket-Key"]) != 1 || !ws.ValidKey(key):
		refuse(w, "400 Sec-WebSocket-Key must be 16 bytes in base64", http.StatusBadRequest)
	case r.ContentLength != 0:
		refuse(w, "400 a request for WebSocket has no body", http.StatusBadRequest)
	default:
		header.Del("Content-Type")
		header.Del("Cache-Control")
		header.Set("Connection", "Upgrade")
		header.Set("Upgrade", "websocket")
		header.Set("Sec-Websocket-Accept", ws.Accept(key))
		request.Form = stream.WS
		h.watch(w, r, request)
	}
}

// mentions says whether a list of tokens has one (RFC 9110 §5.6.1), in upper or lower case.
func mentions(lines []string, token string) bool {
	for _, line := range lines {
		for one := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(one), token) {
				return true
			}
		}
	}
	return false
}

// watch moves the connection to the loop. Whether the client may play is the session's to say.
func (h *live) watch(w http.ResponseWriter, r *web.Request, request *session.Watch) {
	status := "200 OK"
	if request.Form == stream.WS {
		status = "101 Switching Protocols"
	}
	var head bytes.Buffer
	head.WriteString("HTTP/1.1 " + status + "\r\n")
	_ = w.Header().Write(&head) // never fails: memory
	head.WriteString("\r\n")
	request.Head = head.Bytes()
	c, early, err := hijack(w)
	if err != nil {
		refuse(w, "500 "+err.Error(), http.StatusInternalServerError)
		return
	}
	if early && request.Form == stream.WS {
		// A client must wait for the answer (RFC 6455 §4.1), and these frames are in net/http's hands.
		_ = c.Close()
		return
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.ended {
		_ = c.Close()
		return
	}
	e := h.engine
	e.slots <- struct{}{}
	e.enroll(c.tcp, &accepted{peer: r.Peer, place: c.take(), tls: c.tls, watch: request})
}

// hijack takes a request's connection. What the client has sent behind the request, early, is lost,
// which is right: it asked for all that this connection can carry.
func hijack(w http.ResponseWriter) (c *webConn, early bool, err error) {
	hijacked, buffers, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, false, err
	}
	c, ok := hijacked.(*webConn)
	if !ok {
		_ = hijacked.Close()
		return nil, false, errors.New("engine: no connection of a webListener's")
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		_ = c.Close()
		return nil, false, err
	}
	return c, buffers.Reader.Buffered() > 0, nil
}
