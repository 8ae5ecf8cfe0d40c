// SPDX-License-Identifier: MIT

package hls

import (
	"fmt"
	"path"
	"strings"
	"time"

	"srsd/engine/cmaf"
)

// gapMax is what the frames of a segment may lack to fill its time.
const gapMax = 250 * time.Millisecond

// addPart lists a part of the open segment.
func (m *muxer) addPart(f cmaf.Fragment) {
	b := m.open
	p := part{
		name: m.partName(b.seq, len(b.parts)), duration: f.Duration, independent: f.Key,
		file: &resource{owner: m.out, data: f.Data, kind: "video/mp4"},
	}
	p.url = entry(m.c.EntryPrefix, m.out.name, p.name)
	// A part that is longer than all before, because a frame is, makes the target longer.
	m.listed.partTarget = max(m.listed.partTarget, f.Duration.Truncate(time.Millisecond))
	m.fulfil(p.name, p.file)
	b.parts = append(b.parts, p)
}

// measure gives a segment that has parts the length of these: where frames do not follow on each
// other, that is not the time until the next one, and what comes is a discontinuity.
func (m *muxer) measure(b *building) {
	if len(b.parts) == 0 {
		return
	}
	sum := time.Duration(0)
	for i := range b.parts {
		sum += b.parts[i].duration
	}
	if (sum - b.duration).Abs() > gapMax {
		m.discontinuity = true
	}
	b.duration = sum
}

// partName is the name of a part: beside the playlist, /live/livestream.12.3.m4s.
func (m *muxer) partName(sequence uint64, n int) string {
	return fmt.Sprintf("%s.%d.%d.m4s", strings.TrimSuffix(m.out.name, path.Ext(m.out.name)), sequence, n)
}

// fulfil makes a part available, to those who wait for it first of all.
func (m *muxer) fulfil(name string, file *resource) {
	if m.hint != nil && m.hintName == name {
		m.hint.data = file.data
		close(m.hint.ready)
		m.hint = nil
	}
	_ = m.s.put("/"+name, file)
}

// withdraw tells those who wait for the next part that it does not come.
func (m *muxer) withdraw() {
	if m.hint != nil {
		m.s.drop("/"+m.hintName, m.hint)
		close(m.hint.ready)
		m.hint = nil
	}
}

// announce makes the part that comes next one that can be asked for.
func (m *muxer) announce(name string) {
	if m.hint != nil && m.hintName == name {
		return
	}
	m.withdraw()
	m.hint, m.hintName = &resource{owner: m.out, kind: "video/mp4", ready: make(chan struct{})}, name
	if !m.s.put("/"+name, m.hint) {
		m.hint = nil
	}
}
