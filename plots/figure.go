package plots

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	margin     = vg.Length(14)
	legendLine = vg.Length(20)
	titleLine  = vg.Length(24)
	noteLine   = vg.Length(17)
	pngDPI     = 144
)

// figure is a titled grid of plots with one legend for all beneath, where it
// covers no data.
type figure struct {
	width, height vg.Length
	title         string
	notes         []string       // lines under the title
	panels        [][]*panelPlot // by row and column; nil leaves a gap
	legend        []legendEntry
}

// legendEntry is a text behind a sample drawn into a box of sampleWidth.
type legendEntry struct {
	text   string
	sample func(c *draw.Canvas, centre vg.Point)
}

const (
	sampleWidth = vg.Length(34)
	legendGap   = vg.Length(22)
)

// boxEntry is a legend's entry whose sample is a box filled in some manner.
func boxEntry(text string, fill func(c *draw.Canvas, box vg.Rectangle)) legendEntry {
	return legendEntry{text: text, sample: func(c *draw.Canvas, centre vg.Point) {
		half := vg.Point{X: sampleWidth / 2, Y: 6}
		fill(c, vg.Rectangle{Min: centre.Sub(half), Max: centre.Add(half)})
	}}
}

func fill(c *draw.Canvas, box vg.Rectangle, colour color.Color) {
	c.SetColor(colour)
	c.Fill(box.Path())
}

// noteLeft says that only the first of some things are shown, if others are left.
func (f *figure) noteLeft(shown, left int, things string) {
	if left > 0 {
		f.notes = append(f.notes, fmt.Sprintf("the first %d of %d %s", shown, shown+left, things))
	}
}

func (f figure) draw(c draw.Canvas) {
	fill(&c, c.Rectangle, color.White)
	c = draw.Crop(c, margin, -margin, margin, -margin)
	c.FillText(bold(style(titleSize, black, draw.XLeft, draw.YTop)), vg.Point{X: c.Min.X, Y: c.Max.Y}, f.title)
	c.Max.Y -= titleLine
	for _, note := range f.notes {
		c.FillText(style(labelSize, noteColour, draw.XLeft, draw.YTop), vg.Point{X: c.Min.X, Y: c.Max.Y}, note)
		c.Max.Y -= noteLine
	}
	c.Max.Y -= 6
	c.Min.Y += f.drawLegend(c)
	drawAligned(f.panels, c)
}

// drawLegend writes entries from left to right, breaking lines, and returns the
// height it took.
func (f figure) drawLegend(c draw.Canvas) vg.Length {
	text := legendText()
	lines := f.legendLines(c.Max.X - c.Min.X)
	for i, line := range lines {
		at := vg.Point{X: c.Min.X, Y: c.Min.Y + legendLine*(vg.Length(len(lines)-1-i)+0.5)}
		for _, entry := range line {
			entry.sample(&c, vg.Point{X: at.X + sampleWidth/2, Y: at.Y - 1.5})
			c.FillText(text, vg.Point{X: at.X + sampleWidth + 4, Y: at.Y}, entry.text)
			at.X += sampleWidth + text.Width(entry.text) + legendGap
		}
	}
	return legendLine*vg.Length(len(lines)) + 8
}

// legendLines breaks the legend into lines of a width.
func (f figure) legendLines(width vg.Length) (lines [][]legendEntry) {
	text := legendText()
	var used vg.Length
	for _, entry := range f.legend {
		takes := sampleWidth + text.Width(entry.text) + legendGap
		if len(lines) == 0 || used+takes > width {
			lines, used = append(lines, nil), 0
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], entry)
		used += takes
	}
	return lines
}

func legendText() text.Style { return style(labelSize, black, draw.XLeft, draw.YCenter) }

// legendRoom is how many lines of the legend a figure's height allows for.
const legendRoom = 3

// fullHeight is the height with what a longer legend takes.
func (f figure) fullHeight() vg.Length {
	lines := len(f.legendLines(f.width - 2*margin))
	return f.height + legendLine*vg.Length(max(0, lines-legendRoom))
}
