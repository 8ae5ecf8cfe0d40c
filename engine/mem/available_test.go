// SPDX-License-Identifier: MIT

package mem

import (
	"testing"
	"testing/fstest"
)

// TestCgroupLimits: what /proc and the control groups of both versions may look like.
func TestCgroupLimits(t *testing.T) {
	const mib = 1 << 20
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  Available
	}{
		{"no control groups", nil, Available{1024 * mib, "machine"}},
		{"version 2, its own group", map[string]string{
			"proc/self/cgroup": "0::/system.slice/srsd.service\n",
			"sys/fs/cgroup/system.slice/srsd.service/memory.max": "536870912\n",
			"sys/fs/cgroup/system.slice/memory.max":              "max\n",
		}, Available{512 * mib, "/sys/fs/cgroup/system.slice/srsd.service/memory.max"}},
		{"version 2, a parent's limit is less", map[string]string{
			"proc/self/cgroup":             "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max": "536870912\n",
			"sys/fs/cgroup/a/memory.max":   "268435456\n",
		}, Available{256 * mib, "/sys/fs/cgroup/a/memory.max"}},
		{"version 2, a container that sees its group as the root", map[string]string{
			"proc/self/cgroup":         "0::/\n",
			"sys/fs/cgroup/memory.max": "100000000",
		}, Available{100_000_000, "/sys/fs/cgroup/memory.max"}},
		{"version 2, a path from outside of the container", map[string]string{
			"proc/self/cgroup":         "0::/../../docker/abc\n",
			"sys/fs/cgroup/memory.max": "100000000",
		}, Available{100_000_000, "/sys/fs/cgroup/memory.max"}},
		{"version 2, more than the machine has", map[string]string{
			"proc/self/cgroup":         "0::/\n",
			"sys/fs/cgroup/memory.max": "99999999999",
		}, Available{1024 * mib, "machine"}},
		{"version 1", map[string]string{
			"proc/self/cgroup": "12:cpu,cpuacct:/x\n5:memory:/docker/abc\n1:name=systemd:/x\n",
			"sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "536870912\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":            "9223372036854771712\n",
		}, Available{512 * mib, "/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes"}},
		{"version 1 in a container", map[string]string{
			"proc/self/cgroup":                           "5:memory:/docker/abc\n0::/docker/abc\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n",
		}, Available{512 * mib, "/sys/fs/cgroup/memory/memory.limit_in_bytes"}},
		{"version 1 without a limit", map[string]string{
			"proc/self/cgroup":                           "5:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, Available{1024 * mib, "machine"}},
		{"nonsense", map[string]string{
			"proc/self/cgroup":         "hello\n0::\n::::\n",
			"sys/fs/cgroup/memory.max": "-5 apples\n",
		}, Available{1024 * mib, "machine"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			system := fstest.MapFS{}
			for name, text := range tc.files {
				system[name] = &fstest.MapFile{Data: []byte(text)}
			}
			got := Available{}.least(1024*mib, "machine").inCgroup(system)
			if got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}

// TestFindAvailable: this machine has some memory, and says so on Linux.
func TestFindAvailable(t *testing.T) {
	if a := FindAvailable(); a.From != "" && a.Bytes < 16<<20 {
		t.Errorf("%+v", a)
	}
}

// TestOutside: it follows what is allocated, and does not count slabs.
func TestOutside(t *testing.T) {
	h := NewOutside()
	before := h.Bytes()
	if before < 1<<20 || before > 8<<30 {
		t.Fatalf("%d bytes at first", before)
	}
	b := make([]byte, 256<<20)
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	with := h.Bytes()
	if with-before < 200<<20 {
		t.Errorf("256 MiB more count as %d", with-before)
	}
	var p Pool
	for range 1000 {
		p.Get()[0] = 1
	}
	if grown := h.Bytes() - with; grown > 8<<20 {
		t.Errorf("31 MiB of slabs count as %d bytes of heap", grown)
	}
	if p.Bytes() != 1000*SlabBytes {
		t.Errorf("%d bytes of slabs", p.Bytes())
	}
	_ = b[0]
}
