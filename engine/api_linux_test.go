// SPDX-License-Identifier: MIT

package engine

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What Linux says of the process and the machine is what it says elsewhere, too.
func TestAPIMachine(t *testing.T) {
	_, c := startAPI(t, "http_api { enabled on; }", "")
	data := func(name string) map[string]any { return c.get("/api/v1/" + name)["data"].(map[string]any) }
	var before, after unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &before)
	r := data("rusages")
	_ = unix.Getrusage(unix.RUSAGE_SELF, &after)
	if n := r["ru_minflt"].(float64); r["ok"] != true || n < float64(before.Minflt) || n > float64(after.Minflt) ||
		r["ru_maxrss"].(float64) < float64(before.Maxrss) {
		t.Errorf("rusages %v; %d to %d page faults", r, before.Minflt, after.Minflt)
	}
	if p := data("self_proc_stats"); p["ok"] != true || p["pid"] != float64(os.Getpid()) ||
		p["ppid"] != float64(os.Getppid()) || p["rss"].(float64) < 100 || !strings.HasPrefix(p["comm"].(string), "(") ||
		p["num_threads"].(float64) < 2 || p["vsize"].(float64) < 1<<20 || p["state"] == "" {
		t.Errorf("self_proc_stats %v", p)
	}
	if p := data("system_proc_stats"); p["ok"] != true || p["idle"].(float64)+p["user"].(float64) <= 0 ||
		p["percent"].(float64) < 0 || p["percent"].(float64) > 1 {
		t.Errorf("system_proc_stats %v", p)
	}
	var info unix.Sysinfo_t
	_ = unix.Sysinfo(&info)
	total := float64(info.Totalram) * float64(info.Unit) / 1024
	if m := data("meminfos"); m["ok"] != true || m["MemTotal"].(float64) < total*0.9 ||
		m["MemTotal"].(float64) > total*1.1 ||
		m["NotInUse"].(float64)+m["RealInUse"].(float64) != m["MemTotal"] || m["percent_ram"].(float64) <= 0 {
		t.Errorf("meminfos %v, in all %v", m, total)
	}
	if a := data("authors"); a["license"] != "MIT" {
		t.Errorf("authors %v", a)
	}
}
