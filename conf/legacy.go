// SPDX-License-Identifier: MIT

package conf

import "slices"

// place is where a directive of a vhost stands.
type place struct{ block, name string }

// movedInVhost are the directives that older SRS releases had directly in a
// vhost. A vhost within a vhost is the cluster's.
var movedInVhost = map[string]place{
	"time_jitter":            {"play", "time_jitter"},
	"mix_correct":            {"play", "mix_correct"},
	"atc":                    {"play", "atc"},
	"atc_auto":               {"play", "atc_auto"},
	"mw_latency":             {"play", "mw_latency"},
	"gop_cache":              {"play", "gop_cache"},
	"gop_cache_max_frames":   {"play", "gop_cache_max_frames"},
	"queue_length":           {"play", "queue_length"},
	"send_min_interval":      {"play", "send_min_interval"},
	"reduce_sequence_header": {"play", "reduce_sequence_header"},

	"publish_1stpkt_timeout": {"publish", "firstpkt_timeout"},
	"publish_normal_timeout": {"publish", "normal_timeout"},

	"mode":             {"cluster", "mode"},
	"origin":           {"cluster", "origin"},
	"token_traverse":   {"cluster", "token_traverse"},
	"vhost":            {"cluster", "vhost"},
	"debug_srs_upnode": {"cluster", "debug_srs_upnode"},
}

// switchedOn are the lists that older releases had in place of a block; having
// one meant that the block is enabled.
var switchedOn = map[string]place{
	"refer":         {"refer", "all"},
	"refer_play":    {"refer", "play"},
	"refer_publish": {"refer", "publish"},
	"forward":       {"forward", "destination"},
}

// brokenUp are blocks of older releases whose content moved.
var brokenUp = map[string]map[string]place{
	"mr":   {"enabled": {"publish", "mr"}, "latency": {"publish", "mr_latency"}},
	"nack": {"enabled": {"rtc", "nack"}, "no_copy": {"rtc", "nack_no_copy"}},
	"twcc": {"enabled": {"rtc", "twcc"}},
}

// modernize rewrites old spellings into today's, in the tree itself, and warns
// about each once. Every directive keeps its file and line. It also takes the
// listener's settings out of SRS 7's rtmp block, so that they are one and the
// same directive wherever they stand.
func modernize(root []*directive, rep *report) []*directive {
	out := make([]*directive, 0, len(root))
	for _, d := range root {
		out = append(out, d)
		w := rewriter{rep: rep, path: d.name}
		switch d.name {
		case "http_stream":
			w.rename(d, "", "http_server")
		case "rtc_server":
			w.drop(d, "perf_stat", "queue_length")
		case "srt_server":
			if old := d.child("tlpkdrop"); old != nil {
				w.rename(old, "srt_server", "tlpktdrop")
			}
		case "stream_caster":
			w.caster(d)
		case "rtmp":
			out = append(out, take(d, "listen", "chunk_size")...)
		case "vhost":
			w.vhost(d)
		}
	}
	return out
}

// take removes the children of those names from d and returns them.
func take(d *directive, names ...string) []*directive {
	var taken, kept []*directive
	for _, c := range d.block {
		if slices.Contains(names, c.name) {
			taken = append(taken, c)
		} else {
			kept = append(kept, c)
		}
	}
	d.block = kept
	return taken
}

// rewriter rewrites below one root directive.
type rewriter struct {
	rep  *report
	path string
}

func (w rewriter) old(pos Pos, from, to string) {
	w.rep.warnf("old "+from, pos, "%s is an old spelling of %s", from, to)
}

// rename renames d, which stands in the block of that path.
func (w rewriter) rename(d *directive, path, name string) {
	w.old(d.pos, join(path, d.name), join(path, name))
	d.name = name
}

// drop removes what once was known and has no meaning any more.
func (w rewriter) drop(d *directive, names ...string) {
	for _, c := range take(d, names...) {
		path := join(w.path, c.name)
		w.rep.warnf("drop "+path, c.pos, "%s was removed from SRS and has no effect", path)
	}
}

// caster rewrites GB28181's old settings.
func (w rewriter) caster(d *directive) {
	w.drop(d, "tcp_enable", "rtp_port_min", "rtp_port_max", "wait_keyframe", "rtp_idle_timeout",
		"audio_enable", "auto_create_channel")
	if sip := d.child("sip"); sip != nil {
		rewriter{rep: w.rep, path: join(w.path, "sip")}.drop(sip, "serial", "realm", "ack_timeout",
			"keepalive_timeout", "invite_port_fixed", "query_catalog_interval", "auto_play")
	}
	for _, host := range take(d, "host") {
		w.old(host.pos, "stream_caster.host", "stream_caster.sip.candidate")
		put(d, place{"sip", "candidate"}, host)
	}
}

// vhost rewrites one vhost. What is current stays; then every old directive
// moves into its block, which by then is found wherever it stands.
func (w rewriter) vhost(v *directive) {
	all := v.block
	v.block = make([]*directive, 0, len(all))
	var olds []*directive
	for _, d := range all {
		switch {
		case d.name == "http":
			w.rename(d, "vhost", "http_static")
		case d.name == "http_remux":
			rewriter{rep: w.rep, path: "vhost.http_remux"}.drop(d, "hstrs")
		case d.name == "rtc":
			w.word(d, "aac", "transcode", "rtmp_to_rtc")
			w.word(d, "bframe", "keep", "keep_bframe")
		case isOld(d):
			olds = append(olds, d)
			continue
		}
		v.block = append(v.block, d)
	}
	for _, d := range olds {
		w.move(v, d)
	}
}

// isOld reports whether d, in a vhost, belongs into a block today.
func isOld(d *directive) bool {
	_, scalar := movedInVhost[d.name]
	_, list := switchedOn[d.name]
	_, block := brokenUp[d.name]
	return scalar || block && d.hasBlock || list && !d.hasBlock && len(d.args) > 0
}

// move puts one old directive of v where it stands today.
func (w rewriter) move(v, d *directive) {
	from := join("vhost", d.name)
	if to, ok := movedInVhost[d.name]; ok {
		w.old(d.pos, from, "vhost."+to.block+"."+to.name)
		put(v, to, d)
		return
	}
	if to, ok := switchedOn[d.name]; ok {
		w.old(d.pos, from, "vhost."+to.block+"."+to.name)
		if b := put(v, to, d); b.child("enabled") == nil {
			b.block = append(b.block, &directive{name: "enabled", args: []string{"on"}, pos: d.pos})
		}
		return
	}
	places := brokenUp[d.name]
	for _, c := range d.block {
		to, ok := places[c.name]
		if !ok {
			w.rep.errorf(c.pos, "unknown directive %s in %s", quote(c.name), from)
			continue
		}
		w.old(c.pos, join(from, c.name), "vhost."+to.block+"."+to.name)
		put(v, to, c)
	}
}

// put appends d, under its new name, to the block of parent, which is created if
// there is none.
func put(parent *directive, to place, d *directive) *directive {
	d.name = to.name
	// The last one, since that is where the block created by an earlier put is.
	for _, b := range slices.Backward(parent.block) {
		if b.name == to.block && b.hasBlock {
			b.block = append(b.block, d)
			return b
		}
	}
	b := &directive{name: to.block, pos: d.pos, hasBlock: true, block: []*directive{d}}
	parent.block = append(parent.block, b)
	return b
}

// word rewrites a directive whose one word became a switch.
func (w rewriter) word(d *directive, name, on, newName string) {
	for _, c := range d.block {
		if c.name != name {
			continue
		}
		w.rename(c, "vhost.rtc", newName)
		if len(c.args) == 1 && c.args[0] == on {
			c.args = []string{"on"}
		} else {
			c.args = []string{"off"}
		}
	}
}
