// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"net"
	"os"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"srsd/conf"
	"srsd/engine"
	"srsd/engine/journal"
)

// levels maps the configuration's log levels to zap's.
var levels = [...]zapcore.Level{
	conf.LevelTrace: journal.LevelTrace,
	conf.LevelDebug: zapcore.DebugLevel,
	conf.LevelInfo:  zapcore.InfoLevel,
	conf.LevelWarn:  zapcore.WarnLevel,
	conf.LevelError: zapcore.ErrorLevel,
}

// greet says what listens where, and what to type to see it work.
func greet(log *journal.Log, cfg *conf.Config, name string, e *engine.Engine) {
	log.Info("", "srsd starts", zap.String("version", version), zap.Int("pid", os.Getpid()),
		zap.String("configuration", name), zap.Int("max_connections", cfg.MaxConnections))
	for _, a := range e.Addrs() {
		log.Info("", "listening", zap.String("rtmp", a.String()))
	}
	for _, a := range e.RTMPSAddrs() {
		log.Info("", "listening", zap.String("rtmps", a.String()))
	}
	for _, a := range e.HTTPAddrs() {
		log.Info("", "listening", zap.String("http", a.String()))
	}
	for _, a := range e.HTTPSAddrs() {
		log.Info("", "listening", zap.String("https", a.String()))
	}
	for _, a := range e.APIAddrs() {
		log.Info("", "listening", zap.String("http_api", a.String()))
	}
	url := exampleURL("rtmp", e.Addrs()[0])
	log.Info("", "publish with: ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=25 -f lavfi -i sine "+
		"-c:v libx264 -preset veryfast -tune zerolatency -g 50 -c:a aac -f flv "+url)
	log.Info("", "play with: ffplay "+url)
	if list := e.RTMPSAddrs(); len(list) > 0 {
		log.Info("", "over TLS with: "+exampleURL("rtmps", list[0]))
	}
	for _, a := range e.HTTPAddrs() {
		log.Info("", "watch on the page "+origin("http", a)+"/")
	}
	for _, u := range webURLs(cfg.Vhost(conf.DefaultVhost), e.HTTPAddrs(), e.HTTPSAddrs()) {
		log.Info("", "over "+u)
	}
}

// webURLs are where a vhost, nil if there is none, offers the example's stream over HTTP and, as FLV, over
// WebSocket: "HTTP with: http://...".
func webURLs(v *conf.Vhost, plain, secure []net.Addr) (urls []string) {
	for _, path := range httpPaths(v) {
		for _, by := range []struct {
			name, scheme, socket string
			addrs                []net.Addr
		}{{"HTTP", "http", "ws", plain}, {"HTTPS", "https", "wss", secure}} {
			for _, a := range by.addrs {
				urls = append(urls, by.name+" with: "+origin(by.scheme, a)+path)
				if strings.HasSuffix(path, ".flv") { // only http_remux ends so, and it has both at one place
					urls = append(urls, "WebSocket with: "+origin(by.socket, a)+path)
				}
			}
		}
	}
	return urls
}

// httpPaths are where a vhost, nil if there is none, offers the example's stream over HTTP.
func httpPaths(v *conf.Vhost) (paths []string) {
	if v == nil {
		return nil
	}
	for _, output := range []struct {
		enabled bool
		name    string
	}{
		{v.HTTPRemux.Enabled, strings.TrimPrefix(v.HTTPRemux.Mount, "[vhost]")},
		{v.HLS.Enabled, v.HLS.M3U8File},
		{v.Dash.Enabled, v.Dash.MPDFile},
		{v.Dash.Enabled && v.Dash.HLS, v.Dash.HLSFile()},
	} {
		if output.enabled {
			name := strings.TrimPrefix(strings.TrimPrefix(output.name, "./"), "/")
			paths = append(paths, "/"+strings.NewReplacer(
				"[vhost]", v.Name, "[app]", exampleApp, "[stream]", exampleStream).Replace(name))
		}
	}
	return paths
}

const exampleApp, exampleStream = "live", "livestream"

// defaultPorts need not stand in a URL.
var defaultPorts = map[string]int{"rtmp": 1935, "rtmps": 443, "http": 80, "https": 443, "ws": 80, "wss": 443}

// exampleURL is the example's stream on an RTMP listener.
func exampleURL(scheme string, a net.Addr) string {
	return origin(scheme, a) + "/" + exampleApp + "/" + exampleStream
}

// origin is how a listener can be reached from this machine.
func origin(scheme string, a net.Addr) string {
	host, port := "127.0.0.1", defaultPorts[scheme]
	if t, ok := a.(*net.TCPAddr); ok {
		port = t.Port
		if len(t.IP) > 0 && !t.IP.IsUnspecified() {
			host = t.IP.String()
		}
	}
	switch {
	case port != defaultPorts[scheme]:
		host = net.JoinHostPort(host, fmt.Sprint(port))
	case net.ParseIP(host).To4() == nil:
		host = "[" + host + "]"
	}
	return scheme + "://" + host
}
