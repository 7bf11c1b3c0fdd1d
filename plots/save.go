package plots

import (
	"bytes"
	"fmt"
	"image/png"
	"os"

	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// fontFamily names, for viewers of an SVG without the font it was laid out in,
// others with the same widths.
const fontFamily = "font-family:Liberation Sans,Arial,Helvetica,sans-serif;"

// svg draws the figure as an SVG document whose marks tell their values.
func (f figure) svg() ([]byte, error) {
	canvas := &tipCanvas{Canvas: vgsvg.New(f.width, f.fullHeight())}
	f.draw(draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("draw %s as SVG: %w", f.title, err)
	}
	content := bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"), []byte(fontFamily))
	return canvas.withTips(canvas.withWidths(withStretchedImages(content))), nil
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

// save writes the figure as base.png and base.svg and returns the two names.
func (f figure) save(base string) ([]string, error) {
	var names []string
	for _, format := range []struct {
		suffix string
		draw   func() ([]byte, error)
	}{{".png", f.png}, {".svg", f.svg}} {
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
