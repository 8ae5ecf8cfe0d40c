// SPDX-License-Identifier: MIT

package page

import (
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"strings"

	"srsd/conf"
	"srsd/engine/web"
)

// description is page.json: how streams of one vhost can be published and played. Paths have
// [app] and [stream] in them; "" is what the vhost has not.
type description struct {
	Version string `json:"version"`
	Vhost   string `json:"vhost"`
	Named   bool   `json:"named"` // not the default one: URLs of streams begin with it
	API     bool   `json:"api"`   // on this port
	RTMP    int    `json:"rtmp"`  // port
	RTMPS   int    `json:"rtmps"` // port; 0: none
	FLV     string `json:"flv"`   // also over WebSocket
	TS      string `json:"ts"`
	HLS     string `json:"hls"`
	LowHLS  bool   `json:"low_latency"`
	Dash    string `json:"dash"`
}

func (p *Page) describe(w http.ResponseWriter, r *web.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	v := r.Vhost
	if v == nil {
		http.Error(w, "404 no vhost serves this host name", http.StatusNotFound)
		return
	}
	d := description{
		Version: p.version, Vhost: v.Name, Named: v.Name != conf.DefaultVhost, API: p.config.HTTPAPI.Shared,
		RTMP: port(p.config.Listen), LowHLS: v.HLS.LowLatency,
	}
	if p.config.RTMPS.Enabled {
		d.RTMPS = port(p.config.RTMPS.Listen)
	}
	if v.HTTPRemux.Enabled {
		switch v.HTTPRemux.Format { //nolint:exhaustive // a picture is to be seen
		case conf.RemuxFLV:
			d.FLV = mount(v.HTTPRemux.Mount)
		case conf.RemuxTS:
			d.TS = mount(v.HTTPRemux.Mount)
		}
	}
	if v.Dash.Enabled {
		d.Dash = file(v, v.Dash.MPDFile)
		if v.Dash.HLS {
			d.HLS = file(v, v.Dash.HLSFile())
		}
	}
	if v.HLS.Enabled {
		d.HLS = file(v, v.HLS.M3U8File)
	}
	b, err := json.Marshal(d)
	if err != nil {
		http.Error(w, "500 "+err.Error(), http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n'))
}

// mount turns http_remux's into a path: a vhost in front of it is the URL's host name.
func mount(name string) string {
	return "/" + strings.TrimPrefix(strings.TrimPrefix(name, "[vhost]"), "/")
}

// file turns the name of a playlist or a manifest into a path.
func file(v *conf.Vhost, name string) string {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "./"), "/")
	return "/" + strings.ReplaceAll(name, "[vhost]", v.Name)
}

// port is that of the first listener.
func port(listen []string) int {
	if len(listen) == 0 {
		return 0
	}
	_, text, _ := net.SplitHostPort(listen[0]) // conf has made them
	n, _ := strconv.Atoi(text)
	return n
}
