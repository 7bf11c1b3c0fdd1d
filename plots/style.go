package plots

import (
	"image/color"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// The palette of Okabe and Ito, which colour-blind readers can tell apart,
// without its yellow, which is too faint for lines on white.
var (
	black         = color.RGBA{A: 255}
	orange        = color.RGBA{R: 230, G: 159, B: 0, A: 255}
	skyBlue       = color.RGBA{R: 86, G: 180, B: 233, A: 255}
	bluishGreen   = color.RGBA{R: 0, G: 158, B: 115, A: 255}
	blue          = color.RGBA{R: 0, G: 114, B: 178, A: 255}
	vermillion    = color.RGBA{R: 213, G: 94, B: 0, A: 255}
	reddishPurple = color.RGBA{R: 204, G: 121, B: 167, A: 255}

	// tailColours are those of tailQuantiles.
	tailColours = [len(tailQuantiles)]color.RGBA{blue, vermillion}

	gridColour = color.Gray{Y: 225}
	noteColour = color.Gray{Y: 95}
)

const (
	titleSize = vg.Length(16)
	panelSize = vg.Length(13)
	labelSize = vg.Length(12)
	noteSize  = vg.Length(10.5)
)

func style(size vg.Length, colour color.Color, x text.XAlignment, y text.YAlignment) text.Style {
	return text.Style{
		Color: colour, XAlign: x, YAlign: y, Handler: plot.DefaultTextHandler,
		Font: font.Font{Typeface: "Liberation", Variant: "Sans", Size: size},
	}
}

func bold(s text.Style) text.Style {
	s.Font.Weight = xfont.WeightBold
	return s
}

// fitted is a style small enough for a text to take no more than a width.
func fitted(s text.Style, label string, width vg.Length) text.Style {
	if wide := s.Width(label); wide > width {
		s.Font.Size *= width / wide
	}
	return s
}

// newPlot returns an empty plot in house style.
func newPlot() *plot.Plot {
	p := plot.New()
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Tick.Label.Font = style(labelSize, black, 0, 0).Font
		axis.LineStyle.Width = 0.75
		axis.Tick.LineStyle.Width = 0.75
		axis.Tick.Length = 5
		axis.Padding = 0
	}
	return p
}

// widest is the width of the longest of some labels of an axis.
func widest(labels []string) (width vg.Length) {
	text := style(labelSize, black, 0, 0)
	for _, label := range labels {
		width = max(width, text.Width(label))
	}
	return width
}
