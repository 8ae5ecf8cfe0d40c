// SPDX-License-Identifier: MIT

package engine

import (
	"context"
	"net"
	"time"

	"srsd/conf"
	"srsd/engine/api"
	"srsd/engine/session"
	"srsd/engine/snapshot"
	"srsd/engine/web"
)

// kickWithin is how long the loop may take to end a client.
const kickWithin = 3 * time.Second

// newAPI makes the API, if it is on, and binds its own listeners, if it has any.
func (e *Engine) newAPI() (err error) {
	c := &e.opts.Config.HTTPAPI
	if !c.Enabled {
		return nil
	}
	board := snapshot.New(e.opts.Config, e.loop.survey)
	if e.hls != nil {
		board.Beside = e.hlsClients
	}
	e.api = api.New(e.opts.Config, e.opts.Version, board, e.kickClient)
	if c.Shared {
		return nil
	}
	e.apiWeb.server = web.New(e.opts.Config, c.CrossDomain, e.opts.Log, e.api, api.Index{Server: e.api})
	e.apiWeb.seats = newSeats(e.opts.Config.Budgets.IsExempt)
	return e.apiWeb.listen(e.opts.Config, "http_api", c.Listen, &c.HTTPS, e.opts.Log)
}

// survey asks the loop for what it knows of its sessions.
func (l *loop) survey(done func(*snapshot.Survey)) error {
	return l.post(func() { l.core.Survey(done) })
}

// hlsClients are the players of HLS that have a session, as clients: they have no connection on the loop.
func (e *Engine) hlsClients(atMs int64) (clients []snapshot.Client) {
	for _, v := range e.hls.Viewers() {
		clients = append(clients, snapshot.Client{
			ID: v.ID, Role: snapshot.RolePlayHLS, Addr: v.Addr, Vhost: v.Of.Vhost, Stream: v.Of.String(),
			OpenedMs: atMs - v.Age.Milliseconds(), Sent: v.Sent,
		})
	}
	return clients
}

// kickClient ends a client by its id, from any goroutine. It returns false if there is none.
func (e *Engine) kickClient(ctx context.Context, id string) (bool, error) {
	if e.hls != nil && e.hls.Kick(id) {
		return true, nil
	}
	return e.loop.kickClient(ctx, id)
}

// kickClient ends a client of the loop's.
func (l *loop) kickClient(ctx context.Context, id string) (bool, error) {
	found := make(chan bool, 1)
	err := l.post(func() {
		m := l.core.Find(id)
		if m != nil {
			l.core.Kick(m, session.ReasonKicked, "by the HTTP API")
		}
		found <- m != nil
	})
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, kickWithin)
	defer cancel()
	select {
	case ok := <-found:
		return ok, nil
	case <-ctx.Done():
		return false, snapshot.ErrLate
	}
}

// APIAddrs returns the addresses that New bound for the API alone, if any.
func (e *Engine) APIAddrs() []net.Addr { return addrs(e.apiWeb.plain) }

// CheckAPI looks at the certificate of http_api, as CheckRTMPS does.
func CheckAPI(cfg *conf.Config) (warning string, err error) {
	c := &cfg.HTTPAPI
	if !c.Enabled || !c.HTTPS.Enabled {
		return "", nil
	}
	return checkCertificate(certificateFiles(cfg, "http_api.https", c.HTTPS.Key, c.HTTPS.Cert, cfg.WorkDir))
}
