// SPDX-License-Identifier: MIT

package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/Eyevinn/mp4ff/av1"
	"github.com/Eyevinn/mp4ff/avc"
	"github.com/Eyevinn/mp4ff/bits"
	"github.com/Eyevinn/mp4ff/hevc"
)

// startsAnnexB reports whether b begins with a start code (H.264 annex B.1). A
// configuration record begins with its version, 1, and cannot.
func startsAnnexB(b []byte) bool {
	return bytes.HasPrefix(b, []byte{0, 0, 1}) || bytes.HasPrefix(b, []byte{0, 0, 0, 1})
}

// avc reads an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1).
func (v *Video) avc(record []byte) error {
	if len(record) >= 4 && record[0] == 1 { // configurationVersion
		v.setAVCProfile(uint32(record[1]), uint32(record[2]), uint32(record[3]))
	}
	conf, err := avc.DecodeAVCDecConfRec(record)
	// An SPS extension (NumSPSExt) concerns alpha pictures; the SPS is there all the same.
	if err != nil && !errors.Is(err, avc.ErrCannotParseAVCExtension) {
		return bad(err)
	}
	return v.avcSPS(conf.SPSnalus)
}

func (v *Video) avcAnnexB(b []byte) error {
	return v.avcSPS(avc.ExtractNalusOfTypeFromByteStream(avc.NALU_SPS, b, true))
}

// avcSPS takes profile, level and size from the first SPS (H.264 §7.3.2.1.1).
func (v *Video) avcSPS(spss [][]byte) error {
	nalu, err := firstSet(spss)
	if err != nil {
		return err
	}
	// The second argument keeps the library out of the HRD parameters, where a
	// count from the stream is how many elements it appends.
	sps, err := avc.ParseSPSNALUnit(nalu, false)
	if err != nil {
		return bad(err)
	}
	v.setAVCProfile(sps.Profile, sps.ProfileCompatibility, sps.Level)
	return v.setSize(uint64(sps.Width), uint64(sps.Height))
}

// firstSet returns the first parameter set, if it is of a size worth parsing.
func firstSet(sets [][]byte) ([]byte, error) {
	if len(sets) == 0 {
		return nil, fmt.Errorf("%w: no SPS", ErrHeader)
	}
	if n := len(sets[0]); n == 0 || n > parameterSetBytesMax {
		return nil, fmt.Errorf("%w: SPS has %d bytes, allowed are 1 to %d", ErrHeader, n, parameterSetBytesMax)
	}
	return sets[0], nil
}

// Bits of constraint_set flags that change the name of a profile (H.264 annex A.2).
const (
	avcConstraintSet1 = 0x40
	avcConstraintSet3 = 0x10
)

// setAVCProfile names profile_idc (H.264 annex A.2) and level_idc (annex A.3).
func (v *Video) setAVCProfile(profile, constraints, level uint32) {
	switch profile {
	case 66:
		v.Profile = "Baseline"
		if constraints&avcConstraintSet1 != 0 {
			v.Profile = "Constrained Baseline"
		}
	case 77:
		v.Profile = "Main"
	case 88:
		v.Profile = "Extended"
	case 100:
		v.Profile = "High"
	case 110:
		v.Profile = "High 10"
	case 122:
		v.Profile = "High 4:2:2"
	case 244:
		v.Profile = "High 4:4:4"
	default:
		v.Profile = "profile " + strconv.Itoa(int(profile))
	}
	v.Level = tenths(level)
	if level == 9 || level == 11 && profile <= 88 && constraints&avcConstraintSet3 != 0 {
		v.Level = "1b"
	}
}

// tenths writes a number of tenths: 31 as "3.1", 40 as "4".
func tenths(n uint32) string {
	s := strconv.Itoa(int(n / 10))
	if n%10 != 0 {
		s += "." + strconv.Itoa(int(n%10))
	}
	return s
}

// Layout of an HEVCDecoderConfigurationRecord: offsets and sizes in bytes.
const (
	hvcCProfileOffset   = 1 // UB[2] space, UB[1] tier, UB[5] general_profile_idc
	hvcCLevelOffset     = 12
	hvcCArraysOffset    = 22 // UI8: number of arrays
	hvcCArrayHeadBytes  = 3  // UI8 type in its low 6 bits, UI16 number of NAL units
	hvcCNALUHeadBytes   = 2  // UI16 length
	hvcCArrayTypeMask   = 0x3f
	hvcCProfileMask     = 0x1f
	hvcCFirstArrayStart = hvcCArraysOffset + 1
)

// hevc reads an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 §8.3.3.1).
func (v *Video) hevc(record []byte) error {
	if len(record) < hvcCFirstArrayStart || record[0] != 1 {
		return fmt.Errorf("%w: no HEVC record of version 1, or shorter than %d bytes", ErrHeader, hvcCFirstArrayStart)
	}
	v.setHEVCProfile(record[hvcCProfileOffset]&hvcCProfileMask, record[hvcCLevelOffset])
	return v.hevcSPS(firstHEVCSPS(record))
}

// firstHEVCSPS returns the first SPS of a record, or nothing. The library's parser
// would build a list of as many NAL units as the record declares.
func firstHEVCSPS(record []byte) [][]byte {
	b := record[hvcCFirstArrayStart:]
	for range record[hvcCArraysOffset] {
		if len(b) < hvcCArrayHeadBytes {
			return nil
		}
		kind, count := b[0]&hvcCArrayTypeMask, binary.BigEndian.Uint16(b[1:])
		b = b[hvcCArrayHeadBytes:]
		for range count {
			if len(b) < hvcCNALUHeadBytes {
				return nil
			}
			end := hvcCNALUHeadBytes + int(binary.BigEndian.Uint16(b))
			if len(b) < end {
				return nil
			}
			if kind == byte(hevc.NALU_SPS) {
				return [][]byte{b[hvcCNALUHeadBytes:end]}
			}
			b = b[end:]
		}
	}
	return nil
}

func (v *Video) hevcAnnexB(b []byte) error {
	return v.hevcSPS(hevc.ExtractNalusOfTypeFromByteStream(hevc.NALU_SPS, b, true))
}

// Fields of an HEVC SPS, in bits (H.265 §7.3.2.2, §7.3.3).
const (
	hevcSubLayersMax        = 6
	hevcCompatibilityBits   = 32
	hevcConstraintBits      = 48
	hevcSubLayerProfileBits = 88
	hevcLevelBits           = 8
	hevcChroma444           = 3
)

// hevcSPS takes profile, level and size from the first SPS. It reads up to the
// conformance window and no further: the library's own parser goes on through
// the whole set, and there are sets of a few dozen bytes that it never finishes.
//
// Source: H.265 §7.3.2.2.1, §7.3.3, §7.4.3.2.1 (conf_win_*).
func (v *Video) hevcSPS(spss [][]byte) error {
	nalu, err := firstSet(spss)
	if err != nil {
		return err
	}
	r := bits.NewEBSPReader(bytes.NewReader(nalu))
	if kind := r.Read(16) >> 9; kind != uint(hevc.NALU_SPS) {
		return fmt.Errorf("%w: NAL unit type %d is no SPS", ErrHeader, kind)
	}
	r.Read(4) // sps_video_parameter_set_id
	subLayers := int(r.Read(3))
	if subLayers > hevcSubLayersMax {
		return fmt.Errorf("%w: SPS has %d sub-layers, limit %d", ErrHeader, subLayers, hevcSubLayersMax)
	}
	r.Read(1) // sps_temporal_id_nesting_flag
	profile, level := readHEVCProfile(r, subLayers)

	r.ReadExpGolomb() // sps_seq_parameter_set_id
	chroma := r.ReadExpGolomb()
	separatePlanes := chroma == hevcChroma444 && r.ReadFlag()
	width, height := uint64(r.ReadExpGolomb()), uint64(r.ReadExpGolomb())
	var cropX, cropY uint64
	if r.ReadFlag() {
		left, right := uint64(r.ReadExpGolomb()), uint64(r.ReadExpGolomb())
		top, bottom := uint64(r.ReadExpGolomb()), uint64(r.ReadExpGolomb())
		unitX, unitY := hevcCropUnits(chroma, separatePlanes)
		cropX, cropY = unitX*(left+right), unitY*(top+bottom)
	}
	if err := r.AccError(); err != nil {
		return bad(err)
	}
	v.setHEVCProfile(profile, level)
	if cropX >= width || cropY >= height {
		return fmt.Errorf("%w: conformance window is empty", ErrHeader)
	}
	return v.setSize(width-cropX, height-cropY)
}

// readHEVCProfile reads profile_tier_level and returns general_profile_idc and
// general_level_idc (H.265 §7.3.3).
func readHEVCProfile(r *bits.EBSPReader, subLayers int) (profile, level byte) {
	r.Read(3) // general_profile_space, general_tier_flag
	profile = byte(r.Read(5))
	r.Read(hevcCompatibilityBits)
	r.Read(hevcConstraintBits)
	level = byte(r.Read(hevcLevelBits))
	var hasProfile, hasLevel [hevcSubLayersMax]bool
	for i := range subLayers {
		hasProfile[i], hasLevel[i] = r.ReadFlag(), r.ReadFlag()
	}
	if subLayers > 0 {
		r.Read(2 * (8 - subLayers)) // reserved_zero_2bits
	}
	for i := range subLayers {
		if hasProfile[i] {
			r.Read(hevcSubLayerProfileBits / 2) // in two: the reader has a word for 64 bits
			r.Read(hevcSubLayerProfileBits / 2)
		}
		if hasLevel[i] {
			r.Read(hevcLevelBits)
		}
	}
	return profile, level
}

// hevcCropUnits gives SubWidthC and SubHeightC (H.265 table 6-1).
func hevcCropUnits(chroma uint, separatePlanes bool) (x, y uint64) {
	switch {
	case chroma == 1 && !separatePlanes: // 4:2:0
		return 2, 2
	case chroma == 2: // 4:2:2
		return 2, 1
	default:
		return 1, 1
	}
}

// setHEVCProfile names general_profile_idc (H.265 annex A.3) and general_level_idc,
// which counts thirtieths (annex A.4).
func (v *Video) setHEVCProfile(profile, level byte) {
	switch profile {
	case 1:
		v.Profile = "Main"
	case 2:
		v.Profile = "Main 10"
	case 3:
		v.Profile = "Main Still Picture"
	case 4:
		v.Profile = "Range Extensions"
	case 9:
		v.Profile = "Screen Content"
	default:
		v.Profile = "profile " + strconv.Itoa(int(profile))
	}
	v.Level = tenths(uint32(level) / 3)
}

// av1 reads an AV1CodecConfigurationRecord (AV1 Codec ISO Media File Format
// Binding §2.3.3) and the sequence header OBU in it (AV1 §5.5).
func (v *Video) av1(record []byte) error {
	conf, err := av1.DecodeAV1CodecConfRec(record)
	if err != nil {
		return bad(err)
	}
	v.setAV1Profile(conf.SeqProfile, conf.SeqLevelIdx0)
	if len(conf.ConfigOBUs) == 0 { // allowed: the stream has it then
		return nil
	}
	sequence, err := conf.SequenceHeader()
	if err != nil {
		return bad(err)
	}
	return v.setSize(uint64(sequence.Width()), uint64(sequence.Height()))
}

// setAV1Profile names seq_profile and seq_level_idx (AV1 annex A.2, A.3).
func (v *Video) setAV1Profile(profile, level byte) {
	switch profile {
	case 0:
		v.Profile = "Main"
	case 1:
		v.Profile = "High"
	case 2:
		v.Profile = "Professional"
	default:
		v.Profile = "profile " + strconv.Itoa(int(profile))
	}
	const levelNone = 31 // "maximum parameters", no level
	if level != levelNone {
		v.Level = strconv.Itoa(2+int(level>>2)) + "." + strconv.Itoa(int(level&3))
	}
}

// vp9 reads a VPCodecConfigurationRecord (VP Codec ISO Media File Format Binding
// §2.2): profile, then level times ten. Some senders put the version and flags of
// the vpcC box before it. The size of the picture is in the frames alone.
func (v *Video) vp9(record []byte) error {
	const levelOffset = 1
	record = bytes.TrimPrefix(record, []byte{1, 0, 0, 0})
	if len(record) <= levelOffset {
		return fmt.Errorf("%w: VP9 record has %d bytes, needs %d", ErrHeader, len(record), levelOffset+1)
	}
	v.Profile = "profile " + strconv.Itoa(int(record[0]))
	if level := record[levelOffset]; level != 0 {
		v.Level = tenths(uint32(level))
	}
	return nil
}
