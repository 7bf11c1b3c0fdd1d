package plots

import (
	"bytes"
	"fmt"
	"image/png"
	"os"
	"regexp"
	"strings"

	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// svg draws the figure as an SVG document: one whose marks tell their values, or a small one
// for pages, which show it as an image: marks tell nothing there, and each style is written
// once.
func (f figure) svg(small bool) ([]byte, error) {
	canvas := &tipCanvas{Canvas: vgsvg.New(f.width, f.fullHeight())}
	f.draw(draw.New(canvas))
	var b strings.Builder
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("draw %s as SVG: %w", f.title, err)
	}
	svg := canvas.withWidths(forViewers.Replace(b.String()))
	if small {
		return []byte(withSheet(svg)), nil
	}
	return []byte(canvas.withTips(withAttributes(svg))), nil
}

var (
	// forViewers names, for those without the font that a figure was laid out in, others with
	// the same widths, and has an image fill its box, as in the PNG, and keep the edges of its
	// fields: viewers would keep its proportions and smooth it.
	forViewers = strings.NewReplacer("font-family:Liberation Sans;", "font-family:Liberation Sans,Arial,Helvetica,sans-serif;",
		"<image ", `<image preserveAspectRatio="none" style="image-rendering:pixelated" `)

	styleAttribute = regexp.MustCompile(`\s+style="([^"]*)"`)
)

// withAttributes writes the styles of an SVG as presentation attributes. They hold where a page's content
// policy allows no styles, and a page's sheet may set others.
func withAttributes(svg string) string {
	return styleAttribute.ReplaceAllStringFunc(svg, func(attribute string) string {
		var b strings.Builder
		for property := range strings.SplitSeq(styleAttribute.FindStringSubmatch(attribute)[1], ";") {
			if name, value, ok := strings.Cut(property, ":"); ok {
				fmt.Fprintf(&b, ` %s="%s"`, strings.TrimSpace(name), strings.TrimSpace(value))
			}
		}
		return b.String()
	})
}

// withSheet moves the styles of an SVG into a sheet.
func withSheet(svg string) string {
	const body = "<g " // which all marks are in
	names := map[string]string{}
	var sheet strings.Builder
	svg = styleAttribute.ReplaceAllStringFunc(svg, func(attribute string) string {
		style := styleAttribute.FindStringSubmatch(attribute)[1]
		if names[style] == "" {
			names[style] = fmt.Sprintf("s%d", len(names))
			fmt.Fprintf(&sheet, ".%s{%s}\n", names[style], style)
		}
		return ` class="` + names[style] + `"`
	})
	return strings.Replace(svg, body, "<style>\n"+sheet.String()+"</style>\n"+body, 1)
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
	}{{".png", f.png}, {".svg", func() ([]byte, error) { return f.svg(packed) }}}
	if packed {
		formats = formats[1:]
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
