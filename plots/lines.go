package plots

import (
	"image/color"
	"math"
	"slices"
	"strings"

	"c10klab/results"

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
	crossed := len(heads) > 1 && len(heads) <= len(lineColours) && len(tails) > 1 && len(tails) <= len(dashes)
	styles := map[string]lineStyle{}
	for i, label := range labels {
		colour, dash := i, i+i/len(lineColours)
		if crossed && len(labels) <= len(markers) {
			colour, dash = slices.Index(heads, firsts[i]), slices.Index(tails, rests[i])
		}
		styles[label] = lineStyle{
			draw.LineStyle{Color: lineColours[colour%len(lineColours)], Width: 2, Dashes: dashes[dash%len(dashes)]},
			markers[i%len(markers)],
		}
	}
	return styles
}

// distinct lists each text once, in order.
func distinct(texts []string) (once []string) {
	for _, text := range texts {
		if !slices.Contains(once, text) {
			once = append(once, text)
		}
	}
	return once
}

// distinct is what a text is of the cells, each once.
func (s source) distinct(of func(results.Cell) string) []string {
	var all []string
	for _, cell := range s.cells {
		all = append(all, of(cell))
	}
	return distinct(all)
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
	path := polygon(s.marker.corners(at, markerRadius))
	if !hollow {
		c.SetColor(s.Color)
		c.Fill(path)
		return
	}
	c.SetColor(colorWhite)
	c.Fill(path)
	c.SetLineStyle(draw.LineStyle{Color: s.Color, Width: 1})
	c.Stroke(path)
}

func lineEntry(text string, s lineStyle) legendEntry {
	return legendEntry{text: text, sample: func(c *draw.Canvas, centre vg.Point) {
		c.StrokeLine2(s.LineStyle, centre.X-sampleWidth/2, centre.Y, centre.X+sampleWidth/2, centre.Y)
		if s.marker != nil {
			s.mark(c, centre, false)
		}
	}}
}

const markerRadius = vg.Length(4)

// marker is a polygon's corners, about 1 from its centre.
type marker [][2]float64

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

func (m marker) corners(at vg.Point, radius vg.Length) []vg.Point {
	points := make([]vg.Point, len(m))
	for i, corner := range m {
		points[i] = vg.Point{X: at.X + radius*vg.Length(corner[0]), Y: at.Y + radius*vg.Length(corner[1])}
	}
	return points
}
