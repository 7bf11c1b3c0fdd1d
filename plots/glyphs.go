package plots

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// painted draws on the data area of a plot; x and y tell where values lie.
type painted func(c *draw.Canvas, x, y func(float64) vg.Length)

// Plot implements plot.Plotter.
func (paint painted) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	paint(&c, x, y)
}

// marker is a polygon's corners, about 1 from its centre. As a draw.GlyphDrawer it is filled.
type marker [][2]float64

// outline is a marker of which only the edge is drawn.
type outline struct{ marker }

var (
	diamond   = marker{{-1.25, 0}, {0, 1.25}, {1.25, 0}, {0, -1.25}}
	leftArrow = marker{{-1, 0}, {0.7, 0.9}, {0.7, -0.9}} // beyond the left edge of the axis
)

// markers differ in their outlines, so that they do filled, hollow and in grey; the last
// two are the hardest to see on a line.
var markers = []marker{
	regular(24, 0),  // a circle
	regular(4, 45),  // a square
	regular(3, 90),  // up
	regular(4, 0),   // a diamond
	regular(3, -90), // down
	star(4, 45, 0.35),
	star(5, 90, 0.4),
	regular(3, 0), // right
	{{-0.9, 0.9}, {0.9, 0.9}, {-0.9, -0.9}, {0.9, -0.9}}, // an hourglass
	regular(3, 180), // left
	{{-0.9, 0.9}, {-0.9, -0.9}, {0.9, 0.9}, {0.9, -0.9}}, // a bow tie
	star(4, 0, 0.35),
	{{-0.35, 1.1}, {0.35, 1.1}, {0.35, -1.1}, {-0.35, -1.1}},
	{{-1.1, 0.35}, {1.1, 0.35}, {1.1, -0.35}, {-1.1, -0.35}},
}

// regular is a polygon with one corner in a direction, in degrees from the right.
func regular(corners int, degrees float64) (m marker) {
	const size = 1.15
	for i := range corners {
		angle := degrees*math.Pi/180 + 2*math.Pi*float64(i)/float64(corners)
		m = append(m, [2]float64{size * math.Cos(angle), size * math.Sin(angle)})
	}
	return m
}

// star is a polygon whose sides go in to a share of its size.
func star(points int, degrees, in float64) (m marker) {
	for i, corner := range regular(2*points, degrees) {
		size := 1.2
		if i%2 == 1 {
			size *= in
		}
		m = append(m, [2]float64{size * corner[0], size * corner[1]})
	}
	return m
}

func (m marker) path(at vg.Point, radius vg.Length) (path vg.Path) {
	for i, corner := range m {
		point := vg.Point{X: at.X + radius*vg.Length(corner[0]), Y: at.Y + radius*vg.Length(corner[1])}
		if i == 0 {
			path.Move(point)
		} else {
			path.Line(point)
		}
	}
	path.Close()
	return path
}

// DrawGlyph implements draw.GlyphDrawer.
func (m marker) DrawGlyph(c *draw.Canvas, sty draw.GlyphStyle, at vg.Point) {
	c.SetColor(sty.Color)
	c.Fill(m.path(at, sty.Radius))
}

// DrawGlyph implements draw.GlyphDrawer.
func (o outline) DrawGlyph(c *draw.Canvas, sty draw.GlyphStyle, at vg.Point) {
	c.SetLineStyle(draw.LineStyle{Color: sty.Color, Width: 1})
	c.Stroke(o.path(at, sty.Radius))
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

// The distances between the lines of a hatching: dense where it tells a bar from
// others, wide where it lies over data.
const (
	denseHatch = vg.Length(5)
	wideHatch  = vg.Length(12)
)

// hatch draws rising lines across a box.
func hatch(c *draw.Canvas, box vg.Rectangle, colour color.Color, gap vg.Length) {
	size := box.Size()
	for offset := gap - size.Y; offset < size.X; offset += gap {
		from, to := max(0, offset), min(size.X, offset+size.Y) // along the box's width
		c.StrokeLine2(draw.LineStyle{Color: colour, Width: 1},
			box.Min.X+from, box.Min.Y+from-offset, box.Min.X+to, box.Min.Y+to-offset)
	}
}
