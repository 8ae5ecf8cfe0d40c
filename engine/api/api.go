// SPDX-License-Identifier: MIT

// Package api is the HTTP API: SRS's URLs, envelope and keys, answered from a snapshot. It runs
// off the event loop. openapi.json describes it.
//
// Answers are always application/json: there is no JSONP, and no DELETE in the disguise of a GET.
package api

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"srsd/conf"
	"srsd/engine/snapshot"
	"srsd/engine/web"
)

// Kick ends the client of that id. It returns false if there is none.
type Kick func(ctx context.Context, id string) (bool, error)

// Server is a web.Handler for what is below /api/. *off-loop*.
type Server struct {
	config  *conf.Config
	version string
	board   *snapshot.Board
	kick    Kick
	machine machine
	started time.Time
	routes  []route
}

// route is one URL.
type route struct {
	path    string // with a slash at its end, something may follow
	help    string
	methods string // "GET", or "GET, DELETE"; HEAD is GET
	serve   func(s *Server, w http.ResponseWriter, r *web.Request, rest string)
}

//go:embed openapi.json
var description []byte

// New returns the API of a server. version is as -v prints it.
func New(config *conf.Config, version string, board *snapshot.Board, kick Kick) *Server {
	return &Server{
		config: config, version: version, board: board, kick: kick, started: time.Now(),
		routes: []route{
			{"/api", "", "GET", (*Server).top},
			{"/api/", "", "GET", (*Server).top},
			{"/api/v1", "", "GET", (*Server).index},
			{"/api/v1/versions", "the version of this server", "GET", (*Server).versions},
			{"/api/v1/summaries", "this process and its machine", "GET", (*Server).summaries},
			{"/api/v1/rusages", "what this process has used (getrusage)", "GET", (*Server).rusages},
			{"/api/v1/self_proc_stats", "this process, as Linux counts it", "GET", (*Server).selfProcStats},
			{"/api/v1/system_proc_stats", "all cores, as Linux counts them", "GET", (*Server).systemProcStats},
			{"/api/v1/meminfos", "the memory of the machine", "GET", (*Server).meminfos},
			{"/api/v1/authors", "license and authors", "GET", (*Server).authors},
			{"/api/v1/features", "what is built in", "GET", (*Server).features},
			{"/api/v1/vhosts/", "all vhosts, or one by its id", "GET", (*Server).vhosts},
			{"/api/v1/streams/", "streams, with start and count, or one by its id or by ?url=", "GET", (*Server).streams},
			{
				"/api/v1/clients/", "clients, with start and count, or one by its id; DELETE kicks it", "GET, DELETE",
				(*Server).clients,
			},
			{"/api/v1/raw", "", "GET", (*Server).raw},
			{"/api/v1/openapi.json", "this API's description", "GET", (*Server).openAPI},
		},
	}
}

// Serve implements web.Handler.
func (s *Server) Serve(w http.ResponseWriter, r *web.Request) bool {
	if r.Path != "/api" && !strings.HasPrefix(r.Path, "/api/") {
		return false
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if !s.authorized(r) {
		s.challenge(w)
		return true
	}
	found, rest, ok := s.find(r.Path)
	switch {
	case !ok:
		http.Error(w, "404 no such URL; /api/v1 has a list", http.StatusNotFound)
	case !allows(found.methods, r.Method):
		h.Set("Allow", found.methods+", HEAD")
		http.Error(w, "405 takes "+found.methods, http.StatusMethodNotAllowed)
	default:
		found.serve(s, w, r, rest)
	}
	return true
}

// find returns the route of a path, and what follows it.
func (s *Server) find(path string) (found *route, rest string, ok bool) {
	for i := range s.routes {
		one := &s.routes[i]
		if path == one.path || strings.TrimSuffix(path, "/") == strings.TrimSuffix(one.path, "/") {
			return one, "", true
		}
		if rest, below := strings.CutPrefix(path, one.path); below && strings.Count(one.path, "/") > len("//") &&
			strings.HasSuffix(one.path, "/") && !strings.Contains(rest, "/") {
			return one, rest, true
		}
	}
	return nil, "", false
}

func allows(methods, method string) bool {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	return method != "" && strings.Contains(methods, method)
}

// picture returns a snapshot, or answers the request with an error.
func (s *Server) picture(w http.ResponseWriter, r *web.Request) *snapshot.Snapshot {
	shot, err := s.board.Get(r.Context())
	if err != nil {
		unavailable(w, err)
		return nil
	}
	return shot
}

// unavailable: the loop is stuck, or has ended.
func unavailable(w http.ResponseWriter, err error) {
	http.Error(w, "503 "+err.Error(), http.StatusServiceUnavailable)
}

// send answers with v. What it is made of is a server's, so that it can be encoded.
func send(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "500 "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n'))
}

// Codes of errors, as SRS has them. The HTTP status is 200 all the same.
const (
	codeRawDisabled = 1061
	codeNoVhost     = 2014
	codeNoStream    = 2048
	codeNoClient    = 2049
)

// fail answers with an error.
func fail(w http.ResponseWriter, code int) { send(w, failure{Code: code}) }

func (s *Server) openAPI(w http.ResponseWriter, _ *web.Request, _ string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(description)
}

// raw is SRS's way of changing a running server, which is off by default there.
func (s *Server) raw(w http.ResponseWriter, _ *web.Request, _ string) { fail(w, codeRawDisabled) }

// Index is a web.Handler for / on listeners of the API's own: the list of what there is.
type Index struct{ *Server }

// Serve implements web.Handler.
func (s Index) Serve(w http.ResponseWriter, r *web.Request) bool {
	if r.Path != "/" || !allows("GET", r.Method) {
		return false
	}
	s.top(w, r, "")
	return true
}
