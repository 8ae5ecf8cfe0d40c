// SPDX-License-Identifier: MIT

package codec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/Eyevinn/mp4ff/aac"
)

// aacChannels maps channelConfiguration to a number of channels (ISO/IEC 14496-3
// table 1.19); 0 where a program config element says it, or nothing does.
var aacChannels = [16]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 14: 8}

// aac reads an AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).
func (a *Audio) aac(record []byte) error {
	header, err := aac.DecodeAudioSpecificConfigHeader(bytes.NewReader(record))
	if err != nil {
		return bad(err)
	}
	a.Profile = aacProfile(header.ObjectType)
	a.SampleRateHz = header.SamplingFrequency
	a.Channels = aacChannels[header.ChannelConfiguration&0x0f]
	if header.ObjectType != aac.HEAACv1 && header.ObjectType != aac.HEAACv2 {
		return nil
	}
	conf, err := aac.DecodeAudioSpecificConfig(bytes.NewReader(record))
	if err != nil {
		return bad(err)
	}
	a.SampleRateHz = conf.ExtensionFrequency
	if header.ObjectType == aac.HEAACv2 && a.Channels == 1 {
		a.Channels = 2 // parametric stereo: one channel is coded, two are heard
	}
	return nil
}

// aacProfile names an audio object type (ISO/IEC 14496-3 table 1.17).
func aacProfile(objectType byte) string {
	switch objectType {
	case 1:
		return "Main"
	case aac.AAClc:
		return "LC"
	case 3:
		return "SSR"
	case 4:
		return "LTP"
	case aac.HEAACv1:
		return "HE"
	case aac.HEAACv2:
		return "HEv2"
	case 23:
		return "LD"
	case 39:
		return "ELD"
	case 42:
		return "USAC"
	default:
		return "object type " + strconv.Itoa(int(objectType))
	}
}

// opus reads an identification header (RFC 7845 §5.1). Opus always plays at 48
// kHz; the header's rate is only that of the source.
func (a *Audio) opus(record []byte) error {
	const (
		magic          = "OpusHead"
		channelsOffset = 9
		playRateHz     = 48000
	)
	if len(record) <= channelsOffset || string(record[:len(magic)]) != magic {
		return fmt.Errorf("%w: no Opus identification header", ErrHeader)
	}
	a.SampleRateHz, a.Channels = playRateHz, int(record[channelsOffset])
	return nil
}

// flac reads a STREAMINFO block, after the "fLaC" mark and the block's header
// where they are there (RFC 9639 §8.1, §8.2).
func (a *Audio) flac(record []byte) error {
	const (
		magic            = "fLaC"
		blockHeaderBytes = 4
		rateOffset       = 10 // UB[20] sample rate, UB[3] channels - 1
		streamInfoBytes  = 34
	)
	if bytes.HasPrefix(record, []byte(magic)) {
		record = record[min(len(record), len(magic)+blockHeaderBytes):]
	}
	if len(record) < streamInfoBytes {
		return fmt.Errorf("%w: FLAC stream info has %d bytes, needs %d", ErrHeader, len(record), streamInfoBytes)
	}
	fields := binary.BigEndian.Uint32(record[rateOffset:])
	a.SampleRateHz, a.Channels = int(fields>>12), int(fields>>9&0x07)+1
	return nil
}
