// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"image/color"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// chart is one picture. Immutable.
type chart struct {
	file        string
	title       string
	x, y        string // what the axes show, with units
	column      string
	parts       []part
	logX, logY  bool
	wholeShares bool // the y axis is a share of a core: it shows where the core is full
}

// part is the lines of one scene.
type part struct {
	scene  string
	suffix string // to the servers' names
	dashed bool
}

// charts are all that can be drawn.
var charts = []chart{
	{
		file: "cpu_players.svg", title: "What players cost: CPU",
		x: "players of one stream of 1 Mbit/s", y: "share of one core that the server used; less is better",
		column: "cpu", parts: []part{{scene: "players"}}, wholeShares: true,
	},
	{
		file: "latency_players.svg", title: "How late players are: latency",
		x:      "players of one stream of 1 Mbit/s (log)",
		y:      "99th percentile of the time from publisher to player, ms (log); less is better",
		column: "latency_p99_ms", parts: []part{{scene: "players"}}, logX: true, logY: true,
	},
	{
		file: "memory_players.svg", title: "What players cost: memory",
		x: "players of one stream of 1 Mbit/s (log)", y: "resident memory of the server, MB (log); less is better",
		column: "rss_mb", parts: []part{{scene: "players"}}, logX: true, logY: true,
	},
	{
		file: "cpu_publishers.svg", title: "What publishers cost: CPU",
		x: "publishers of 1 Mbit/s that write each message; batched: that write 4 times a second",
		y: "share of one core that the server used; less is better", column: "cpu",
		parts: []part{{scene: "publishers"}, {scene: "batched", suffix: ", batched", dashed: true}}, wholeShares: true,
	},
}

// Layout of a chart: points.
const (
	chartWidth  = 680
	chartHeight = 400
	margin      = 10
	titleSpace  = 50 // above the plot: title, and what the y axis shows
	noteSpace   = 42 // below: what the x axis shows, and the note
	legendWidth = 155
	titleSize   = 15
	textSize    = 11
	noteSize    = 9.5
	lineWidth   = 1.8
	barWidth    = 1
	glyphRadius = 3.4
)

// note says what the marks are.
const note = "Median of the runs; bars from the lowest to the highest; hollow: somebody was lost or starved."

// Colours of text and axes, and of the note.
var (
	ink  = rgb(0x222222)
	pale = rgb(0x666666)
)

// svg draws the chart; nil if there are no rows for it.
func (c *chart) svg(rows map[string][]row) ([]byte, error) {
	p := plot.New()
	legend := plot.NewLegend()
	c.style(p, &legend)
	drawn := false
	for _, part := range c.parts {
		for _, server := range servers(rows[part.scene]) {
			l := looksOf(server)
			l.dashed = l.dashed || part.dashed
			points := c.points(rows[part.scene], server)
			if len(points) == 0 {
				continue
			}
			drawn = true
			if err := c.line(p, &legend, points, l, server+part.suffix); err != nil {
				return nil, err
			}
		}
	}
	if !drawn {
		return nil, nil
	}
	c.ranges(p)
	return c.draw(p, &legend)
}

// draw puts plot, legend and texts on one canvas. The names of the axes are no concern of the
// plot: it would leave wrong room for them on logarithmic axes.
func (c *chart) draw(p *plot.Plot, legend *plot.Legend) ([]byte, error) {
	canvas := vgsvg.New(vg.Points(chartWidth), vg.Points(chartHeight))
	all := draw.New(canvas)
	all.SetColor(color.White)
	all.Fill(all.Path())
	p.Draw(draw.Crop(all, margin, -legendWidth, noteSpace, -titleSpace))
	legend.Draw(draw.Crop(all, chartWidth-legendWidth+margin, 0, 0, -titleSpace))
	write(all, chartHeight-margin-titleSize, titleSize, ink, c.title)
	write(all, chartHeight-margin-titleSize-margin-textSize, textSize, ink, c.y)
	write(all, margin+noteSize+margin/2, textSize, ink, c.x)
	write(all, margin, noteSize, pale, note)
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, err
	}
	return []byte(sansFallback.Replace(b.String())), nil
}

// write puts a text at the left, its base line at y.
func write(to draw.Canvas, y, size vg.Length, ink color.Color, s string) {
	style := text.Style{Color: ink, Font: sans(size), Handler: plot.DefaultTextHandler}
	to.FillText(style, vg.Point{X: margin, Y: y}, s)
}

// sans is the font of all texts.
func sans(size vg.Length) font.Font {
	f := font.From(plot.DefaultFont, size)
	f.Variant = "Sans"
	return f
}

// point is where a line passes, and how far the runs lie apart there.
type point struct {
	x float64
	summary
}

// points are those of one server.
func (c *chart) points(rows []row, server string) (out []point) {
	for _, size := range sizes(rows) {
		x, err := strconv.ParseFloat(size, 64)
		if err != nil {
			continue
		}
		s, ok := summarize(rows, server, size, c.column)
		if !ok || c.logY && s.min <= 0 {
			continue
		}
		out = append(out, point{x, s})
	}
	return out
}

// spreads are the points and their bars, for the plotter.
type spreads []point

// Len implements plotter.XYer.
func (s spreads) Len() int { return len(s) }

// XY implements plotter.XYer.
func (s spreads) XY(i int) (x, y float64) { return s[i].x, s[i].median }

// YError implements plotter.YErrorer.
func (s spreads) YError(i int) (low, high float64) {
	return s[i].median - s[i].min, s[i].max - s[i].median
}

// line adds the line of one server to the plot and the legend.
func (c *chart) line(p *plot.Plot, legend *plot.Legend, points spreads, l looks, name string) error {
	line, marks, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	bars, err := plotter.NewYErrorBars(points)
	if err != nil {
		return err
	}
	line.LineStyle = draw.LineStyle{Color: l.color, Width: vg.Points(lineWidth)}
	if l.dashed {
		line.Dashes = dashes
	}
	bars.LineStyle = draw.LineStyle{Color: l.color, Width: vg.Points(barWidth)}
	glyph := draw.GlyphStyle{Color: l.color, Radius: vg.Points(glyphRadius), Shape: l.full}
	marks.GlyphStyle = glyph
	marks.GlyphStyleFunc = func(i int) draw.GlyphStyle {
		g := glyph
		if points[i].degraded {
			g.Shape = hollow{l}
		}
		return g
	}
	p.Add(line, bars, marks)
	legend.Add(name, line, marks)
	return nil
}

// style sets fonts, colours and axes.
func (c *chart) style(p *plot.Plot, legend *plot.Legend) {
	p.BackgroundColor = color.White
	for _, t := range []*text.Style{&p.X.Tick.Label, &p.Y.Tick.Label, &legend.TextStyle} {
		t.Font, t.Color = sans(textSize), ink
	}
	legend.Top, legend.Left, legend.Padding = true, true, vg.Points(3)
	p.X.Color, p.Y.Color = ink, ink
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = rgb(0xdddddd), rgb(0xeeeeee)
	p.Add(grid)
}

// ranges sets what the axes span, and their ticks. The plot knows its data by now.
func (c *chart) ranges(p *plot.Plot) {
	if c.logX {
		p.X.Scale = plot.LogScale{}
		p.X.Tick.Marker = logTicks{}
		p.X.Min, p.X.Max = p.X.Min/1.1, p.X.Max*1.1
	} else {
		p.X.Min, p.X.Max = 0, p.X.Max*1.02
		p.X.Tick.Marker = evenTicks{}
	}
	if c.logY {
		p.Y.Scale = plot.LogScale{}
		p.Y.Tick.Marker = logTicks{}
		p.Y.Min, p.Y.Max = p.Y.Min/1.3, p.Y.Max*1.3
		return
	}
	p.Y.Min, p.Y.Max = 0, p.Y.Max*1.05
	if c.wholeShares {
		p.Y.Max = max(p.Y.Max, 1)
	}
	p.Y.Tick.Marker = evenTicks{}
}
