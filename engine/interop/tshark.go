// SPDX-License-Identifier: MIT

package interop

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// capture is a running capture of the loopback traffic of one port.
type capture struct {
	*process
	file string
	port int
}

// startCapture captures the port's traffic; it skips the test where that is not allowed.
func startCapture(t *testing.T, port int) *capture {
	t.Helper()
	requireTool(t, "dumpcap", "tshark")
	c := &capture{file: filepath.Join(t.TempDir(), "session.pcapng"), port: port}
	// -B: MiB of kernel buffer, so that a busy machine loses no packet.
	c.process = startProcess(t, "dumpcap", "-q", "-i", "lo", "-B", "32",
		"-f", "tcp port "+strconv.Itoa(port), "-w", c.file)
	const limit = 5 * time.Second
	eventually(limit, func() bool { return strings.Contains(c.out.String(), "File: ") || !c.running() })
	if !c.running() {
		missing(t, "dumpcap cannot capture: "+c.out.tail())
	}
	// dumpcap names its file just before the first packet can be seen.
	pause(settle)
	return c
}

func (c *capture) stop(t *testing.T) {
	t.Helper()
	c.signal(t, syscall.SIGINT)
	c.mustSucceed(t, replyWithin)
}

// fields dissects the capture as RTMP and returns one line per packet that matches
// filter, with these fields separated by tabs.
func (c *capture) fields(t *testing.T, filter string, fields ...string) []string {
	t.Helper()
	// The dissector ignores an announced chunk size above its preference (32768 by default).
	args := []string{
		"-o", "rtmpt.max_packet_size:131072", "-r", c.file,
		"-d", fmt.Sprintf("tcp.port==%d,rtmpt", c.port), "-Y", filter, "-T", "fields",
	}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	cmd := exec.Command("tshark", args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, stderr.String())
	}
	text := strings.TrimRight(string(out), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
