// SPDX-License-Identifier: MIT

package interop

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// FLV tag types; RTMP message types have the same values (FLV 10.1 §E.4.1, RTMP 1.0 §7.1).
const (
	typeAudio = 8
	typeVideo = 9
	typeData  = 18
)

const (
	flvHeaderBytes    = 9
	flvTagHeaderBytes = 11
	flvBackLinkBytes  = 4 // PreviousTagSize
)

var errFLV = errors.New("flv: broken file")

// flvTag is one tag of an FLV file (FLV 10.1 §E.4.1).
type flvTag struct {
	typ  byte   // typeAudio, typeVideo or typeData
	tsMs uint32 // milliseconds, all 32 bits
	body []byte
}

// parseFLV splits a whole FLV file into tags. Back links are checked, because a
// player that lost bytes shows there first. A tag cut by the end of the file is
// an error unless cutOK: a player that is stopped may end in mid-tag.
func parseFLV(b []byte, cutOK bool) ([]flvTag, error) {
	if len(b) < flvHeaderBytes+flvBackLinkBytes || string(b[:3]) != "FLV" {
		return nil, fmt.Errorf("%w: no FLV header in %d bytes", errFLV, len(b))
	}
	var tags []flvTag
	at := int(binary.BigEndian.Uint32(b[5:9])) + flvBackLinkBytes
	for at < len(b) {
		if len(b)-at < flvTagHeaderBytes {
			return tags, cutTag(at, cutOK)
		}
		h := b[at:]
		size := int(h[1])<<16 | int(h[2])<<8 | int(h[3])
		end := at + flvTagHeaderBytes + size
		if end+flvBackLinkBytes > len(b) {
			return tags, cutTag(at, cutOK)
		}
		if link := int(binary.BigEndian.Uint32(b[end:])); link != flvTagHeaderBytes+size {
			return nil, fmt.Errorf("%w: back link at %d says %d, tag has %d", errFLV, end, link, flvTagHeaderBytes+size)
		}
		tags = append(tags, flvTag{
			typ:  h[0] & 0x1f,
			tsMs: uint32(h[4])<<16 | uint32(h[5])<<8 | uint32(h[6]) | uint32(h[7])<<24,
			body: b[at+flvTagHeaderBytes : end],
		})
		at = end + flvBackLinkBytes
	}
	return tags, nil
}

func cutTag(at int, cutOK bool) error {
	if cutOK {
		return nil
	}
	return fmt.Errorf("%w: tag at %d is cut by the end of the file", errFLV, at)
}

// readFLV is parseFLV of a file that must be whole.
func readFLV(file string) ([]flvTag, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseFLV(b, false)
}

// flvFile is a whole FLV file with these tags. Both presence flags are
// set; a reader takes them as a hint only.
func flvFile(tags []flvTag) []byte {
	dst := append([]byte(nil), 'F', 'L', 'V', 1, 0x05, 0, 0, 0, flvHeaderBytes, 0, 0, 0, 0)
	for _, t := range tags {
		n := len(t.body)
		dst = append(dst, t.typ, byte(n>>16), byte(n>>8), byte(n),
			byte(t.tsMs>>16), byte(t.tsMs>>8), byte(t.tsMs), byte(t.tsMs>>24), 0, 0, 0)
		dst = append(dst, t.body...)
		dst = binary.BigEndian.AppendUint32(dst, uint32(flvTagHeaderBytes+n))
	}
	return dst
}

// rebase returns the tags with every timestamp moved by baseMs.
func rebase(tags []flvTag, baseMs uint32) []flvTag {
	moved := make([]flvTag, len(tags))
	for i, t := range tags {
		t.tsMs += baseMs
		moved[i] = t
	}
	return moved
}
