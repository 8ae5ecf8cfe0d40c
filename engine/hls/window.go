// SPDX-License-Identifier: MIT

package hls

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"go.uber.org/zap"
)

// list gives a segment its name, makes it available and lists it. An error is one of the disk:
// the segment is there for players all the same.
func (m *muxer) list(b *building, data []byte) error {
	s := new(segment)
	*s = b.segment
	now := m.s.now()
	pattern, kind := m.c.TSFile, "video/MP2T"
	if m.listed.fmp4 {
		pattern, kind = m.c.FMP4File, "video/mp4"
	} else {
		m.counters.Renumber(data)
	}
	name, err := expand(pattern, m.id, moment{
		seq: s.seq, duration: s.duration, timestamp: m.timestamp(now), wall: s.wall,
	})
	if err != nil {
		m.lost(s)
		return err
	}
	s.name, s.url = name, entry(m.c.EntryPrefix, m.out.name, name)
	if m.c.Keys && !m.c.LowLatency {
		if data, err = m.encrypt(s, data); err != nil {
			m.lost(s)
			return err
		}
	}
	s.file = &resource{owner: m.out, data: data, kind: kind}
	if !m.s.put("/"+name, s.file) {
		m.lost(s)
		return fmt.Errorf("hls: another stream has the file /%s", name)
	}
	if m.next == 0 {
		m.s.log.Info("", "HLS is ready", zap.Stringer("stream", m.id), zap.String("playlist", "/"+m.out.name))
	}
	m.next++
	m.bytes += len(data)
	m.listed.segments = append(m.listed.segments, s)
	// EXTINF shows three decimals: 2.0004 s are 2 s.
	shown := math.Round(s.duration.Seconds()*1000) / 1000
	m.listed.target = max(m.listed.target, int(math.Ceil(shown)))
	m.shareParts(s)
	err = m.toDisk(s)
	err = errors.Join(err, m.trim(now))
	return errors.Join(err, m.diskPlaylist())
}

// shareParts has parts use the memory of their segment.
func (m *muxer) shareParts(s *segment) {
	at := 0
	for i := range s.parts {
		p := &s.parts[i]
		end := at + len(p.file.data)
		p.file = &resource{owner: m.out, data: s.file.data[at:end:end], kind: p.file.kind}
		_ = m.s.put("/"+p.name, p.file)
		at = end
	}
}

// lost marks the gap that a segment leaves which could not be listed.
func (m *muxer) lost(s *segment) {
	for i := range s.parts {
		m.s.drop("/"+s.parts[i].name, s.parts[i].file)
	}
	m.discontinuity = m.next > 0
}

// encrypt encrypts a segment, with a new key if it is time for one.
func (m *muxer) encrypt(s *segment, data []byte) ([]byte, error) {
	if m.key == nil || m.key.used >= m.c.FragmentsPerKey {
		name, err := expand(m.c.KeyFile, m.id, moment{seq: s.seq, wall: s.wall, timestamp: s.wall.UnixMilli()})
		if err != nil {
			return nil, err
		}
		k, err := newKey(name, keyURL(m.c.KeyURL, m.c.KeyURLSet, m.out.name, name))
		if err != nil {
			return nil, err
		}
		file := &resource{owner: m.out, data: k.secret[:], kind: "application/octet-stream"}
		if !m.s.put("/"+name, file) {
			return nil, fmt.Errorf("hls: another stream has the file /%s", name)
		}
		m.key = k
	}
	out, tag, err := m.key.encrypt(data)
	s.keyTag, s.key = tag, m.key
	return out, err
}

// trim takes segments out of the playlist, and forgets those that nobody asks for any more.
func (m *muxer) trim(now time.Time) (err error) {
	window := time.Duration(m.c.WindowMs) * time.Millisecond
	l := &m.listed
	for m.tooLong(window) {
		s := l.segments[0]
		l.segments = slices.Delete(l.segments, 0, 1)
		l.sequence = s.seq + 1
		if s.discontinuity {
			l.discontinuity++
		}
		s.retired = now
		m.retired = append(m.retired, s)
	}
	if len(l.segments) > 0 {
		l.sequence = l.segments[0].seq
	}
	m.dropParts()
	for len(m.retired) > 0 && (now.Sub(m.retired[0].retired) > window+m.target() || m.s.room.Over(m.bytes)) {
		err = errors.Join(err, m.forget(m.retired[0], m.c.Cleanup))
		m.retired = slices.Delete(m.retired, 0, 1) // [1:] would hold on to it
	}
	return err
}

// tooLong: the newest segments fill the window without the oldest one.
func (m *muxer) tooLong(window time.Duration) bool {
	all := m.listed.segments
	if len(all) <= 1 {
		return false
	}
	if m.s.room.Over(m.bytes) && len(m.retired) == 0 {
		return true
	}
	sum := time.Duration(0)
	for _, s := range all[1:] {
		sum += s.duration
	}
	return sum > window && len(all) > segmentsMin
}

// dropParts forgets parts that are not listed any more.
func (m *muxer) dropParts() {
	if !m.c.LowLatency {
		return
	}
	all := m.listed.segments
	for _, s := range all[:max(m.listed.firstWithParts()-1, 0)] { // one segment longer than they are listed
		for i := range s.parts {
			m.s.drop("/"+s.parts[i].name, s.parts[i].file)
		}
	}
}

// forget makes a segment unavailable, with its key if no other needs that.
func (m *muxer) forget(s *segment, remove bool) (err error) {
	m.bytes -= len(s.file.data)
	m.s.drop("/"+s.name, s.file)
	for i := range s.parts {
		m.s.drop("/"+s.parts[i].name, s.parts[i].file)
	}
	if remove && m.files.has(s.written) {
		err = m.files.remove(s.name)
	}
	if s.init != nil && s.init != m.init && !m.needed(s, func(o *segment) bool { return o.init == s.init }) {
		m.s.drop("/"+s.init.name, s.init.file)
		if remove && m.files.has(s.init.written) {
			err = errors.Join(err, m.files.remove(s.init.name))
		}
	}
	if s.key != nil && !m.needed(s, func(o *segment) bool { return o.key == s.key }) {
		if r := m.s.find(m.id.Vhost.Name, "/"+s.key.name); r != nil && r.owner == m.out {
			m.s.drop("/"+s.key.name, r)
		}
		if remove && m.keys.has(s.key.written) {
			err = errors.Join(err, m.keys.remove(s.key.name))
		}
	}
	return err
}

// needed says whether another segment than s is one that shares says yes to.
func (m *muxer) needed(s *segment, shares func(*segment) bool) bool {
	for _, all := range [][]*segment{m.retired, m.listed.segments} {
		for _, o := range all {
			if o != s && shares(o) {
				return true
			}
		}
	}
	return false
}

// toDisk writes a segment and what it needs.
func (m *muxer) toDisk(s *segment) error {
	if k := s.key; k != nil && !m.keys.has(k.written) {
		if err := m.keys.write(k.name, ".tmp", k.secret[:], keyMode); err != nil {
			return err
		}
		k.written = m.keys.generation
	}
	if i := s.init; i != nil && !m.files.has(i.written) {
		if err := m.files.write(i.name, ".tmp", i.file.data, fileMode); err != nil {
			return err
		}
		i.written = m.files.generation
	}
	if err := m.files.write(s.name, ".tmp", s.file.data, fileMode); err != nil {
		return err
	}
	s.written = m.files.generation
	return nil
}

// diskPlaylist writes the playlist of the segments that are on disk: what is missing there is a
// discontinuity. Its numbers are its own, because they have no gaps.
func (m *muxer) diskPlaylist() error {
	if m.files.dir == "" {
		return nil
	}
	l := &m.onDisk
	old := l.segments
	l.segments, l.target = nil, m.listed.target
	var before *segment
	for _, s := range m.listed.segments {
		if !m.files.has(s.written) {
			continue
		}
		one := *s
		if before != nil && s.seq != before.seq+1 {
			one.discontinuity = true
		}
		before = s
		l.segments = append(l.segments, &one)
	}
	for _, s := range old { // that have left
		if len(l.segments) > 0 && s.seq >= l.segments[0].seq {
			break
		}
		l.sequence++
		if s.discontinuity {
			l.discontinuity++
		}
	}
	if len(l.segments) == 0 {
		return nil
	}
	t := l.render(false, 0)
	return m.files.write(m.out.name, ".temp", t.bytes, fileMode)
}
