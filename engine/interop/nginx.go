// SPDX-License-Identifier: MIT

package interop

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// nginxModule is where Debian has nginx-rtmp.
const nginxModule = "/usr/lib/nginx/modules/ngx_rtmp_module.so"

// nginx is a running nginx-rtmp with everything it writes in a folder of the test.
type nginx struct {
	*process
	port int
}

// startNginx runs nginx-rtmp with these applications (blocks of its rtmp server) and
// waits until it accepts.
func startNginx(t *testing.T, applications string) *nginx {
	t.Helper()
	program := "/usr/sbin/nginx" // in no PATH but root's
	if found, err := exec.LookPath("nginx"); err == nil {
		program = found
	}
	for _, file := range []string{program, nginxModule} {
		if _, err := os.Stat(file); err != nil {
			missing(t, err.Error())
		}
	}
	dir := t.TempDir()
	n := &nginx{port: freePort(t)}
	conf := filepath.Join(dir, "nginx.conf")
	writeFile(t, conf, fmt.Sprintf(`load_module %s;
daemon off;
master_process off;
pid nginx.pid;
error_log stderr info;
events { worker_connections 64; }
rtmp {
    access_log off;
    server {
        listen 127.0.0.1:%d;
        chunk_size 4096;
        %s
    }
}
`, nginxModule, n.port, applications))
	n.process = startProcess(t, program, "-p", dir, "-c", conf, "-e", "stderr")
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(n.port))
	if !eventually(readyWithin, func() bool {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err == nil || !n.running()
	}) || !n.running() {
		t.Fatalf("nginx is not ready within %v\n%s", readyWithin, n.out.tail())
	}
	return n
}

// url is rtmp://host:port/ followed by path.
func (n *nginx) url(path string) string {
	return "rtmp://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(n.port)) + "/" + strings.TrimPrefix(path, "/")
}
