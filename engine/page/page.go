// SPDX-License-Identifier: MIT

// Package page is the web page: what is live, and a player. All of it is in the program; it
// asks nobody but this server for anything.
//
// What it shows comes from the HTTP API, if that is on http_server's listeners, and from
// page.json, which says how streams of a vhost can be had. It runs off the event loop.
package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io"
	"net/http"
	"path"
	"strings"

	"srsd/conf"
	"srsd/engine/web"
)

// dir is where the page's own files are.
const dir = "/srsd/"

// policy is what the page may load: nothing from elsewhere, no script and no style but its own
// files. Players need blob: for what they hand to the browser.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

//go:embed ui/* lib/*.gz
var files embed.FS

// libraries are the names in URLs, whose content never changes, and what they are in lib/.
var libraries = map[string]string{
	"lib/mpegts-1.8.2.js": "lib/mpegts.js.gz",
	"lib/hls-1.7.4.js":    "lib/hls.min.js.gz",
	"lib/dash-5.2.1.js":   "lib/dash.mediaplayer.min.js.gz",
}

// Page is the page of a server. Immutable.
type Page struct {
	config  *conf.Config
	version string
	assets  map[string]*asset // by the path below dir
}

// asset is a file. Immutable.
type asset struct {
	zipped []byte // gzip
	kind   string // MIME type
	tag    string // ETag
	fixed  bool   // its name has its version
}

// New returns the page. version is as -v prints it.
func New(config *conf.Config, version string) (*Page, error) {
	p := &Page{config: config, version: version, assets: map[string]*asset{}}
	for name, file := range libraries {
		b, err := files.ReadFile(file)
		if err != nil {
			return nil, err
		}
		p.add(name, b, true)
	}
	list, err := files.ReadDir("ui")
	if err != nil {
		return nil, err
	}
	for _, one := range list {
		b, err := files.ReadFile("ui/" + one.Name())
		if err != nil {
			return nil, err
		}
		var zipped bytes.Buffer
		z := gzip.NewWriter(&zipped)
		if _, err := z.Write(b); err != nil {
			return nil, err
		}
		if err := z.Close(); err != nil {
			return nil, err
		}
		p.add(one.Name(), zipped.Bytes(), false)
	}
	return p, nil
}

func (p *Page) add(name string, zipped []byte, fixed bool) {
	sum := sha256.Sum256(zipped)
	kind := map[string]string{
		".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
		".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	}[path.Ext(name)]
	p.assets[name] = &asset{zipped: zipped, kind: kind, tag: `"` + hex.EncodeToString(sum[:8]) + `"`, fixed: fixed}
}

// Serve implements web.Handler, for what is below /srsd/.
func (p *Page) Serve(w http.ResponseWriter, r *web.Request) bool {
	name, ok := strings.CutPrefix(r.Path, dir)
	if !ok {
		return false
	}
	if name == "page.json" {
		if web.GetOrHead(w, r) {
			p.describe(w, r)
		}
		return true
	}
	if name == "" {
		name = "index.html"
	}
	a := p.assets[name]
	if a == nil {
		return false
	}
	a.serve(w, r)
	return true
}

// Front is a web.Handler for /: the page, unless somebody who is asked before has one of his own.
type Front struct{ *Page }

// Serve implements web.Handler.
func (f Front) Serve(w http.ResponseWriter, r *web.Request) bool {
	if r.Path != "/" {
		return false
	}
	f.assets["index.html"].serve(w, r)
	return true
}

func (a *asset) serve(w http.ResponseWriter, r *web.Request) {
	if !web.GetOrHead(w, r) {
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("ETag", a.tag)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache") // ask each time, by the ETag
	if a.fixed {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if r.Header.Get("If-None-Match") == a.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		_, _ = w.Write(a.zipped)
		return
	}
	z, err := gzip.NewReader(bytes.NewReader(a.zipped))
	if err != nil { // a test reads all of them
		http.Error(w, "500 "+err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = io.Copy(w, z)
}
