package plots

import (
	"bytes"
	"fmt"
	"image/png"
	"os"
	"regexp"
	"slices"

	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// fontFamily names, for viewers of an SVG without the font it was laid out in,
// others with the same widths.
const fontFamily = "font-family:Liberation Sans,Arial,Helvetica,sans-serif;"

// svg draws the figure as an SVG document whose marks tell their values.
func (f figure) svg() ([]byte, error) {
	content, canvas, err := f.bareSVG()
	if err != nil {
		return nil, err
	}
	return canvas.withTips(content), nil
}

// smallSVG draws the figure as an SVG document for pages, which show it as an image: marks
// tell nothing there, and each style is written once.
func (f figure) smallSVG() ([]byte, error) {
	content, _, err := f.bareSVG()
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	var sheet bytes.Buffer
	content = styleAttribute.ReplaceAllFunc(content, func(attribute []byte) []byte {
		style := string(styleAttribute.FindSubmatch(attribute)[1])
		if names[style] == "" {
			names[style] = fmt.Sprintf("s%d", len(names))
			fmt.Fprintf(&sheet, ".%s{%s}\n", names[style], style)
		}
		return []byte(` class="` + names[style] + `"`)
	})
	before, after, _ := bytes.Cut(content, svgBody)
	return slices.Concat(before, []byte("<style>\n"), sheet.Bytes(), []byte("</style>\n"), svgBody, after), nil
}

var (
	styleAttribute = regexp.MustCompile(`\s+style="([^"]*)"`)
	svgBody        = []byte("<g ") // which all marks are in
)

func (f figure) bareSVG() ([]byte, *tipCanvas, error) {
	canvas := &tipCanvas{Canvas: vgsvg.New(f.width, f.fullHeight())}
	f.draw(draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, nil, fmt.Errorf("draw %s as SVG: %w", f.title, err)
	}
	content := bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"), []byte(fontFamily))
	return canvas.withWidths(withStretchedImages(content)), canvas, nil
}

// png draws the figure as a PNG image.
func (f figure) png() ([]byte, error) {
	canvas := vgimg.NewWith(vgimg.UseWH(f.width, f.fullHeight()), vgimg.UseDPI(pngDPI))
	f.draw(draw.New(canvas))
	var b bytes.Buffer
	if err := png.Encode(&b, paletted(canvas.Image())); err != nil {
		return nil, fmt.Errorf("draw %s as PNG: %w", f.title, err)
	}
	return b.Bytes(), nil
}

// save writes the figure as base.png and base.svg, of packed evidence as a small base.svg
// alone, and returns the names.
func (f figure) save(base string, packed bool) ([]string, error) {
	formats := []struct {
		suffix string
		draw   func() ([]byte, error)
	}{{".png", f.png}, {".svg", f.svg}}
	if packed {
		formats = formats[1:]
		formats[0].draw = f.smallSVG
	}
	var names []string
	for _, format := range formats {
		content, err := format.draw()
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(base+format.suffix, content, 0o644); err != nil {
			return nil, fmt.Errorf("store figure: %w", err)
		}
		names = append(names, base+format.suffix)
	}
	return names, nil
}
