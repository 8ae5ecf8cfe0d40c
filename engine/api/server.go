// SPDX-License-Identifier: MIT

package api

import (
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"srsd/engine/web"
)

// What is about the server as a whole.

// top lists what there is, as far as SRS does there.
func (s *Server) top(w http.ResponseWriter, _ *web.Request, _ string) {
	send(w, struct {
		envelope
		URLs any `json:"urls"`
	}{s.envelope(), map[string]string{"api": "the api root", "api/v1": "version 1 of the API, and its URLs"}})
}

// index lists the URLs of version 1.
func (s *Server) index(w http.ResponseWriter, _ *web.Request, _ string) {
	urls := map[string]string{}
	for i := range s.routes {
		if name, ok := strings.CutPrefix(s.routes[i].path, "/api/v1/"); ok && s.routes[i].help != "" {
			urls[strings.TrimSuffix(name, "/")] = s.routes[i].help
		}
	}
	send(w, struct {
		envelope
		URLs any `json:"urls"`
	}{s.envelope(), urls})
}

func (s *Server) versions(w http.ResponseWriter, _ *web.Request, _ string) {
	release, _, _ := strings.Cut(s.version, "+")
	var part [3]int
	for i, text := range strings.SplitN(release, ".", len(part)) {
		part[i], _ = strconv.Atoi(text) // a release has three numbers
	}
	send(w, withData{s.envelope(), struct {
		Major    int    `json:"major"`
		Minor    int    `json:"minor"`
		Revision int    `json:"revision"`
		Version  string `json:"version"`
	}{part[0], part[1], part[2], s.version}})
}

// features says what is built in and what is not, in SRS's words.
func (s *Server) features(w http.ResponseWriter, _ *web.Request, _ string) {
	send(w, withData{s.envelope(), struct {
		Options  string          `json:"options"`
		Options2 string          `json:"options2"`
		Build    string          `json:"build"`
		Build2   string          `json:"build2"`
		Features map[string]bool `json:"features"`
	}{
		Build: s.version, Build2: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH,
		Features: map[string]bool{
			"ssl": true, "hls": true, "hds": true, "callback": false, "api": true, "httpd": true, "dvr": true,
			"transcode": false, "ingest": false, "stat": true, "caster": false, "complex_send": true,
			"tcp_nodelay": true, "so_sendbuf": true, "mr": true,
		},
	}})
}

// self is this process.
type self struct {
	Version    string  `json:"version"`
	PID        int     `json:"pid"`
	PPID       int     `json:"ppid"`
	Argv       string  `json:"argv"`
	CWD        string  `json:"cwd"`
	MemKbyte   int64   `json:"mem_kbyte"`
	MemPercent float64 `json:"mem_percent"`
	CPUPercent float64 `json:"cpu_percent"` // of one core
	Uptime     int64   `json:"srs_uptime"`  // seconds
}

// system is the machine.
type system struct {
	CPUPercent     float64 `json:"cpu_percent"` // of all cores
	DiskReadKBps   int64   `json:"disk_read_KBps"`
	DiskWriteKBps  int64   `json:"disk_write_KBps"`
	DiskBusy       float64 `json:"disk_busy_percent"` // of the busiest
	MemRAMKbyte    int64   `json:"mem_ram_kbyte"`
	MemRAMPercent  float64 `json:"mem_ram_percent"`
	MemSwapKbyte   int64   `json:"mem_swap_kbyte"`
	MemSwapPercent float64 `json:"mem_swap_percent"`
	CPUs           int     `json:"cpus"`
	CPUsOnline     int     `json:"cpus_online"`
	Uptime         float64 `json:"uptime"`
	IdleTime       float64 `json:"ilde_time"` // SRS's spelling
	Load1          float64 `json:"load_1m"`
	Load5          float64 `json:"load_5m"`
	Load15         float64 `json:"load_15m"`
	NetSampleTime  int64   `json:"net_sample_time"`
	NetRecv        int64   `json:"net_recv_bytes"`  // of all interfaces but lo
	NetSend        int64   `json:"net_send_bytes"`  // the same
	NetRecvI       int64   `json:"net_recvi_bytes"` // of lo and the other inner ones
	NetSendI       int64   `json:"net_sendi_bytes"` // the same
	SRSSampleTime  int64   `json:"srs_sample_time"`
	SRSRecv        int64   `json:"srs_recv_bytes"`
	SRSSend        int64   `json:"srs_send_bytes"`
	ConnSys        int64   `json:"conn_sys"`
	ConnSysET      int64   `json:"conn_sys_et"` // established
	ConnSysTW      int64   `json:"conn_sys_tw"` // in TIME_WAIT
	ConnSysUDP     int64   `json:"conn_sys_udp"`
	ConnSRS        int     `json:"conn_srs"`
}

func (s *Server) summaries(w http.ResponseWriter, r *web.Request, _ string) {
	shot := s.picture(w, r)
	if shot == nil {
		return
	}
	cwd, _ := os.Getwd() // "" if it is gone
	me, sys, ok := s.machine.look(time.Now())
	me.Version, me.PID, me.PPID = s.version, os.Getpid(), os.Getppid()
	me.Argv, me.CWD, me.Uptime = strings.Join(os.Args, " "), cwd, int64(time.Since(s.started).Seconds())
	sys.SRSSampleTime, sys.SRSRecv, sys.SRSSend = shot.Taken.UnixMilli(), shot.Received, shot.Sent
	sys.ConnSRS = shot.Connections
	send(w, withData{s.envelope(), struct {
		OK     bool   `json:"ok"`
		NowMs  int64  `json:"now_ms"`
		Self   self   `json:"self"`
		System system `json:"system"`
	}{ok, time.Now().UnixMilli(), me, sys}})
}
