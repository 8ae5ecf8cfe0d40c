// SPDX-License-Identifier: MIT

// Package static serves files over HTTP: recordings, segments of other programs, pages.
//
// What is served lies below one directory: no path and no symbolic link leads out of it
// (os.Root). Names that begin with a dot, and those of files that are being written, are not
// there; neither are directories, but for their index.html, and neither is what is no regular
// file. It runs off the event loop.
package static

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"srsd/conf"
	"srsd/engine/web"
)

// rangesMax is how many ranges one request may ask for: each is a seek and a part of its own.
const rangesMax = 16

// index is the file that stands for its directory.
const index = "index.html"

// Files is a web.Handler. Immutable.
type Files struct {
	config *conf.Config
	within time.Duration // pieceWithin; a test's is shorter
}

// New returns what serves the directories of http_server and of each vhost's http_static.
func New(config *conf.Config) *Files { return &Files{config: config, within: pieceWithin} }

// Serve implements web.Handler.
func (f *Files) Serve(w http.ResponseWriter, r *web.Request) bool {
	dir, name := f.place(r)
	if !visible(name) {
		return false
	}
	root, err := os.OpenRoot(dir)
	if err != nil { // it may come later
		return false
	}
	defer func() { _ = root.Close() }()
	if name == "" || strings.HasSuffix(name, "/") {
		name += index
	} else if isDir(root, name) {
		if !exists(root, name+"/"+index) {
			return false
		}
		w.Header().Set("Location", "./"+url.PathEscape(path.Base(name))+"/")
		w.WriteHeader(http.StatusMovedPermanently)
		return true
	}
	file, info, ok := open(root, name)
	if !ok {
		return false
	}
	defer func() { _ = file.Close() }()
	if !web.GetOrHead(w, r) {
		return true
	}
	f.send(w, r.Request, file, info)
	return true
}

// place returns the directory that a request is about, and the path below it.
func (f *Files) place(r *web.Request) (dir, name string) {
	if v := r.Vhost; v != nil && v.HTTPStatic.Enabled {
		if rest, below := strings.CutPrefix(r.Path, mount(v)); below {
			return strings.ReplaceAll(v.HTTPStatic.Dir, "[vhost]", v.Name), rest
		}
	}
	return f.config.HTTPServer.Dir, r.Path[1:]
}

// mount is where a vhost's files begin. A vhost's name at the beginning, as in SRS's
// "[vhost]/", is what the request was found by already.
func mount(v *conf.Vhost) string {
	m := v.HTTPStatic.Mount
	if !strings.HasPrefix(m, "/") {
		_, m, _ = strings.Cut(m, "/")
		m = "/" + m
	}
	m = strings.ReplaceAll(m, "[vhost]", v.Name)
	if !strings.HasSuffix(m, "/") {
		m += "/"
	}
	return m
}

// visible says whether a name is one that may be served.
func visible(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") {
			return false
		}
	}
	ext := path.Ext(name)
	return ext != ".tmp" && ext != ".temp"
}

func isDir(root *os.Root, name string) bool {
	info, err := root.Stat(name)
	return err == nil && info.IsDir()
}

func exists(root *os.Root, name string) bool {
	_, err := root.Stat(name)
	return err == nil
}

// open opens a regular file. A pipe does not hold it up.
func open(root *os.Root, name string) (file *os.File, info os.FileInfo, ok bool) {
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, false
	}
	if info, err = file.Stat(); err != nil || !info.Mode().IsRegular() {
		_ = file.Close()
		return nil, nil, false
	}
	return file, info, true
}

// send answers with a file, or what is asked for of it.
func (f *Files) send(w http.ResponseWriter, r *http.Request, file *os.File, info os.FileInfo) {
	h := w.Header()
	ext := strings.ToLower(path.Ext(info.Name()))
	h.Set("Content-Type", typeOf(ext))
	h.Set("Cache-Control", "no-cache") // ask each time, by the ETag
	content, size, tag := io.ReadSeeker(file), info.Size(), ""
	query := r.URL.Query()
	switch {
	case ext == ".flv" && query.Get("start") != "":
		part, err := seekFLV(file, size, query.Get("start"))
		if err != nil {
			http.Error(w, "416 "+err.Error(), http.StatusRequestedRangeNotSatisfiable)
			return
		}
		content, size = part, part.Size()
		tag = "-" + query.Get("start")
	case ext == ".mp4" && r.Header.Get("Range") == "":
		asked := query.Get("range")
		if asked == "" {
			asked = query.Get("bytes")
		}
		if asked != "" {
			r.Header.Set("Range", "bytes="+asked)
		}
	}
	if strings.Count(r.Header.Get("Range"), ",") >= rangesMax {
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		http.Error(w, fmt.Sprintf("416 more than %d ranges", rangesMax), http.StatusRequestedRangeNotSatisfiable)
		return
	}
	h.Set("ETag", fmt.Sprintf(`"%x-%x%s"`, info.ModTime().UnixNano(), info.Size(), tag))
	http.ServeContent(newPaced(w, f.within), r, "", info.ModTime(), content)
}
