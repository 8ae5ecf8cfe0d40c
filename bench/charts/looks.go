// SPDX-License-Identifier: MIT

package main

import (
	"image/color"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// looks is how a server is drawn, in all charts alike. Immutable.
type looks struct {
	server string
	rank   int // order in legends and tables
	color  color.RGBA
	full   draw.GlyphDrawer // all went well
	edge   draw.GlyphDrawer // of the mark if it is hollow
	dashed bool
}

// hollow is the mark of a server of which somebody was lost, starved or without a picture.
type hollow struct{ looks }

// DrawGlyph implements draw.GlyphDrawer.
func (h hollow) DrawGlyph(c *draw.Canvas, style draw.GlyphStyle, at vg.Point) {
	c.SetColor(color.White)
	h.full.DrawGlyph(c, style, at)
	c.SetColor(style.Color)
	h.edge.DrawGlyph(c, style, at)
}

// dashes is how lines are dashed, of the floor and of publishers that write in batches.
var dashes = []vg.Length{vg.Points(5), vg.Points(3)}

// The colours are those of Okabe and Ito, which colour-blind people tell apart as well.
var known = []looks{
	{server: "srsd", color: rgb(0x0072b2), full: draw.CircleGlyph{}, edge: draw.RingGlyph{}},
	{server: "srsd min_latency", color: rgb(0x56b4e9), full: draw.CircleGlyph{}, edge: draw.RingGlyph{}},
	{server: floor, color: rgb(0x777777), full: draw.BoxGlyph{}, edge: draw.SquareGlyph{}, dashed: true},
	{server: "nginx-rtmp", color: rgb(0x009e73), full: draw.PyramidGlyph{}, edge: draw.TriangleGlyph{}},
	{server: "SRS", color: rgb(0xd55e00), full: draw.BoxGlyph{}, edge: draw.SquareGlyph{}},
	{server: "mediamtx", color: rgb(0xcc79a7), full: draw.CircleGlyph{}, edge: draw.RingGlyph{}},
	{server: "lal", color: rgb(0xe69f00), full: draw.PyramidGlyph{}, edge: draw.TriangleGlyph{}},
}

func rgb(c uint32) color.RGBA {
	return color.RGBA{R: uint8(c >> 16), G: uint8(c >> 8), B: uint8(c), A: 0xff}
}

// looksOf is how a server is drawn; one that is not known is black, and last.
func looksOf(server string) looks {
	for i, l := range known {
		if l.server == server {
			l.rank = i
			return l
		}
	}
	return looks{
		server: server, rank: len(known), color: rgb(0), full: draw.CrossGlyph{}, edge: draw.PlusGlyph{},
	}
}

// sansFallback is what an SVG viewer takes if it does not have the font that the text was measured
// with: ones of the same widths first.
var sansFallback = strings.NewReplacer(
	"font-family:Liberation Sans;", "font-family:'Liberation Sans',Arial,Helvetica,sans-serif;")
