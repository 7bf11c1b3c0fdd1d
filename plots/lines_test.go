package plots

import (
	"fmt"
	"strings"
	"testing"
)

// manyLabels are of so many models and so many levels of something else.
func manyLabels(models, levels int) (labels []string) {
	for m := range models {
		for l := range levels {
			label := fmt.Sprintf("model-%d", m)
			if levels > 1 {
				label += fmt.Sprintf("%slevel %d", labelSeparator, l)
			}
			labels = append(labels, label)
		}
	}
	return labels
}

func TestLinesAreToldApartWithoutColour(t *testing.T) {
	for _, c := range []struct{ models, levels int }{{6, 2}, {2, 6}, {7, 2}, {1, 12}, {12, 1}, {6, 5}, {mostCells, 1}, {10, 6}, {2, 30}} {
		labels := manyLabels(c.models, c.levels)
		styles := lineStylesOf(labels)
		markersOf, lookOf := map[string]string{}, map[string]string{}
		for _, label := range labels {
			marker := fmt.Sprint(styles[label].marker)
			look := fmt.Sprint(marker, styles[label].Dashes)
			if other, taken := lookOf[look]; taken {
				t.Errorf("%d × %d lines: %s looks like %s", c.models, c.levels, label, other)
			}
			if other, taken := markersOf[marker]; taken && len(labels) <= len(markers) {
				t.Errorf("%d × %d lines: a point of %s looks like one of %s", c.models, c.levels, label, other)
			}
			lookOf[look], markersOf[marker] = label, label
		}
	}
}

func TestLinesOfAModelHaveItsColour(t *testing.T) {
	styles := lineStylesOf(manyLabels(6, 2))
	first, second, other := styles["model-3, level 0"], styles["model-3, level 1"], styles["model-4, level 0"]
	if first.Color != second.Color || first.Color == other.Color {
		t.Errorf("a model has the colours %v and %v, another one %v", first.Color, second.Color, other.Color)
	}
	if fmt.Sprint(first.Dashes) == fmt.Sprint(second.Dashes) || fmt.Sprint(first.Dashes) != fmt.Sprint(other.Dashes) {
		t.Errorf("dashes %v and %v of two levels, %v of the first level of another model", first.Dashes, second.Dashes, other.Dashes)
	}
}

// A viewer keeps an image's proportions unless told otherwise, and a heat map has one
// pixel in a step and many in a duration.
func TestHeatMapsFillTheirPanelsInSVG(t *testing.T) {
	f, found := heatFigure("x", sourceOf(t, simulated(t, 1, 50_000)))
	if !found {
		t.Fatal("no heat map")
	}
	svg, err := f.svg(false)
	if err != nil {
		t.Fatal(err)
	}
	images, stretched := strings.Count(string(svg), "<image "), strings.Count(string(svg), `<image preserveAspectRatio="none"`)
	if images == 0 || stretched != images {
		t.Errorf("%d of %d images are stretched over their panels", stretched, images)
	}
}
