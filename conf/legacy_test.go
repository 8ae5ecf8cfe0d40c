// SPDX-License-Identifier: MIT

package conf

import "testing"

func TestModernize(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"http_stream", "http_stream { a; }", "http_server()@1{a()@1}"},
		{"http", "vhost v {\nhttp { a; }\n}", "vhost(v)@1{http_static()@2{a()@2}}"},
		{"hstrs", "vhost v { http_remux { hstrs on; mount x; } }", "vhost(v)@1{http_remux()@1{mount(x)@1}}"},
		{"refer", "vhost v {\nrefer a b;\n}", "vhost(v)@1{refer()@2{all(a,b)@2 enabled(on)@2}}"},
		{
			"refer of each kind", "vhost v {\nrefer a;\nrefer_play b;\nrefer_publish c;\n}",
			"vhost(v)@1{refer()@2{all(a)@2 enabled(on)@2 play(b)@3 publish(c)@4}}",
		},
		{"new refer", "vhost v { refer { all a; } }", "vhost(v)@1{refer()@1{all(a)@1}}"},
		{"mr", "vhost v {\nmr {\nenabled on;\nlatency 1;\n}\n}", "vhost(v)@1{publish()@3{mr(on)@3 mr_latency(1)@4}}"},
		{
			"timeouts", "vhost v {\npublish_1stpkt_timeout 1;\npublish_normal_timeout 2;\n}",
			"vhost(v)@1{publish()@2{firstpkt_timeout(1)@2 normal_timeout(2)@3}}",
		},
		{
			"into an existing block, before it", "vhost v {\natc on;\nplay { atc_auto on; }\n}",
			"vhost(v)@1{play()@3{atc_auto(on)@3 atc(on)@2}}",
		},
		{
			"into an existing block, after it", "vhost v {\nplay { }\nmw_latency 1;\n}",
			"vhost(v)@1{play()@2{mw_latency(1)@3}}",
		},
		{"forward", "vhost v {\nforward a b;\n}", "vhost(v)@1{forward()@2{destination(a,b)@2 enabled(on)@2}}"},
		{"new forward", "vhost v { forward { destination a; } }", "vhost(v)@1{forward()@1{destination(a)@1}}"},
		{
			"cluster", "vhost v { mode remote; origin a b; token_traverse on; vhost x; debug_srs_upnode off; }",
			"vhost(v)@1{cluster()@1{mode(remote)@1 origin(a,b)@1 token_traverse(on)@1 vhost(x)@1 debug_srs_upnode(off)@1}}",
		},
		{
			"nack and twcc", "vhost v { nack { enabled on; no_copy off; } twcc { enabled off; } }",
			"vhost(v)@1{rtc()@1{nack(on)@1 nack_no_copy(off)@1 twcc(off)@1}}",
		},
		{
			"aac and bframe", "vhost v { rtc { aac transcode; bframe discard; } }",
			"vhost(v)@1{rtc()@1{rtmp_to_rtc(on)@1 keep_bframe(off)@1}}",
		},
		{"rtc_server", "rtc_server { perf_stat on; queue_length 1; listen 1; }", "rtc_server()@1{listen(1)@1}"},
		{"srt_server", "srt_server { tlpkdrop on; }", "srt_server()@1{tlpktdrop(on)@1}"},
		{
			"stream_caster", "stream_caster { host h; wait_keyframe on; sip { realm x; listen 1; } }",
			"stream_caster()@1{sip()@1{listen(1)@1 candidate(h)@1}}",
		},
		{"stream_caster without sip", "stream_caster {\nhost h;\n}", "stream_caster()@1{sip()@2{candidate(h)@2}}"},
		{"rtmp", "rtmp { listen 1; x; chunk_size 2; }", "rtmp()@1{x()@1} listen(1)@1 chunk_size(2)@1"},
		{"every shadow of play", `vhost v { time_jitter a; mix_correct a; atc a; atc_auto a; mw_latency a; gop_cache a;
gop_cache_max_frames a; queue_length a; send_min_interval a; reduce_sequence_header a; }`, "vhost(v)@1{play()@1{" +
			"time_jitter(a)@1 mix_correct(a)@1 atc(a)@1 atc_auto(a)@1 mw_latency(a)@1 gop_cache(a)@1 " +
			"gop_cache_max_frames(a)@2 queue_length(a)@2 send_min_interval(a)@2 reduce_sequence_header(a)@2}}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rep := newReport()
			r := newReader(rep)
			r.read = memory{"c.conf": tc.in}.read
			got := dump(modernize(r.file("c.conf"), rep))
			wantError(t, rep.err(), "")
			if got != tc.want {
				t.Errorf("tree %s, want %s", got, tc.want)
			}
		})
	}
}

func TestModernizeWarns(t *testing.T) {
	cfg, warnings, err := loadText(inVhost("gop_cache off;\nmr { enabled on; latency 7; }\nhttp_remux { hstrs on; }") +
		"vhost b {\ngop_cache off;\n}")
	wantError(t, err, "")
	wantWarnings(t, warnings,
		"c.conf:4: vhost.http_remux.hstrs was removed from SRS and has no effect",
		"c.conf:2: vhost.gop_cache is an old spelling of vhost.play.gop_cache",
		"c.conf:3: vhost.mr.enabled is an old spelling of vhost.publish.mr",
		"c.conf:3: vhost.mr.latency is an old spelling of vhost.publish.mr_latency",
	)
	for _, v := range cfg.Vhosts {
		if v.Play.GopCache {
			t.Errorf("%s: gop_cache is on", v.Name)
		}
	}
	if p := cfg.Vhosts[0].Publish; !p.MR || p.MRLatencyMs != 7 {
		t.Errorf("publish %+v", p)
	}
}

// An error in an old spelling points at the line where it stands.
func TestLegacyErrors(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{inVhost("gop_cache maybe;"), `c.conf:2: vhost.play.gop_cache: "maybe" is neither on nor off`},
		{inVhost("mr { latencies 1; }"), `c.conf:2: unknown directive "latencies" in vhost.mr`},
		{inVhost("mr on;"), `c.conf:2: unknown directive "mr" in vhost; it belongs in vhost.publish`},
		{inVhost("forward;"), "c.conf:2: vhost.forward: takes a block { ... }"},
	} {
		_, _, err := loadText(tc.in)
		wantError(t, err, tc.want)
	}
}
