// SPDX-License-Identifier: MIT

package api

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// machine reads what Linux tells in /proc (proc(5)). Elsewhere there is nothing to read. Shares
// of time are those since the sample before, which is 3 s old at least; since the start of
// machine or process when there is none.
type machine struct {
	mu          sync.Mutex
	then, later times // samples
	self        self
	system      system
	ok          bool
}

// times are counters that grow.
type times struct {
	at                    time.Time
	busy, all, own        float64            // s, of all cores; of this process
	diskRead, diskWritten float64            // bytes
	diskBusy              map[string]float64 // s
}

const (
	sampleEvery = 3 * time.Second
	tick        = 100.0 // USER_HZ, of all of Linux's architectures that Go knows
	sectorBytes = 512
)

// look returns what the process and the machine are doing. ok: the system tells.
func (m *machine) look(now time.Time) (self, system, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.later.at.IsZero() || now.Sub(m.later.at) >= sampleEvery {
		m.then = m.later
		m.sample(now)
	}
	return m.self, m.system, m.ok
}

func (m *machine) sample(now time.Time) {
	m.self, m.system = self{}, system{CPUs: runtime.NumCPU(), CPUsOnline: runtime.NumCPU()}
	t := times{at: now, diskBusy: map[string]float64{}}
	m.memory()
	m.load()
	m.ok = t.cpu()
	t.disks()
	network(&m.system)
	sockets(&m.system)
	m.system.NetSampleTime = now.UnixMilli()
	m.later = t
	m.shares(&t, &m.then)
}

// shares turns counters into parts of what went by between two samples.
func (m *machine) shares(t, before *times) {
	if all := t.all - before.all; all > 0 {
		m.system.CPUPercent = (t.busy - before.busy) / all
		if !before.at.IsZero() {
			m.self.CPUPercent = (t.own - before.own) / t.at.Sub(before.at).Seconds()
		} else if up := m.system.Uptime - processStart(); up > 0 {
			m.self.CPUPercent = t.own / up
		}
	}
	if before.at.IsZero() {
		return
	}
	elapsed := t.at.Sub(before.at).Seconds()
	m.system.DiskReadKBps = int64((t.diskRead - before.diskRead) / elapsed / 1024)
	m.system.DiskWriteKBps = int64((t.diskWritten - before.diskWritten) / elapsed / 1024)
	for name, busy := range t.diskBusy {
		m.system.DiskBusy = max(m.system.DiskBusy, min((busy-before.diskBusy[name])/elapsed, 1))
	}
}

// memory reads /proc/meminfo and the process's resident size.
func (m *machine) memory() {
	kb := memoryKB()
	total, swap := kb["MemTotal"], kb["SwapTotal"]
	m.system.MemRAMKbyte, m.system.MemSwapKbyte = int64(total), int64(swap)
	if swap > 0 {
		m.system.MemSwapPercent = (swap - kb["SwapFree"]) / swap
	}
	if rows := fields("/proc/self/statm"); len(rows) == 1 && len(rows[0]) > 1 {
		m.self.MemKbyte = int64(float(rows[0][1])) * int64(os.Getpagesize()) / 1024
	}
	if total > 0 {
		m.system.MemRAMPercent = (total - kb["MemAvailable"]) / total
		m.self.MemPercent = float64(m.self.MemKbyte) / total
	}
}

// memoryKB reads /proc/meminfo.
func memoryKB() map[string]float64 {
	kb := map[string]float64{}
	for _, f := range fields("/proc/meminfo") {
		if len(f) > 1 {
			kb[strings.TrimSuffix(f[0], ":")] = float(f[1])
		}
	}
	return kb
}

func (m *machine) load() {
	if rows := fields("/proc/uptime"); len(rows) == 1 && len(rows[0]) == 2 {
		m.system.Uptime, m.system.IdleTime = float(rows[0][0]), float(rows[0][1])
	}
	if rows := fields("/proc/loadavg"); len(rows) == 1 && len(rows[0]) > 2 {
		m.system.Load1, m.system.Load5, m.system.Load15 = float(rows[0][0]), float(rows[0][1]), float(rows[0][2])
	}
}

// cpu reads the times of all cores and of this process.
func (t *times) cpu() bool {
	rows := fields("/proc/stat")
	if len(rows) == 0 || len(rows[0]) < 9 {
		return false
	}
	for i, text := range rows[0][1:9] { // guest time is in the others
		v := float(text) / tick
		if t.all += v; i != 3 && i != 4 { // idle, iowait
			t.busy += v
		}
	}
	stat := afterName()
	if len(stat) > 12 {
		t.own = (float(stat[11]) + float(stat[12])) / tick // utime, stime
	}
	return true
}

// afterName returns the fields of /proc/self/stat behind the name, which may have anything in it.
func afterName() []string {
	b, _ := os.ReadFile("/proc/self/stat") // not there: nothing
	return strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
}

// processStart is when the process began, s since the machine did.
func processStart() float64 {
	if stat := afterName(); len(stat) > 19 {
		return float(stat[19]) / tick
	}
	return 0
}

// disks reads /proc/diskstats, of whole disks that are a device of their own.
func (t *times) disks() {
	for _, f := range fields("/proc/diskstats") {
		if len(f) < 13 || strings.HasPrefix(f[2], "loop") || strings.HasPrefix(f[2], "ram") {
			continue
		}
		if _, err := os.Stat(filepath.Join("/sys/block", filepath.Base(f[2]))); err != nil {
			continue // a partition
		}
		t.diskRead += float(f[5]) * sectorBytes
		t.diskWritten += float(f[9]) * sectorBytes
		t.diskBusy[f[2]] = float(f[12]) / 1000
	}
}

// network reads /proc/net/dev. Inner interfaces are lo and those of containers.
func network(s *system) {
	for _, f := range fields("/proc/net/dev") {
		name, ok := strings.CutSuffix(f[0], ":")
		if !ok || len(f) < 10 {
			continue
		}
		in, out := int64(float(f[1])), int64(float(f[9]))
		if name == "lo" || strings.HasPrefix(name, "docker") || strings.HasPrefix(name, "veth") ||
			strings.HasPrefix(name, "br-") {
			s.NetRecvI += in
			s.NetSendI += out
			continue
		}
		s.NetRecv += in
		s.NetSend += out
	}
}

// sockets reads /proc/net/sockstat and sockstat6, and the number of established connections.
func sockets(s *system) {
	for _, file := range []string{"/proc/net/sockstat", "/proc/net/sockstat6"} {
		for _, f := range fields(file) {
			for i := 1; i+1 < len(f); i += 2 {
				n := int64(float(f[i+1]))
				switch f[0] + f[i] {
				case "TCP:inuse", "TCP6:inuse":
					s.ConnSys += n
				case "TCP:tw":
					s.ConnSysTW = n
					s.ConnSys += n
				case "UDP:inuse", "UDP6:inuse":
					s.ConnSysUDP += n
				}
			}
		}
	}
	var names []string
	for _, f := range fields("/proc/net/snmp") {
		if f[0] != "Tcp:" {
			continue
		}
		if names == nil {
			names = f
			continue
		}
		for i := range min(len(names), len(f)) {
			if names[i] == "CurrEstab" {
				s.ConnSysET = int64(float(f[i]))
			}
		}
	}
}

// fields returns the words of a file's lines that have any; none if it cannot be read.
func fields(file string) (rows [][]string) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 0 {
			rows = append(rows, f)
		}
	}
	return rows
}

// float reads a number of /proc; one that is none is 0.
func float(text string) float64 {
	f, _ := strconv.ParseFloat(text, 64)
	return f
}
