// SPDX-License-Identifier: MIT

package dash

import (
	"bytes"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/Eyevinn/dash-mpd/mpd"

	"srsd/engine/cmaf"
)

const profile = "urn:mpeg:dash:profile:isoff-live:2011"

// Players have to know the server's clock to ask for no segment that is not there yet. The manifest
// tells it (§5.8.4.11, ISO/IEC 23009-1:2022 table 33): whoever is served gets the time of that moment, which
// takes the place of clockForm.
const (
	clockScheme = "urn:mpeg:dash:utc:direct:2014"
	clockForm   = "2006-01-02T15:04:05.000Z"
)

// manifest returns the MPD as it is now (ISO/IEC 23009-1 §5), but for the time of day.
func (m *muxer) manifest() ([]byte, error) {
	x := mpd.NewMPD(mpd.DYNAMIC_TYPE)
	x.Profiles = mpd.ListOfProfilesType(profile)
	x.AvailabilityStartTime = mpd.ConvertToDateTimeMS(m.start.UnixMilli())
	x.PublishTime = mpd.ConvertToDateTimeMS(m.now().UnixMilli())
	fragment := time.Duration(m.conf.FragmentMs) * time.Millisecond
	longest := fragment
	for _, p := range m.periods {
		if set := m.period(p, &longest); set != nil {
			x.AppendPeriod(set)
		}
	}
	x.MinimumUpdatePeriod = duration(time.Duration(m.conf.UpdatePeriodMs) * time.Millisecond)
	x.TimeShiftBufferDepth = duration(time.Duration(m.conf.TimeShiftMs) * time.Millisecond)
	x.MinBufferTime = duration(fragment)
	x.MaxSegmentDuration = duration(longest)
	x.UTCTimings = []*mpd.DescriptorType{mpd.NewDescriptor(clockScheme, clockForm, "")}
	var b bytes.Buffer
	if _, err := x.Write(&b, "  ", true); err != nil {
		return nil, fmt.Errorf("dash: manifest: %w", err)
	}
	return b.Bytes(), nil
}

func duration(d time.Duration) *mpd.Duration { return new(mpd.Duration(d)) }

// period returns the element of p, or nil if it has no segment that is listed.
func (m *muxer) period(p *period, longest *time.Duration) *mpd.Period {
	x := mpd.NewPeriod()
	x.Id = strconv.Itoa(p.id)
	x.Start = duration(p.start)
	for kind, t := range p.tracks {
		if t == nil {
			continue
		}
		segments := m.listed(p, kind)
		if len(segments) == 0 {
			continue
		}
		set := mpd.NewAdaptationSetWithParams(names[kind], names[kind]+"/mp4", true, 1)
		set.Id = new(uint32(kind))
		r := representation(kind, t.config)
		r.Bandwidth = bandwidth(segments, t.config.TimeScale)
		set.SegmentTemplate = m.template(p, kind, segments)
		set.AppendRepresentation(r)
		x.AppendAdaptationSet(set)
		for _, s := range segments {
			*longest = max(*longest, t.config.Time(int64(s.duration)))
		}
	}
	if len(x.AdaptationSets) == 0 {
		return nil
	}
	return x
}

// listed returns the segments of a track of p that are in the window.
func (m *muxer) listed(p *period, kind int) []segment {
	segments := p.tracks[kind].segments
	for len(segments) > 0 && segments[0].cut+uint64(m.conf.WindowSegments) <= m.cuts {
		segments = segments[1:]
	}
	return segments
}

func representation(kind int, t *cmaf.Track) *mpd.RepresentationType {
	r := mpd.NewRepresentation()
	r.Id, r.Codecs = names[kind], t.Name
	if kind == video {
		r.Width, r.Height = uint32(t.Width), uint32(t.Height)
		return r
	}
	rate := mpd.UIntVectorType(strconv.Itoa(t.SampleRateHz))
	r.AudioSamplingRate = &rate
	r.AudioChannelConfigurations = []*mpd.DescriptorType{mpd.NewDescriptor(
		"urn:mpeg:dash:23003:3:audio_channel_configuration:2011", strconv.Itoa(t.Channels), "")}
	return r
}

// template lists segments by their times (§5.3.9.6), which are in their names, too: ffmpeg
// counts wrong when it looks at the manifest again.
func (m *muxer) template(p *period, kind int, segments []segment) *mpd.SegmentTemplateType {
	t := p.tracks[kind]
	below := strings.TrimSuffix(path.Base(m.out.path), ".mpd") + "/"
	x := mpd.NewSegmentTemplate()
	x.Initialization = below + t.init()
	x.Media = below + t.name + "-$Time$.m4s"
	x.Timescale = new(t.config.TimeScale)
	x.PresentationTimeOffset = new(uint64(max(ticks(p.media, t.config.TimeScale), 0)))
	x.SegmentTimeline = mpd.NewSegmentTimeline()
	var last *mpd.S
	next := uint64(0)
	for i, s := range segments {
		lasts := lasting(segments, i)
		switch {
		case last != nil && s.at == next && lasts == last.D:
			last.R++
		case last != nil && s.at == next:
			last = &mpd.S{D: lasts}
			x.SegmentTimeline.S = append(x.SegmentTimeline.S, last)
		default:
			last = &mpd.S{T: new(s.at), D: lasts}
			x.SegmentTimeline.S = append(x.SegmentTimeline.S, last)
		}
		next = s.at + lasts
	}
	return x
}

// lasting is how long a segment of a track is shown, ticks. Sound whose clock was put right overlaps by a
// frame: it is heard up to what follows.
func lasting(segments []segment, i int) uint64 {
	s := &segments[i]
	if i+1 < len(segments) && segments[i+1].at > s.at {
		return min(s.duration, segments[i+1].at-s.at)
	}
	return s.duration
}

// bandwidth is the bit rate of segments, bit/s.
func bandwidth(segments []segment, scale uint32) uint32 {
	var bytes, long uint64
	for _, s := range segments {
		bytes, long = bytes+uint64(s.bytes), long+s.duration
	}
	if long == 0 {
		return 1
	}
	return uint32(min(max(bytes*8*uint64(scale)/long, 1), 1<<32-1))
}
