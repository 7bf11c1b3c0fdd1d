package plots

import (
	"image/color"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The distances between the lines of a hatching: dense where it tells a bar from
// others, wide where it lies over data.
const (
	denseHatch = vg.Length(5)
	wideHatch  = vg.Length(12)
)

// hatch draws rising lines across a box.
func hatch(c *draw.Canvas, box vg.Rectangle, colour color.Color, gap vg.Length) {
	line := draw.LineStyle{Color: colour, Width: 1}
	size := box.Size()
	for offset := gap - size.Y; offset < size.X; offset += gap {
		from := vg.Point{X: box.Min.X + offset, Y: box.Min.Y}
		to := vg.Point{X: from.X + size.Y, Y: box.Max.Y}
		if from.X < box.Min.X {
			from = vg.Point{X: box.Min.X, Y: from.Y + box.Min.X - from.X}
		}
		if to.X > box.Max.X {
			to = vg.Point{X: box.Max.X, Y: to.Y - (to.X - box.Max.X)}
		}
		c.StrokeLine2(line, from.X, from.Y, to.X, to.Y)
	}
}

// tint is a light shade of a colour.
func tint(c color.RGBA) color.RGBA {
	light := func(v uint8) uint8 { return v + uint8((255-int(v))*2/3) }
	return color.RGBA{R: light(c.R), G: light(c.G), B: light(c.B), A: 255}
}
