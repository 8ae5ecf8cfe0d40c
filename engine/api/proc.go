// SPDX-License-Identifier: MIT

package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"srsd/engine/web"
)

// What Linux says of this process and its machine, with the kernel's names.

// sampled is what such answers begin with.
type sampled struct {
	OK         bool  `json:"ok"` // the system tells
	SampleTime int64 `json:"sample_time"`
}

// rusage is getrusage(2) of this process.
type rusage struct {
	sampled
	UserTime   int64 `json:"ru_utime"` // s
	SystemTime int64 `json:"ru_stime"` // s
	MaxRSS     int64 `json:"ru_maxrss"`
	IxRSS      int64 `json:"ru_ixrss"`
	IDRSS      int64 `json:"ru_idrss"`
	IsRSS      int64 `json:"ru_isrss"`
	MinFlt     int64 `json:"ru_minflt"`
	MajFlt     int64 `json:"ru_majflt"`
	NSwap      int64 `json:"ru_nswap"`
	InBlock    int64 `json:"ru_inblock"`
	OuBlock    int64 `json:"ru_oublock"`
	MsgSnd     int64 `json:"ru_msgsnd"`
	MsgRcv     int64 `json:"ru_msgrcv"`
	NSignals   int64 `json:"ru_nsignals"`
	NVCSw      int64 `json:"ru_nvcsw"`
	NIvCSw     int64 `json:"ru_nivcsw"`
}

func (s *Server) rusages(w http.ResponseWriter, _ *web.Request, _ string) {
	var r unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_SELF, &r)
	send(w, withData{s.envelope(), rusage{
		sampled{err == nil, time.Now().UnixMilli()},
		whole(r.Utime.Sec), whole(r.Stime.Sec), whole(r.Maxrss), whole(r.Ixrss), whole(r.Idrss), whole(r.Isrss),
		whole(r.Minflt), whole(r.Majflt), whole(r.Nswap), whole(r.Inblock), whole(r.Oublock), whole(r.Msgsnd),
		whole(r.Msgrcv), whole(r.Nsignals), whole(r.Nvcsw), whole(r.Nivcsw),
	}})
}

// whole is a number of the kernel's, which has 32 bits on some machines.
func whole[T int32 | int64](n T) int64 { return int64(n) }

// processNames are the fields of /proc/self/stat behind the program's name (proc(5)), and systemNames
// those of /proc/stat's first line.
var (
	processNames = strings.Fields("state ppid pgrp session tty_nr tpgid flags minflt cminflt majflt cmajflt utime stime " +
		"cutime cstime priority nice num_threads itrealvalue starttime vsize rss rsslim startcode endcode startstack " +
		"kstkesp kstkeip signal blocked sigignore sigcatch wchan nswap cnswap exit_signal processor rt_priority policy " +
		"delayacct_blkio_ticks guest_time cguest_time")
	systemNames = strings.Fields("user nice sys idle iowait irq softirq steal guest")
)

// selfProcStats is /proc/self/stat, times in ticks of 10 ms, and the share of a core.
func (s *Server) selfProcStats(w http.ResponseWriter, _ *web.Request, _ string) {
	stat := afterName()
	me, _, _ := s.machine.look(time.Now())
	data := named(processNames, stat)
	data["state"] = "" // the only one that is no number
	if len(stat) > 0 {
		data["state"] = stat[0]
	}
	data["pid"], data["comm"], data["percent"] = unix.Getpid(), processName(), me.CPUPercent
	data["ok"], data["sample_time"] = len(stat) > 0, time.Now().UnixMilli()
	send(w, withData{s.envelope(), data})
}

// systemProcStats is the first line of /proc/stat, in ticks of 10 ms, and the share of all cores.
func (s *Server) systemProcStats(w http.ResponseWriter, _ *web.Request, _ string) {
	rows := fields("/proc/stat")
	var cpu []string
	if len(rows) > 0 {
		cpu = rows[0][1:]
	}
	_, sys, _ := s.machine.look(time.Now())
	data := named(systemNames, cpu)
	data["ok"], data["sample_time"], data["percent"] = len(cpu) > 0, time.Now().UnixMilli(), sys.CPUPercent
	send(w, withData{s.envelope(), data})
}

// named gives numbers their names; one that is not there is 0.
func named(names, values []string) map[string]any {
	data := make(map[string]any, len(names))
	for i, name := range names {
		data[name] = json.Number("0")
		if i < len(values) && json.Valid([]byte(values[i])) {
			data[name] = json.Number(values[i])
		}
	}
	return data
}

// processName is the program's name as the kernel has it: "(srsd)".
func processName() string {
	for _, f := range fields("/proc/self/comm") {
		return "(" + strings.Join(f, " ") + ")"
	}
	return ""
}

// meminfo is /proc/meminfo, KB.
type meminfo struct {
	sampled
	PercentRAM  float64 `json:"percent_ram"`  // 0 to 1
	PercentSwap float64 `json:"percent_swap"` // 0 to 1
	Active      int64   `json:"MemActive"`    // not free
	RealInUse   int64   // neither free nor a cache of files
	NotInUse    int64
	MemTotal    int64
	MemFree     int64
	Buffers     int64
	Cached      int64
	SwapTotal   int64
	SwapFree    int64
}

func (s *Server) meminfos(w http.ResponseWriter, _ *web.Request, _ string) {
	kb := memoryKB()
	m := meminfo{
		sampled:  sampled{kb["MemTotal"] > 0, time.Now().UnixMilli()},
		MemTotal: int64(kb["MemTotal"]), MemFree: int64(kb["MemFree"]), Buffers: int64(kb["Buffers"]),
		Cached: int64(kb["Cached"]), SwapTotal: int64(kb["SwapTotal"]), SwapFree: int64(kb["SwapFree"]),
	}
	m.Active = m.MemTotal - m.MemFree
	m.RealInUse = m.Active - m.Buffers - m.Cached
	m.NotInUse = m.MemTotal - m.RealInUse
	if m.MemTotal > 0 {
		m.PercentRAM = float64(m.RealInUse) / float64(m.MemTotal)
	}
	if m.SwapTotal > 0 {
		m.PercentSwap = float64(m.SwapTotal-m.SwapFree) / float64(m.SwapTotal)
	}
	send(w, withData{s.envelope(), m})
}

func (s *Server) authors(w http.ResponseWriter, _ *web.Request, _ string) {
	send(w, withData{s.envelope(), struct {
		License      string `json:"license"`
		Contributors string `json:"contributors"`
	}{"MIT", "the authors of srsd: see the history of its repository"}})
}
