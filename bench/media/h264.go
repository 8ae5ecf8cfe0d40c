// SPDX-License-Identifier: MIT

package media

import "encoding/binary"

// NAL unit headers: nal_ref_idc and nal_unit_type, H.264 §7.4.1, table 7-1.
const (
	nalInter  = 2<<5 | 1
	nalIDR    = 3<<5 | 5
	nalSPS    = 3<<5 | 7
	nalPPS    = 3<<5 | 8
	nalFiller = 12
)

// Choices of the generated stream. Constrained Baseline, because every decoder has
// it; CAVLC, one slice per picture, one reference, pictures in output order.
const (
	profileBaseline   = 66
	constraintSets    = 0xc0 // set0 and set1: Constrained Baseline, §A.2.1.1
	frameNumBits      = 8
	pictureQP         = 51 // coarsest: the spot is a single coefficient and should be seen
	macroblockPixels  = 16
	sliceTypeP        = 5 // all slices of the picture are P, table 7-6
	sliceTypeI        = 7
	intra16x16DC      = 3     // mb_type I_16x16_2_0_0: DC prediction, no AC, no chroma; table 7-11
	intraInP          = 5     // what an intra mb_type is raised by in a P slice, table 7-13
	chromaFormat420   = 2     // crop unit in pixels, both ways
	idrPictureIDs     = 2     // consecutive IDR pictures must differ in idr_pic_id, §7.4.3
	lengthPrefixBytes = 4     // of each NAL unit in an FLV tag, lengthSizeMinusOne + 1
	fillerNALBytesMin = 4 + 2 // length prefix, header, trailing bits
)

// level is a row of table A-1: what a decoder of that level must be able to do.
type level struct {
	idc           uint32
	macroblocksPS int // MaxMBPS
	macroblocks   int // MaxFS
	kbps          int // MaxBR for Baseline
}

var levels = [...]level{
	{10, 1485, 99, 64},
	{11, 3000, 396, 192},
	{12, 6000, 396, 384},
	{13, 11880, 396, 768},
	{20, 11880, 396, 2000},
	{21, 19800, 792, 4000},
	{22, 20250, 1620, 4000},
	{30, 40500, 1620, 10000},
	{31, 108000, 3600, 14000},
	{32, 216000, 5120, 20000},
	{40, 245760, 8192, 20000},
	{41, 245760, 8192, 50000},
	{42, 522240, 8704, 50000},
	{50, 589824, 22080, 135000},
	{51, 983040, 36864, 240000},
	{52, 2073600, 36864, 240000},
}

// picture is the geometry of a generated stream.
type picture struct {
	width, height, fps int
	columns, rows      int // macroblocks
	level              uint32
}

func newPicture(o Options) picture {
	p := picture{width: o.Width, height: o.Height, fps: o.FPS}
	p.columns = (o.Width + macroblockPixels - 1) / macroblockPixels
	p.rows = (o.Height + macroblockPixels - 1) / macroblockPixels
	p.level = levels[len(levels)-1].idc
	for _, l := range levels {
		if p.macroblocks() <= l.macroblocks && p.macroblocks()*o.FPS <= l.macroblocksPS && o.VideoKbps <= l.kbps {
			p.level = l.idc
			break
		}
	}
	return p
}

func (p *picture) macroblocks() int { return p.columns * p.rows }

// sps is a sequence parameter set NAL unit, §7.3.2.1.
func (p *picture) sps() []byte {
	var w bitWriter
	w.u(8, profileBaseline)
	w.u(8, constraintSets)
	w.u(8, p.level)
	w.ue(0)                // seq_parameter_set_id
	w.ue(frameNumBits - 4) // log2_max_frame_num_minus4
	w.ue(2)                // pic_order_cnt_type: output in decoding order
	w.ue(1)                // max_num_ref_frames
	w.u(1, 0)              // gaps_in_frame_num_value_allowed_flag
	w.ue(uint32(p.columns - 1))
	w.ue(uint32(p.rows - 1))
	w.u(1, 1) // frame_mbs_only_flag
	w.u(1, 1) // direct_8x8_inference_flag
	p.cropping(&w)
	p.timing(&w)
	return nalUnit(nalSPS, w.trailing())
}

// cropping cuts the picture from whole macroblocks to the wanted size, §7.4.2.1.1.
func (p *picture) cropping(w *bitWriter) {
	right := p.columns*macroblockPixels - p.width
	bottom := p.rows*macroblockPixels - p.height
	if right == 0 && bottom == 0 {
		w.u(1, 0)
		return
	}
	w.u(1, 1)
	w.ue(0)
	w.ue(uint32(right / chromaFormat420))
	w.ue(0)
	w.ue(uint32(bottom / chromaFormat420))
}

// timing writes VUI parameters that hold nothing but the frame rate, §E.1.1.
func (p *picture) timing(w *bitWriter) {
	w.u(1, 1)                // vui_parameters_present_flag
	w.u(4, 0)                // no aspect ratio, overscan, video signal type, chroma location
	w.u(1, 1)                // timing_info_present_flag
	w.u(32, 1)               // num_units_in_tick
	w.u(32, uint32(2*p.fps)) // time_scale: a frame is two ticks
	w.u(1, 1)                // fixed_frame_rate_flag
	w.u(4, 0)                // no HRD parameters, pic_struct, bitstream restriction
}

// pps is a picture parameter set NAL unit, §7.3.2.2.
func pps() []byte {
	var w bitWriter
	w.ue(0)              // pic_parameter_set_id
	w.ue(0)              // seq_parameter_set_id
	w.u(2, 0)            // CAVLC, no bottom field order
	w.ue(0)              // one slice group
	w.ue(0)              // num_ref_idx_l0_default_active_minus1
	w.ue(0)              // num_ref_idx_l1_default_active_minus1
	w.u(3, 0)            // no weighted prediction
	w.se(pictureQP - 26) // pic_init_qp_minus26
	w.se(0)              // pic_init_qs_minus26
	w.se(0)              // chroma_qp_index_offset
	w.u(1, 1)            // deblocking_filter_control_present_flag
	w.u(2, 0)            // no constrained intra prediction, no redundant pictures
	return nalUnit(nalPPS, w.trailing())
}

// sliceHeader writes what I and P slices share, §7.3.3, in the order of the syntax.
func sliceHeader(w *bitWriter, sliceType uint32, frame int) {
	w.ue(0) // first_mb_in_slice
	w.ue(sliceType)
	w.ue(0) // pic_parameter_set_id
	w.u(frameNumBits, uint32(frame)&(1<<frameNumBits-1))
}

// endSliceHeader writes slice_qp_delta and turns the deblocking filter off, which
// would only cost the decoder time.
func endSliceHeader(w *bitWriter) {
	w.se(0)
	w.ue(1)
}

// idr is the first picture of a group: every macroblock predicted from its
// neighbours, without residual, so all of it is mid-grey.
func (p *picture) idr(pictureID int) []byte {
	var w bitWriter
	sliceHeader(&w, sliceTypeI, 0)
	w.ue(uint32(pictureID % idrPictureIDs))
	w.u(2, 0) // output prior pictures; not a long-term reference
	endSliceHeader(&w)
	for range p.macroblocks() {
		w.ue(intra16x16DC)
		w.ue(0)   // intra_chroma_pred_mode: DC
		w.se(0)   // mb_qp_delta
		w.u(1, 1) // coeff_token of Intra16x16DCLevel: no coefficient, table 9-5
	}
	return nalUnit(nalIDR, w.trailing())
}

// inter is the frame-th picture of a group, frame >= 1: the one before, and one
// macroblock of the middle row made brighter.
func (p *picture) inter(frame int) []byte {
	spot := p.rows/2*p.columns + (frame-1)%p.columns
	var w bitWriter
	sliceHeader(&w, sliceTypeP, frame)
	w.u(1, 0) // num_ref_idx_active_override_flag
	w.u(1, 0) // ref_pic_list_modification_flag_l0
	w.u(1, 0) // adaptive_ref_pic_marking_mode_flag
	endSliceHeader(&w)
	w.ue(uint32(spot)) // mb_skip_run
	w.ue(intraInP + intra16x16DC)
	w.ue(0)      // intra_chroma_pred_mode: DC
	w.se(0)      // mb_qp_delta
	w.u(2, 0b01) // coeff_token: one coefficient, a trailing one, table 9-5
	w.u(1, 0)    // its sign: plus
	w.u(1, 1)    // total_zeros 0, table 9-7
	if rest := p.macroblocks() - spot - 1; rest > 0 {
		w.ue(uint32(rest)) // mb_skip_run
	}
	return nalUnit(nalInter, w.trailing())
}

// nalUnit puts header in front of rbsp and keeps start codes out of it: after two
// zero bytes a byte of at most 3 gets a 3 in front, §7.4.1.1.
func nalUnit(header byte, rbsp []byte) []byte {
	out := append(make([]byte, 0, len(rbsp)+len(rbsp)/64+8), header)
	zeros := 0
	for _, b := range rbsp {
		if zeros == 2 && b <= 3 {
			out = append(out, 3)
			zeros = 0
		}
		out = append(out, b)
		if b == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out
}

// appendNAL appends a NAL unit behind its length, as FLV and MP4 store it.
func appendNAL(dst, nal []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(nal)))
	return append(dst, nal...)
}

// appendFiller appends a filler data NAL unit of size bytes, its length prefix
// included (§7.3.2.7), or nothing if size is less than such a unit takes.
func appendFiller(dst []byte, size int) []byte {
	if size < fillerNALBytesMin {
		return dst
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(size-lengthPrefixBytes))
	dst = append(dst, nalFiller)
	for range size - fillerNALBytesMin {
		dst = append(dst, 0xff)
	}
	return append(dst, 0x80)
}

// avcRecord is an AVCDecoderConfigurationRecord, ISO/IEC 14496-15 §5.3.3.1.
func avcRecord(sps, pps []byte) []byte {
	out := []byte{1, sps[1], sps[2], sps[3], 0xfc | (lengthPrefixBytes - 1), 0xe0 | 1}
	out = binary.BigEndian.AppendUint16(out, uint16(len(sps)))
	out = append(out, sps...)
	out = append(out, 1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(pps)))
	return append(out, pps...)
}
