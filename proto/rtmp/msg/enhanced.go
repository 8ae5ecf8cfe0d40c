// SPDX-License-Identifier: MIT

package msg

import (
	"fmt"
	"slices"
	"strings"

	"srsd/proto/amf0"
	"srsd/proto/av"
)

// CapsEx is a set of abilities beyond the codecs (Enhanced RTMP v2, CapsExMask).
type CapsEx uint32

// The abilities that Enhanced RTMP v2 defines.
const (
	CapReconnect           CapsEx = 0x01 // heeds a reconnect request
	CapMultitrack          CapsEx = 0x02
	CapModEx               CapsEx = 0x04 // can step over modifiers that it does not know
	CapTimestampNanoOffset CapsEx = 0x08
)

// capsAll is what a relay can do, which passes messages on as they are.
const capsAll = CapReconnect | CapMultitrack | CapModEx | CapTimestampNanoOffset

// canForward is the flag of FourCcInfoMask that is true of a relay: it neither decodes nor
// encodes.
const canForward = 0x04

// Names of the properties of connect and of its answer (Enhanced RTMP v2, "Enhancing
// NetConnection connect Command").
const (
	keyFourCCList  = "fourCcList"
	keyVideoFourCC = "videoFourCcInfoMap"
	keyAudioFourCC = "audioFourCcInfoMap"
	keyCapsEx      = "capsEx"
	fourCCWildcard = "*"
)

// fourCCsMax is how many codecs a client may name before the rest is passed over.
const fourCCsMax = 32

// Capabilities is what a client says in connect of the parts of Enhanced RTMP that it
// knows. The zero value is a client that says nothing. Immutable.
type Capabilities struct {
	// Announced: one of the four properties is there, so that the client expects an answer.
	Announced bool
	CapsEx    CapsEx
	// FourCCs are the codecs it names, each once, "*" among them if it takes any: first those
	// of fourCcList (v1), then those of the info maps (v2).
	FourCCs []string
}

// Has says whether the client announced all of caps.
func (c *Capabilities) Has(caps CapsEx) bool { return c.CapsEx&caps == caps }

// String is for logs: "av01 hvc1 Opus, capsEx 15"; "" if the client said nothing.
func (c *Capabilities) String() string {
	if !c.Announced {
		return ""
	}
	return fmt.Sprintf("%s, capsEx %d", strings.Join(c.FourCCs, " "), c.CapsEx)
}

// parseCapabilities reads the command object of connect. A property of another type than
// expected says nothing, as everywhere.
func parseCapabilities(object amf0.Value) (c Capabilities) {
	if list, ok := amf0.Get(object, keyFourCCList).(amf0.StrictArray); ok {
		c.Announced = true
		for _, v := range list {
			name, _ := amf0.AsString(v)
			c.add(name)
		}
	}
	for _, key := range [...]string{keyVideoFourCC, keyAudioFourCC} {
		codecs, ok := amf0.AsProperties(amf0.Get(object, key))
		c.Announced = c.Announced || ok
		for _, p := range codecs {
			c.add(p.Key)
		}
	}
	if caps, ok := amf0.AsUint32(amf0.Get(object, keyCapsEx)); ok {
		c.Announced, c.CapsEx = true, CapsEx(caps)
	}
	return c
}

// add notes a codec, unless it is no FourCC.
func (c *Capabilities) add(name string) {
	notPrintable := func(r rune) bool { return r < ' ' || r > '~' }
	if name != fourCCWildcard && (len(name) != 4 || strings.ContainsFunc(name, notPrintable)) {
		return
	}
	if len(c.FourCCs) < fourCCsMax && !slices.Contains(c.FourCCs, name) {
		c.FourCCs = append(c.FourCCs, name)
	}
}

// FourCCs by kind, as they are announced. "*" alone would say the same to a client that
// knows it; others look for their codec's name.
var (
	videoFourCCs = [...]av.FourCC{
		av.FourCCAVC, av.FourCCHEVC, av.FourCCAV1, av.FourCCVP8, av.FourCCVP9, av.FourCCVVC,
	}
	audioFourCCs = [...]av.FourCC{
		av.FourCCAAC, av.FourCCMP3, av.FourCCOpus, av.FourCCFLAC, av.FourCCAC3, av.FourCCEAC3,
	}
)

// appendCapabilities appends the properties with which a relay that passes everything on
// answers a client that announced something.
func appendCapabilities(dst []byte) []byte {
	dst = amf0.AppendStrictArrayStart(amf0.AppendKey(dst, keyFourCCList), uint32(len(videoFourCCs)+len(audioFourCCs)+1))
	for _, list := range [...][]av.FourCC{videoFourCCs[:], audioFourCCs[:]} {
		for _, f := range list {
			dst = amf0.AppendString(dst, f.String())
		}
	}
	dst = amf0.AppendString(dst, fourCCWildcard)
	dst = appendInfoMap(dst, keyVideoFourCC, videoFourCCs[:])
	dst = appendInfoMap(dst, keyAudioFourCC, audioFourCCs[:])
	return appendNumberProperty(dst, keyCapsEx, float64(capsAll))
}

func appendInfoMap(dst []byte, key string, list []av.FourCC) []byte {
	dst = amf0.AppendObjectStart(amf0.AppendKey(dst, key))
	for _, f := range list {
		dst = appendNumberProperty(dst, f.String(), canForward)
	}
	dst = appendNumberProperty(dst, fourCCWildcard, canForward)
	return amf0.AppendObjectEnd(dst)
}
