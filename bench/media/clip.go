// SPDX-License-Identifier: MIT

package media

import (
	"errors"
	"fmt"

	"srsd/proto/amf0"
	"srsd/proto/av"
	"srsd/proto/flv"
)

// Tag is one message of a clip. Immutable.
type Tag struct {
	Type        uint8  // flv.TagAudio, flv.TagVideo or flv.TagScript
	TimestampMs uint32 // from the start of the clip
	Data        []byte // body of the RTMP message or FLV tag
	// MarkAt is where in Data a mark goes, > 0; 0: nowhere.
	MarkAt int
}

// Clip is a stream that can be published in a loop, by any number of publishers
// at once. Immutable.
type Clip struct {
	// Head is sent once, at the start: metadata and sequence headers.
	Head []Tag
	// Tags are the frames of one lap in the order of sending. Never empty.
	Tags []Tag
	// DurationMs is the length of a lap, > 0: a frame of lap n is due at n *
	// DurationMs + TimestampMs.
	DurationMs uint32
	// Codec is that of the frames that can be marked, for AppendMark.
	Codec av.Codec
}

// Options says what Generate makes.
type Options struct {
	Width, Height int // pixels, even, 16 to 4096
	FPS           int // frames per second, 1 to 120
	GOP           int // frames from keyframe to keyframe, 1 to 3000
	VideoKbps     int // kilobits per second of video messages, marks included; 16 to 200000
	AudioKbps     int // the same of audio, up to 512; 0: no audio track
}

// Ranges of Options.
const (
	pixelsMin, pixelsMax       = 16, 4096
	fpsMax                     = 120
	gopFramesMax               = 3000
	videoKbpsMin, videoKbpsMax = 16, 200000
)

// ErrOptions says that an option is out of its range; it comes wrapped with which and the range.
var ErrOptions = errors.New("media: option out of range")

// keyframeWeight is how many times as large as the other frames a keyframe is: what an
// encoder with a rate limit gives it in a quiet scene.
const keyframeWeight = 6

// lapGroupsMax bounds the lap, in groups of pictures: 64 of 2 seconds suffice for
// 48 kHz frames of 1024 samples to come out even.
const lapGroupsMax = 64

// FLV tag headers: AVC keyframe and inter frame, annex E.4.3; AAC 44 kHz 16 bit
// stereo, annex E.4.2.
const (
	tagKeyframe    = 1<<4 | 7
	tagInter       = 2<<4 | 7
	tagAAC         = 10<<4 | 0xf
	packetSequence = 0
	packetFrames   = 1
	avcHeaderBytes = 5
)

func (o *Options) check() error {
	for _, c := range []struct {
		name            string
		value, min, max int
	}{
		{"width", o.Width, pixelsMin, pixelsMax},
		{"height", o.Height, pixelsMin, pixelsMax},
		{"frames per second", o.FPS, 1, fpsMax},
		{"frames per group", o.GOP, 1, gopFramesMax},
		{"video kbit/s", o.VideoKbps, videoKbpsMin, videoKbpsMax},
		{"audio kbit/s", o.AudioKbps, 0, audioKbpsMax},
	} {
		if c.value < c.min || c.value > c.max {
			return fmt.Errorf("%w: %s is %d, allowed are %d to %d", ErrOptions, c.name, c.value, c.min, c.max)
		}
	}
	if o.Width%2 != 0 || o.Height%2 != 0 {
		return fmt.Errorf("%w: %dx%d pixels, both must be even", ErrOptions, o.Width, o.Height)
	}
	return nil
}

// Generate makes a clip. The frames of all its groups share their memory, so it
// takes about that of one group. A bit rate below what bare frames take (about 40
// kbit/s for 720p25) gives bare frames. Error: ErrOptions.
func Generate(o Options) (*Clip, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	p := newPicture(o)
	frames := lapFrames(o)
	c := &Clip{DurationMs: uint32((frames*1000 + o.FPS/2) / o.FPS), Codec: av.CodecAVC}
	c.Head = append(c.Head,
		Tag{Type: flv.TagScript, Data: metadata(o)},
		Tag{Type: flv.TagVideo, Data: append([]byte{tagKeyframe, packetSequence, 0, 0, 0}, avcRecord(p.sps(), pps())...)})
	group := groupOf(&p, o)
	var audio []byte
	audioFrames := 0
	if o.AudioKbps > 0 {
		c.Head = append(c.Head, Tag{Type: flv.TagAudio, Data: append([]byte{tagAAC, packetSequence}, audioConfig...)})
		bytes := o.AudioKbps * 1000 / 8 * audioFrameSamples / audioRateHz
		audio = append([]byte{tagAAC, packetFrames}, silentFrame(bytes-2)...)
		audioFrames = (frames*audioRateHz/o.FPS + audioFrameSamples/2) / audioFrameSamples
	}
	sound := 0
	for i := range frames {
		at := uint32(i * 1000 / o.FPS)
		c.Tags = append(c.Tags, Tag{Type: flv.TagVideo, TimestampMs: at, Data: group.frame(i), MarkAt: avcHeaderBytes})
		until := uint32((i + 1) * 1000 / o.FPS)
		for ; sound < audioFrames && soundMs(sound) < until; sound++ {
			c.Tags = append(c.Tags, Tag{Type: flv.TagAudio, TimestampMs: soundMs(sound), Data: audio})
		}
	}
	return c, nil
}

func soundMs(frame int) uint32 { return uint32(frame * audioFrameSamples * 1000 / audioRateHz) }

// lapFrames is how many video frames a lap has: an even number of groups, because
// of idr_pic_id, and one after which both tracks end at a frame's end, if there is
// one. Else the tracks are less than an audio frame apart at the seam.
func lapFrames(o Options) int {
	for g := idrPictureIDs; g <= lapGroupsMax; g += idrPictureIDs {
		n := g * o.GOP
		if n*audioRateHz%(o.FPS*audioFrameSamples) == 0 && n*1000%o.FPS == 0 {
			return n
		}
	}
	return lapGroupsMax * o.GOP
}

// pictureGroup is one group of pictures as message bodies: the two keyframes that
// differ in idr_pic_id, and the frames that follow either.
type pictureGroup struct {
	keyframes [idrPictureIDs][]byte
	inter     [][]byte
}

// frame returns the i-th frame of a lap.
func (g *pictureGroup) frame(i int) []byte {
	size := len(g.inter) + 1
	if i%size == 0 {
		return g.keyframes[i/size%idrPictureIDs]
	}
	return g.inter[i%size-1]
}

func groupOf(p *picture, o Options) *pictureGroup {
	// Marks are part of the bit rate, and are put in when a frame is sent.
	groupBytes := o.VideoKbps * 1000 / 8 * o.GOP / o.FPS
	interBytes := groupBytes / (o.GOP - 1 + keyframeWeight)
	g := new(pictureGroup)
	for id := range g.keyframes {
		g.keyframes[id] = frameBody(tagKeyframe, p.idr(id), groupBytes-(o.GOP-1)*interBytes)
	}
	for i := 1; i < o.GOP; i++ {
		g.inter = append(g.inter, frameBody(tagInter, p.inter(i), interBytes))
	}
	return g
}

// frameBody is a video message that has size bytes once a mark is in it.
func frameBody(header byte, slice []byte, size int) []byte {
	body := append(make([]byte, 0, max(size, len(slice)+16)), header, packetFrames, 0, 0, 0)
	body = appendNAL(body, slice)
	return appendFiller(body, size-len(body)-(MarkBytesMax-1))
}

// metadata is an onMetaData message, what encoders send first.
func metadata(o Options) []byte {
	b := amf0.AppendString(nil, "onMetaData")
	properties := []struct {
		key   string
		value int
	}{
		{"width", o.Width},
		{"height", o.Height},
		{"framerate", o.FPS},
		{"videocodecid", 7},
		{"videodatarate", o.VideoKbps},
	}
	if o.AudioKbps > 0 {
		properties = append(properties, []struct {
			key   string
			value int
		}{{"audiocodecid", 10}, {"audiodatarate", o.AudioKbps}, {"audiosamplerate", audioRateHz}, {"audiochannels", 2}}...)
	}
	b = amf0.AppendECMAArrayStart(b, uint32(len(properties)+1))
	for _, p := range properties {
		b = amf0.AppendNumber(amf0.AppendKey(b, p.key), float64(p.value))
	}
	b = amf0.AppendString(amf0.AppendKey(b, "encoder"), "srsbench")
	return amf0.AppendObjectEnd(b)
}
