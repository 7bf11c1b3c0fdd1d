package plots

import (
	"fmt"
	"html"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// tip is what a viewer of the SVG is told when it points into a box.
type tip struct {
	box  vg.Rectangle
	text string
}

// tipCanvas is an SVG canvas that collects tips, and the width of each text, while
// a figure is drawn on it.
type tipCanvas struct {
	*vgsvg.Canvas
	tips   []tip
	widths []vg.Length
}

// FillString implements vg.Canvas.
func (c *tipCanvas) FillString(face font.Face, at vg.Point, text string) {
	c.widths = append(c.widths, face.Width(text))
	c.Canvas.FillString(face, at, text)
}

// withWidths ties each text to the width that the figure was laid out with: a
// viewer without the font takes another one.
func (c *tipCanvas) withWidths(svg string) string {
	const start = "<text "
	parts := strings.Split(svg, start)
	for i, width := range c.widths {
		if width > 0 {
			parts[i+1] = fmt.Sprintf(`textLength="%.1f" lengthAdjust="spacingAndGlyphs" `, width.Points()) + parts[i+1]
		}
	}
	return strings.Join(parts, start)
}

// tell attaches a text to a box; canvases without tips ignore it.
func tell(c *draw.Canvas, box vg.Rectangle, format string, args ...any) {
	inner := c.Canvas
	for { // a cropped canvas is a canvas around another
		outer, cropped := inner.(draw.Canvas)
		if !cropped {
			break
		}
		inner = outer.Canvas
	}
	if collector, collects := inner.(*tipCanvas); collects {
		collector.tips = append(collector.tips, tip{box, fmt.Sprintf(format, args...)})
	}
}

// tellAt attaches a text to a glyph.
func tellAt(c *draw.Canvas, at vg.Point, radius vg.Length, format string, args ...any) {
	r := vg.Point{X: radius, Y: radius}
	tell(c, vg.Rectangle{Min: at.Sub(r), Max: at.Add(r)}, format, args...)
}

// withTips adds the collected tips to the finished SVG, the last drawn on top, as
// invisible boxes with titles.
func (c *tipCanvas) withTips(svg string) string {
	const end = "</svg>\n"
	_, height := c.Size()
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(svg, end))
	b.WriteString(`<g class="tips" fill="none" stroke="none" pointer-events="all">` + "\n")
	for _, t := range c.tips {
		size := t.box.Size()
		fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s</title></rect>`+"\n",
			t.box.Min.X.Points(), (height - t.box.Max.Y).Points(), size.X.Points(), size.Y.Points(), html.EscapeString(t.text))
	}
	return b.String() + "</g>\n" + end
}
