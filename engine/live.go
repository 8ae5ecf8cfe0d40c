// SPDX-License-Identifier: MIT

package engine

import (
	"bytes"
	"errors"
	"net/http"
	"sync"
	"time"

	"srsd/engine/session"
	"srsd/engine/web"
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
	app, stream, ok := r.Vhost.HTTPRemux.Match(r.Path)
	if !ok {
		return false
	}
	header := w.Header()
	header.Set("Content-Type", "video/x-flv")
	header.Set("Cache-Control", "no-store")
	header.Set("Connection", "close")
	switch {
	case r.Method == http.MethodHead:
		w.WriteHeader(http.StatusOK)
	case r.Method != http.MethodGet:
		header.Set("Allow", "GET, HEAD")
		refuse(w, "405 a live stream takes GET", http.StatusMethodNotAllowed)
	case r.Header.Get("Upgrade") != "":
		refuse(w, "501 live streams are not served over WebSocket: use http", http.StatusNotImplemented)
	default:
		h.watch(w, r, &session.Watch{Vhost: r.Vhost, App: app, Stream: stream, Page: r.Referer()})
	}
	return true
}

func refuse(w http.ResponseWriter, text string, code int) {
	w.Header().Del("Content-Type")
	http.Error(w, text, code)
}

// watch moves the connection to the loop. Whether the client may play is the session's to say.
func (h *live) watch(w http.ResponseWriter, r *web.Request, request *session.Watch) {
	var head bytes.Buffer
	head.WriteString("HTTP/1.1 200 OK\r\n")
	_ = w.Header().Write(&head) // never fails: memory
	head.WriteString("\r\n")
	request.Head = head.Bytes()
	c, err := hijack(w)
	if err != nil {
		refuse(w, "500 "+err.Error(), http.StatusInternalServerError)
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

// hijack takes a request's connection. What the client has sent behind the request is lost,
// which is right: it asked for all that this connection can carry.
func hijack(w http.ResponseWriter) (*webConn, error) {
	hijacked, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	c, ok := hijacked.(*webConn)
	if !ok {
		_ = hijacked.Close()
		return nil, errors.New("engine: no connection of a webListener's")
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}
