// SPDX-License-Identifier: MIT

package conf

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
)

// FuzzLoad: no text makes the reader panic, hang or lie. What loads is within
// every range, and what does not says where.
func FuzzLoad(f *testing.F) {
	for _, file := range []string{"rtmp.conf", "realtime.conf", "full.conf"} {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), "")
	}
	f.Add("include x;", "listen 1935; vhost a { include c.conf; }")
	f.Add("listen 1935 [::]:1935; include x;", "vhost \"a\" { play { queue_length 1.5; } mr { enabled on; } }")
	f.Add("rtmp { listen 0.0.0.0:1; chunk_size 1; } vhost a { forward b c; refer d; http { } }", "")
	f.Add("listen 1; proxy_protocol { enabled on; trusted ::1 10.0.0.1/8; } vhost a { include x; }",
		"security { enabled on; allow play all; deny publish ::ffff:10.0.0.0/104; } refer { enabled on; all a.com .b; }")
	f.Add("vhost a\n{ x 'y\" \\\"; ${z} }}\r\n#", "\ufeff\x00\xff")
	f.Fuzz(func(t *testing.T, text, included string) {
		files := memory{"c.conf": text, "x": included}
		cfg, warnings, err := files.load()
		checkOutcome(t, cfg, warnings, err)
		again, _, errAgain := files.load()
		if (again == nil) != (cfg == nil) || err != nil && err.Error() != errAgain.Error() {
			t.Fatalf("two loads differ: %v, %v", err, errAgain)
		}
	})
}

// FuzzEnv is the same for variables, alone and together with a file.
func FuzzEnv(f *testing.F) {
	const file = "listen 1936; vhost __defaultVhost__ { play { gop_cache off; } }"
	f.Add("LISTEN", "1935 [::1]:1936", "MAX_CONNECTIONS", "10kk", file)
	f.Add("VHOST_PLAY_QUEUE_LENGTH", "0.0001", "VHOST_CHUNK_SIZE", "99999999999", file)
	f.Add("LOG_LEVEL_V2", "debug", "VHOST_PLAY_GOPCACHE", "on", file)
	f.Add("VHOST_SECURITY_ALLOW", "play all; publish 10.0.0.0/8;", "PROXY_PROTOCOL_TRUSTED", "::1 10.0.0.0/8", file)
	f.Add("VHOST_PLAY_GOP_CACHE", "on", "VHOST_PLAY_GOP_CACHE", "off", "vhost a { } vhost b { play { gop_cache on; } }")
	f.Fuzz(func(t *testing.T, name, v, name2, v2, text string) {
		environ := []string{"SRS_" + name + "=" + v, "PATH=/bin", "SRS_" + name2 + "=" + v2}
		cfg, warnings, err := LoadEnv(environ)
		checkOutcome(t, cfg, warnings, err)
		cfg, warnings, err = memory{"c.conf": text}.load(environ...)
		checkOutcome(t, cfg, warnings, err)
	})
}

func checkOutcome(t *testing.T, cfg *Config, warnings []Warning, err error) {
	t.Helper()
	for _, w := range warnings {
		if w.File == "" || w.Msg == "" {
			t.Fatalf("empty warning %+v", w)
		}
	}
	if err != nil {
		checkErrors(t, cfg, err)
		return
	}
	checkConfig(t, cfg)
	for _, v := range cfg.Vhosts {
		if cfg.Vhost(v.Name) != v {
			t.Fatalf("vhost %q is not found", v.Name)
		}
		checkVhost(t, v)
	}
}

func checkErrors(t *testing.T, cfg *Config, err error) {
	t.Helper()
	var all *LoadError
	if cfg != nil || !errors.As(err, &all) || len(all.List) == 0 || len(all.List) > errorsMax {
		t.Fatalf("with Config %v the error is %T %v", cfg, err, err)
	}
	for _, one := range all.List {
		if one.File == "" || one.Line < 0 || one.Msg == "" || strings.ContainsAny(one.Msg, "\n\r\x00") {
			t.Fatalf("error %+v", one)
		}
	}
}

func checkConfig(t *testing.T, cfg *Config) {
	t.Helper()
	if len(cfg.Listen) == 0 || cfg.MaxConnections < 1 || cfg.MaxConnections > maxConnectionsMax ||
		cfg.ChunkSize < chunkBytesLow || cfg.ChunkSize > chunkBytesMax || cfg.PithyPrintMs < pithyPrintMsMin ||
		cfg.Pid == "" || cfg.WorkDir == "" || cfg.Log.File == "" ||
		cfg.Log.Level > LevelError || cfg.Log.Tank > TankFile {
		t.Fatalf("out of range: %+v", cfg)
	}
	for _, address := range cfg.Listen {
		if _, err := net.ResolveTCPAddr("tcp", address); err != nil {
			t.Fatalf("listen %q: %v", address, err)
		}
	}
}

func checkVhost(t *testing.T, v *Vhost) {
	t.Helper()
	p, q := v.Play, v.Publish
	switch {
	case v.Name == "",
		v.ChunkSize < chunkBytesLow, v.ChunkSize > chunkBytesMax,
		v.InAckBytes > windowBytesMax, v.OutAckBytes > windowBytesMax,
		p.GopCacheMaxFrames < 0, p.GopCacheMaxFrames > gopFramesMax,
		p.QueueLengthMs < queueSecondsMin*secondMs, p.QueueLengthMs > queueSecondsMax*secondMs,
		p.TimeJitter > JitterOff,
		p.MwLatencyMs < 0, p.MwLatencyMs > latencyMsMax,
		p.MwMsgs < 0, p.MwMsgs > mwMsgsHigh,
		!(p.SendMinIntervalMs >= 0 && p.SendMinIntervalMs <= latencyMsMax),
		q.MRLatencyMs < 0, q.MRLatencyMs > latencyMsMax,
		q.FirstPacketTimeoutMs < timeoutMsMin, q.FirstPacketTimeoutMs > timeoutMsMax,
		q.NormalTimeoutMs < timeoutMsMin, q.NormalTimeoutMs > timeoutMsMax,
		q.KickoffForIdleMs < 0, q.KickoffForIdleMs > kickoffSecondMax*secondMs,
		v.MinLatency && q.MR:
		t.Fatalf("out of range: %+v", v)
	}
}
