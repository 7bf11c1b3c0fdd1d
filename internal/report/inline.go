package report

import (
	"bytes"
	"html/template"
	"strings"

	"c10klab/plots"
)

// themed replaces the neutral colours of figures by the page's, so that figures
// follow light and dark. The colours of data stay.
var themed = strings.NewReplacer(
	"fill:#FFFFFF", "fill:var(--paper)",
	"stroke:#FFFFFF", "stroke:var(--paper)",
	"stroke:#000000", "stroke:var(--ink)",
	"stroke:#E1E1E1", "stroke:var(--grid)",
	"fill:#5F5F5F", "fill:var(--note)",
	"stroke:#5F5F5F", "stroke:var(--note)",
	"stroke:#A5A5A5", "stroke:var(--faint)",
	"stroke:#787878", "stroke:var(--faint)",
)

// inline makes a figure a part of an HTML document.
func inline(f plots.Figure) template.HTML {
	svg := f.SVG
	if start := bytes.Index(svg, []byte("<svg")); start > 0 {
		svg = svg[start:]
	}
	// The text is this program's own, and package plots escapes the names in it.
	return template.HTML(themed.Replace(string(svg)))
}
