package plots

import (
	"image/color"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// lineStyle is how one of several lines is drawn. Its dashes and marker together are no
// other line's, so that print without colour tells the lines apart as well; the markers
// alone are as long as there are no more lines than markers, which is for points that no
// line leads to.
type lineStyle struct {
	draw.LineStyle
	marker marker
}

const markerRadius = vg.Length(4)

var (
	lineColours = []color.RGBA{blue, vermillion, bluishGreen, orange, reddishPurple, skyBlue, black}
	dashes      = [][]vg.Length{nil, {7, 3}, {2, 2.5}, {9, 3, 2, 3}, {4, 2}, {12, 4}, {1, 3}}
)

// labelSeparator stands between the settings that a label is made of.
const labelSeparator = ", "

// lineStylesOf gives each label the same line in all panels. Labels that differ in two
// settings have a colour for the first, such as the model, and dashes for the rest.
func lineStylesOf(labels []string) map[string]lineStyle {
	var firsts, rests []string
	for _, label := range labels {
		first, rest, _ := strings.Cut(label, labelSeparator)
		firsts, rests = append(firsts, first), append(rests, rest)
	}
	heads, tails := distinct(firsts), distinct(rests)
	crossed := len(heads) > 1 && len(heads) <= len(lineColours) && len(tails) > 1 && len(tails) <= len(dashes) &&
		len(labels) <= len(markers)
	styles := map[string]lineStyle{}
	for i, label := range labels {
		colour, dash := i, i+i/len(lineColours)
		if crossed {
			colour, dash = slices.Index(heads, firsts[i]), slices.Index(tails, rests[i])
		}
		styles[label] = lineStyle{
			draw.LineStyle{Color: lineColours[colour%len(lineColours)], Width: 2, Dashes: dashes[dash%len(dashes)]},
			markers[i%len(markers)],
		}
	}
	return styles
}

// faint marks a line whose numbers do not stand.
func (s lineStyle) faint() lineStyle {
	c := color.NRGBAModel.Convert(s.Color).(color.NRGBA)
	c.A = 190
	s.Color, s.Width = c, 0.9
	return s
}

// mark draws the line's marker, hollow where a value does not stand.
func (s lineStyle) mark(c *draw.Canvas, at vg.Point, hollow bool) {
	sty := draw.GlyphStyle{Color: s.Color, Radius: markerRadius}
	if !hollow {
		s.marker.DrawGlyph(c, sty, at)
		return
	}
	s.marker.DrawGlyph(c, draw.GlyphStyle{Color: color.White, Radius: markerRadius}, at)
	outline{s.marker}.DrawGlyph(c, sty, at)
}

// lineLegend explains a line for each label, and thin ones if some outcomes do not stand.
func lineLegend(labels []string, styles map[string]lineStyle, outcomes []string) (entries []legendEntry) {
	line := func(text string, s lineStyle) {
		entries = append(entries, legendEntry{text: text, sample: func(c *draw.Canvas, centre vg.Point) {
			c.StrokeLine2(s.LineStyle, centre.X-sampleWidth/2, centre.Y, centre.X+sampleWidth/2, centre.Y)
			if s.marker != nil {
				s.mark(c, centre, false)
			}
		}})
	}
	for _, label := range labels {
		line(label, styles[label])
	}
	if len(outcomes) > 0 {
		line("thin: "+strings.Join(outcomes, ", "), lineStyle{LineStyle: draw.LineStyle{Color: black}}.faint())
	}
	return entries
}

// addLine draws a line with a mark where marked says so, and tells of each point what tip
// says, of some nothing. faint: its numbers do not stand.
func addLine(p *plot.Plot, points plotter.XYs, style lineStyle, faint bool, marked func(i int) bool, tip func(i int) string) {
	if faint {
		style = style.faint()
	}
	p.Add(&plotter.Line{XYs: points, LineStyle: style.LineStyle}, painted(func(c *draw.Canvas, x, y func(float64) vg.Length) {
		for i, point := range points {
			at := vg.Point{X: x(point.X), Y: y(point.Y)}
			if marked(i) {
				style.mark(c, at, faint)
			}
			if text := tip(i); text != "" {
				tellAt(c, at, glyphRadius, "%s", text)
			}
		}
	}))
}
