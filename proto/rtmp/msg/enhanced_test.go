// SPDX-License-Identifier: MIT

package msg

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"srsd/proto/amf0"
)

func TestCapabilities(t *testing.T) {
	list := func(names ...string) (out amf0.StrictArray) {
		for _, n := range names {
			out = append(out, amf0.String(n))
		}
		return out
	}
	many := amf0.StrictArray{}
	var first []string
	for i := range 1000 {
		name := fmt.Sprintf("x%03d", i)
		many = append(many, amf0.String(name))
		if i < fourCCsMax {
			first = append(first, name)
		}
	}
	for _, tc := range []struct {
		name string
		in   amf0.Object
		want Capabilities
		text string
	}{
		{"nothing", amf0.Object{{Key: "videoCodecs", Value: amf0.Number(255)}}, Capabilities{}, ""},
		{
			"v1",
			amf0.Object{{Key: "fourCcList", Value: list("av01", "vp09", "hvc1")}},
			Capabilities{Announced: true, FourCCs: []string{"av01", "vp09", "hvc1"}},
			"av01 vp09 hvc1, capsEx 0",
		},
		{
			"v2",
			amf0.Object{
				{Key: "videoFourCcInfoMap", Value: amf0.Object{
					{Key: "*", Value: amf0.Number(4)}, {Key: "vp09", Value: amf0.Number(3)},
				}},
				{Key: "audioFourCcInfoMap", Value: amf0.ECMAArray{{Key: "Opus", Value: amf0.Number(7)}}},
				{Key: "capsEx", Value: amf0.Number(15)},
			},
			Capabilities{Announced: true, CapsEx: capsAll, FourCCs: []string{"*", "vp09", "Opus"}},
			"* vp09 Opus, capsEx 15",
		},
		{
			"both: each codec once",
			amf0.Object{
				{Key: "fourCcList", Value: list("av01", "av01")},
				{Key: "videoFourCcInfoMap", Value: amf0.Object{{Key: "av01", Value: amf0.Number(1)}}},
			},
			Capabilities{Announced: true, FourCCs: []string{"av01"}},
			"av01, capsEx 0",
		},
		{
			"an empty list is an announcement, too",
			amf0.Object{{Key: "fourCcList", Value: list()}},
			Capabilities{Announced: true},
			", capsEx 0",
		},
		{
			"capsEx alone, with a flag to come",
			amf0.Object{{Key: "capsEx", Value: amf0.Number(0x101)}},
			Capabilities{Announced: true, CapsEx: 0x101},
			", capsEx 257",
		},
		{
			"other types say nothing",
			amf0.Object{
				{Key: "fourCcList", Value: amf0.String("av01")},
				{Key: "videoFourCcInfoMap", Value: list("av01")},
				{Key: "audioFourCcInfoMap", Value: amf0.Null{}},
				{Key: "capsEx", Value: amf0.Number(1.5)},
			},
			Capabilities{},
			"",
		},
		{
			"what is no FourCC is passed over",
			amf0.Object{{Key: "fourCcList", Value: append(
				list("av01", "", "toolong", "\n\n\n\n", "é é"), amf0.Number(1),
			)}},
			Capabilities{Announced: true, FourCCs: []string{"av01"}},
			"av01, capsEx 0",
		},
		{
			"too many",
			amf0.Object{{Key: "fourCcList", Value: many}},
			Capabilities{Announced: true, FourCCs: first},
			"-",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := append(slices.Clone(tc.in), amf0.Property{Key: "tcUrl", Value: amf0.String("rtmp://h/live")})
			got, err := ParseConnect(Command{CommandConnect, 1, []amf0.Value{in}})
			if diff := cmp.Diff(tc.want, got.Capabilities); diff != "" || err != nil {
				t.Fatalf("%v\n%s", err, diff)
			}
			if text := got.Capabilities.String(); text != tc.text && tc.text != "-" {
				t.Errorf("text is %q, want %q", text, tc.text)
			}
			if got.Capabilities.Has(CapReconnect) != (tc.want.CapsEx&1 != 0) {
				t.Errorf("reconnect is %v", got.Capabilities.Has(CapReconnect))
			}
		})
	}
}
