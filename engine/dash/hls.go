// SPDX-License-Identifier: MIT

package dash

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"

	"srsd/engine/cmaf"
)

// The segments are CMAF's, so that HLS can have them as well (dash_hls): a playlist of each track, and
// a master playlist of both. They list what the manifest lists, byte for byte the same files (RFC 8216).
const (
	masterName   = "master.m3u8"
	playlistEnd  = ".m3u8" // behind the kind of a track
	playlistType = "application/vnd.apple.mpegurl"
	hlsVersion   = 7 // EXT-X-MAP of segments with sound or pictures
	pdtFormat    = "2006-01-02T15:04:05.000Z07:00"
)

// playlists puts the playlists as they are now.
func (m *muxer) playlists() {
	for kind, name := range names {
		if data := m.playlist(kind); data != nil {
			m.out.put(name+playlistEnd, file{data: data, kind: playlistType})
		} else {
			m.out.drop(name + playlistEnd)
		}
	}
	m.out.put(masterName, file{data: m.master(m.current()), kind: playlistType})
}

// playlist returns that of one kind of track, nil if there is none. Periods are discontinuities: players
// match the tracks by their number.
func (m *muxer) playlist(kind int) []byte {
	var b bytes.Buffer
	var first *segment
	var discontinuities int
	independent := true
	for _, p := range m.periods {
		t := p.tracks[kind]
		if t == nil {
			continue
		}
		all := m.listed(p, kind)
		for i := range all {
			s := &all[i]
			if first == nil {
				first, discontinuities = s, p.ordinal-s.breaks
			}
			b.WriteString(strings.Repeat("#EXT-X-DISCONTINUITY\n", s.breaks))
			if i == 0 {
				fmt.Fprintf(&b, "#EXT-X-MAP:URI=\"%s\"\n", t.init())
			}
			independent = independent && s.key
			lasts := t.config.Time(int64(lasting(all, i)))
			m.target = max(m.target, int(math.Round(lasts.Seconds())))
			fmt.Fprintf(&b, "#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:%.5f,\n%s\n",
				m.wall(p, t, s).UTC().Format(pdtFormat), lasts.Seconds(), s.name)
		}
	}
	if first == nil {
		return nil
	}
	head := fmt.Appendf(nil, "#EXTM3U\n#EXT-X-VERSION:%d\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:%d\n",
		hlsVersion, m.target, first.sequence)
	if discontinuities > 0 {
		head = fmt.Appendf(head, "#EXT-X-DISCONTINUITY-SEQUENCE:%d\n", discontinuities)
	}
	if independent {
		head = append(head, "#EXT-X-INDEPENDENT-SEGMENTS\n"...)
	}
	return append(head, b.Bytes()...)
}

// wall is when a segment began, by the clock.
func (m *muxer) wall(p *period, t *track, s *segment) time.Time {
	return m.start.Add(p.start + t.config.Time(int64(s.at)) - p.media)
}

// master returns the playlist of p's tracks.
func (m *muxer) master(p *period) []byte {
	var codecs []string
	var peak, average uint64
	attributes, main, sound := "", names[video], p.tracks[audio]
	for kind, t := range p.tracks {
		if t == nil {
			continue
		}
		all := m.listed(p, kind)
		highest := uint32(0)
		for i := range all {
			highest = max(highest, bandwidth(all[i:i+1], t.config.TimeScale))
		}
		peak, average = peak+uint64(highest), average+uint64(bandwidth(all, t.config.TimeScale))
		codecs = append(codecs, t.config.Name)
		if t.config.Width > 0 && t.config.Height > 0 {
			attributes += fmt.Sprintf(",RESOLUTION=%dx%d", t.config.Width, t.config.Height)
		}
		if kind == video {
			attributes += fmt.Sprintf(",FRAME-RATE=%.3f", pictureRate(all, t.config))
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:%d\n", hlsVersion)
	if p.tracks[video] == nil {
		main = names[audio]
	} else if sound != nil {
		fmt.Fprintf(&b, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"audio\",DEFAULT=YES,AUTOSELECT=YES,"+
			"CHANNELS=\"%d\",URI=\"%s\"\n", sound.config.Channels, names[audio]+playlistEnd)
		attributes += ",AUDIO=\"audio\""
	}
	fmt.Fprintf(&b, "#EXT-X-STREAM-INF:BANDWIDTH=%d,AVERAGE-BANDWIDTH=%d,CODECS=\"%s\"%s\n%s\n",
		peak, average, strings.Join(codecs, ","), attributes, main+playlistEnd)
	return b.Bytes()
}

// pictureRate is how many pictures a second there are.
func pictureRate(segments []segment, t *cmaf.Track) float64 {
	pictures, ticks := 0, uint64(1)
	for i := range segments {
		pictures, ticks = pictures+segments[i].frames, ticks+segments[i].duration
	}
	return float64(pictures) * float64(t.TimeScale) / float64(ticks)
}
