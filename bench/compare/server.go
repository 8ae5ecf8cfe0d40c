// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// server is a program that is there. Immutable.
type server struct {
	kind    kind
	path    string // absolute
	version string // as the program tells it
	module  string // nginx: the RTMP module's file; empty if it is built in
}

// nginxModule is where Debian has nginx' RTMP module.
const nginxModule = "/usr/lib/nginx/modules/ngx_rtmp_module.so"

// places is where the command line says that programs are; empty: where they usually are.
type places struct {
	Srsd        string `default:"objs/srsd" placeholder:"PATH" help:"srsd (${default})."`
	Srsbench    string `default:"objs/srsbench" placeholder:"PATH" help:"srsbench: client, and floor (${default})."`
	Nginx       string `placeholder:"PATH" help:"nginx (in PATH, or /usr/sbin/nginx)."`
	NginxModule string `default:"${nginxModule}" placeholder:"PATH" help:"Its RTMP module (${default})."`
	SRS         string `name:"srs" placeholder:"PATH" help:"SRS (in PATH: srs)."`
	Mediamtx    string `placeholder:"PATH" help:"mediamtx (in PATH)."`
	Lal         string `placeholder:"PATH" help:"lalserver (in PATH)."`
}

// names are where to look for a server of a kind, best first.
func (p *places) names(k kind) []string {
	given := map[kind]string{
		srsd: p.Srsd, floor: p.Srsbench, nginx: p.Nginx, srs: p.SRS, mediamtx: p.Mediamtx, lal: p.Lal,
	}[k]
	if given != "" {
		return []string{given}
	}
	return map[kind][]string{
		nginx: {"nginx", "/usr/sbin/nginx"}, srs: {"srs"}, mediamtx: {"mediamtx"}, lal: {"lalserver"},
	}[k]
}

// errMissing: a program is not there.
var errMissing = errors.New("not found")

// find looks for the server of a kind and asks its version. Error: errMissing, wrapped with where it was looked for.
func (p *places) find(ctx context.Context, k kind) (*server, error) {
	names := p.names(k)
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil && !errors.Is(err, exec.ErrDot) {
			continue
		}
		if path, err = filepath.Abs(path); err != nil {
			return nil, fmt.Errorf("%w: %w", errMissing, err)
		}
		s := &server{kind: k, path: path, version: versionOf(ctx, k, path)}
		if _, err := os.Stat(p.NginxModule); k == nginx && err == nil {
			s.module = p.NginxModule
		}
		return s, nil
	}
	return nil, fmt.Errorf("%w: %v", errMissing, names)
}

// versionTime is how long a program may take to tell its version.
const versionTime = 5 * time.Second

// versionText is what a version looks like, in whatever else a program says.
var versionText = regexp.MustCompile(`\bv?\d+\.\d+(\.\d+)?(\+[-\w]+)?`)

// versionOf asks a program for its version; "unknown" if it does not tell.
func versionOf(ctx context.Context, k kind, path string) string {
	flag := map[kind]string{mediamtx: "--version", floor: "--version"}[k]
	if flag == "" {
		flag = "-v"
	}
	ctx, cancel := context.WithTimeout(ctx, versionTime)
	defer cancel()
	b, _ := exec.CommandContext(ctx, path, flag).CombinedOutput() // some exit with 1
	v := versionText.FindString(string(b))
	if v == "" {
		return "unknown"
	}
	if k == nginx {
		v += moduleVersion(ctx)
	}
	return v
}

// moduleVersion is that of nginx' RTMP module as Debian packs it; the module itself does not tell.
func moduleVersion(ctx context.Context) string {
	b, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-rtmp").Output()
	if err != nil {
		return ""
	}
	version := string(b)
	if _, after, ok := strings.Cut(version, ":"); ok { // Debian's epoch
		version = after
	}
	return " with RTMP module " + version
}

// settings is what a server's configuration depends on.
type settings struct {
	port        int
	dir         string // where it may write; removed afterwards
	connections int    // most at a time
	kbps        int    // of a stream
	vhost       string // srsd: what stands in its vhost
}

// command is the server, configured and ready to start, with its core to itself.
func (s *server) command(o settings) (*exec.Cmd, error) {
	config := filepath.Join(o.dir, configFile(s.kind))
	if text := s.config(o); text != "" {
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	var args, env []string
	switch s.kind {
	case srsd, srs, lal:
		args = []string{"-c", config}
	case nginx:
		args = []string{"-p", o.dir, "-e", filepath.Join(o.dir, "error.log"), "-c", config}
	case mediamtx:
		args = []string{config}
	case floor:
		args = []string{
			"floor", "--listen", fmt.Sprintf("127.0.0.1:%d", o.port),
			"--kbps", fmt.Sprint(o.kbps), "--window", floorWindow.String(),
		}
	}
	if s.kind == mediamtx || s.kind == lal {
		env = append(env, "GOMAXPROCS=1")
	}
	cmd := exec.Command(s.path, args...)
	cmd.Dir = o.dir
	cmd.Env = append(os.Environ(), env...)
	return cmd, nil
}
