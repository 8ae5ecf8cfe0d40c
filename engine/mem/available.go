// SPDX-License-Identifier: MIT

package mem

import (
	"bufio"
	"bytes"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Available is how much memory this process may use at all, and who says so. Bytes 0 means
// that nobody does.
type Available struct {
	Bytes int64
	From  string // "machine", or the file that says it
}

// least keeps the smaller of two bounds.
func (a Available) least(bytes int64, from string) Available {
	if bytes > 0 && (a.Bytes == 0 || bytes < a.Bytes) {
		return Available{Bytes: bytes, From: from}
	}
	return a
}

// control group controllers are mounted below this path, both versions of them.
const cgroupRoot = "sys/fs/cgroup"

// inCgroup lowers a to what the process's control groups allow: the smallest limit from its
// own group up to the root, since each holds for all below it. In a container the path that
// /proc names often lies outside of what is mounted; its limit is the root's then.
func (a Available) inCgroup(system fs.FS) Available {
	groups, err := fs.ReadFile(system, "proc/self/cgroup")
	if err != nil {
		return a
	}
	for s := bufio.NewScanner(bytes.NewReader(groups)); s.Scan(); {
		// hierarchy-ID:controllers:path; version 2 has 0 and no controllers (cgroups(7)).
		fields := strings.SplitN(s.Text(), ":", 3)
		if len(fields) != 3 {
			continue
		}
		mount, file := "", ""
		switch {
		case fields[0] == "0" && fields[1] == "":
			mount, file = cgroupRoot, "memory.max"
		case hasController(fields[1], "memory"):
			mount, file = path.Join(cgroupRoot, "memory"), "memory.limit_in_bytes"
		default:
			continue
		}
		for at := path.Join("/", fields[2]); ; at = path.Dir(at) {
			name := path.Join(mount, at, file)
			a = a.least(readLimit(system, name), "/"+name)
			if at == "/" {
				break
			}
		}
	}
	return a
}

func hasController(list, want string) bool {
	for c := range strings.SplitSeq(list, ",") {
		if c == want {
			return true
		}
	}
	return false
}

// unlimited is version 1's way to say "max": 2^63 rounded down to pages, whatever their size.
const unlimited = 1 << 62

// readLimit returns the number in a file; 0 if there is none, or no limit.
func readLimit(system fs.FS, name string) int64 {
	text, err := fs.ReadFile(system, name)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n >= unlimited { // "max" is no number
		return 0
	}
	return n
}
