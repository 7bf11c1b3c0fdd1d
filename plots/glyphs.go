package plots

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

var colorWhite = color.White

// diamond is a filled square on its corner.
type diamond struct{}

// DrawGlyph implements draw.GlyphDrawer.
func (diamond) DrawGlyph(c *draw.Canvas, sty draw.GlyphStyle, at vg.Point) {
	c.SetColor(sty.Color)
	c.Fill(polygon(diamondCorners(at, sty.Radius)))
}

// hollowDiamond is the outline of a diamond.
type hollowDiamond struct{}

// DrawGlyph implements draw.GlyphDrawer.
func (hollowDiamond) DrawGlyph(c *draw.Canvas, sty draw.GlyphStyle, at vg.Point) {
	c.SetLineStyle(draw.LineStyle{Color: sty.Color, Width: 1})
	c.Stroke(polygon(diamondCorners(at, sty.Radius)))
}

// leftArrow points beyond the left edge of the axis.
type leftArrow struct{}

// DrawGlyph implements draw.GlyphDrawer.
func (leftArrow) DrawGlyph(c *draw.Canvas, sty draw.GlyphStyle, at vg.Point) {
	r := sty.Radius
	c.SetColor(sty.Color)
	c.Fill(polygon([]vg.Point{{X: at.X - r, Y: at.Y}, {X: at.X + 0.7*r, Y: at.Y + 0.9*r}, {X: at.X + 0.7*r, Y: at.Y - 0.9*r}}))
}

func diamondCorners(at vg.Point, radius vg.Length) []vg.Point {
	r := 1.25 * radius
	return []vg.Point{{X: at.X - r, Y: at.Y}, {X: at.X, Y: at.Y + r}, {X: at.X + r, Y: at.Y}, {X: at.X, Y: at.Y - r}}
}

func polygon(corners []vg.Point) vg.Path {
	var path vg.Path
	path.Move(corners[0])
	for _, corner := range corners[1:] {
		path.Line(corner)
	}
	path.Close()
	return path
}

// verticalGrid draws a faint line at each labelled tick of the X axis;
// horizontalGrid at those of the Y axis.
type (
	verticalGrid   struct{}
	horizontalGrid struct{}
)

var gridLine = draw.LineStyle{Color: gridColour, Width: 0.75}

// Plot implements plot.Plotter.
func (verticalGrid) Plot(c draw.Canvas, p *plot.Plot) {
	trX, _ := p.Transforms(&c)
	for _, x := range labelled(p.X) {
		c.StrokeLine2(gridLine, trX(x), c.Min.Y, trX(x), c.Max.Y)
	}
}

// Plot implements plot.Plotter.
func (horizontalGrid) Plot(c draw.Canvas, p *plot.Plot) {
	_, trY := p.Transforms(&c)
	for _, y := range labelled(p.Y) {
		c.StrokeLine2(gridLine, c.Min.X, trY(y), c.Max.X, trY(y))
	}
}

// labelled lists the labelled ticks that the axis line does not cover.
func labelled(axis plot.Axis) []float64 {
	var values []float64
	for _, tick := range axis.Tick.Marker.Ticks(axis.Min, axis.Max) {
		if !tick.IsMinor() && tick.Value > axis.Min {
			values = append(values, tick.Value)
		}
	}
	return values
}
