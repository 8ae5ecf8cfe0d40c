// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"net"
	"os"

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
	url := exampleURL(e.Addrs()[0])
	log.Info("", "publish with: ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=25 -f lavfi -i sine "+
		"-c:v libx264 -preset veryfast -tune zerolatency -g 50 -c:a aac -f flv "+url)
	log.Info("", "play with: ffplay "+url)
}

// exampleURL is a URL under which a listener can be reached from this machine.
func exampleURL(a net.Addr) string {
	host, port := "127.0.0.1", 1935
	if t, ok := a.(*net.TCPAddr); ok {
		port = t.Port
		if len(t.IP) > 0 && !t.IP.IsUnspecified() {
			host = t.IP.String()
		}
	}
	switch {
	case port != 1935:
		host = net.JoinHostPort(host, fmt.Sprint(port))
	case net.ParseIP(host).To4() == nil:
		host = "[" + host + "]"
	}
	return "rtmp://" + host + "/live/livestream"
}
