// SPDX-License-Identifier: MIT

package hls

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"srsd/engine/cmaf"
)

// variant is what a master playlist says of its one stream.
type variant struct {
	peak, average int64 // bits per second
	codecs        string
	width, height int
	pictures      float64 // per second
}

// attributes are those of EXT-X-STREAM-INF.
func (v *variant) attributes() string {
	s := fmt.Sprintf("BANDWIDTH=%d,AVERAGE-BANDWIDTH=%d", max(v.peak, 1), max(v.average, 1))
	if v.codecs != "" {
		s += ",CODECS=\"" + v.codecs + "\""
	}
	if v.width > 0 && v.height > 0 {
		s += fmt.Sprintf(",RESOLUTION=%dx%d", v.width, v.height)
	}
	if v.pictures > 0 {
		s += fmt.Sprintf(",FRAME-RATE=%.3f", v.pictures)
	}
	return s
}

// variant describes what is listed.
func (m *muxer) variant() (v variant) {
	if old := m.out.view.Load(); old != nil {
		v = old.variant
	}
	var total int64
	var all time.Duration
	pictures := 0
	v.peak = 0
	for _, s := range m.listed.segments {
		size := int64(len(s.file.data))
		total, all, pictures = total+size, all+s.duration, pictures+s.pictures
		v.peak = max(v.peak, rate(size, s.duration))
	}
	v.average = rate(total, all)
	v.pictures = float64(pictures) / max(all.Seconds(), 0.001)
	if m.video != nil || m.audio != nil {
		v.codecs, v.width, v.height = "", 0, 0
		for _, t := range []*cmaf.Track{m.video, m.audio} {
			if t == nil {
				continue
			}
			v.codecs = strings.TrimPrefix(v.codecs+","+t.Name, ",")
			v.width, v.height = cmp.Or(v.width, t.Width), cmp.Or(v.height, t.Height)
		}
	}
	return v
}

func rate(bytes int64, d time.Duration) int64 {
	return int64(float64(bytes*8) / max(d.Seconds(), 0.001))
}
