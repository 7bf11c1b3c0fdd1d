package plots

import (
	"fmt"
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// logAxis makes a logarithmic axis of durations in ns whose ends are round and
// enclose [lowNs, highNs], both above 0.
func logAxis(axis *plot.Axis, label string, lowNs, highNs float64) {
	axis.Label.Text = label
	axis.Scale = plot.LogScale{}
	axis.Min, axis.Max = roundDown(lowNs), roundUp(highNs)
	if axis.Min == axis.Max {
		axis.Max = roundUp(axis.Max * 1.01)
	}
	axis.Tick.Marker = plot.ConstantTicks(durationTicks(axis.Min, axis.Max))
}

var roundSteps = []float64{1, 2, 5, 10}

func roundDown(ns float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(ns)))
	down := decade
	for _, step := range roundSteps {
		if step*decade <= ns {
			down = step * decade
		}
	}
	return down
}

func roundUp(ns float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(ns)))
	for _, step := range roundSteps {
		if step*decade >= ns {
			return step * decade
		}
	}
	return 10 * decade
}

// labelEveryStep is the widest range, as a ratio, that still has room for a
// label at 1, 2 and 5 of each decade.
const labelEveryStep = 60

func durationTicks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for decade := roundDown(low) / 10; decade <= high; decade *= 10 {
		decade = math.Pow(10, math.Floor(math.Log10(decade)+1e-9))
		for step := 1.0; step < 10; step++ {
			value := step * decade
			labelled := step == 1 || (high/low <= labelEveryStep && (step == 2 || step == 5))
			tick := plot.Tick{Value: value}
			if labelled {
				tick.Label = durationLabel(value)
			}
			if value >= low*0.999 && value <= high*1.001 {
				ticks = append(ticks, tick)
			}
		}
	}
	return ticks
}

func durationLabel(ns float64) string {
	units := []struct {
		name string
		ns   float64
	}{{"s", 1e9}, {"ms", 1e6}, {"µs", 1e3}, {"ns", 1}}
	for _, u := range units {
		if ns >= 0.999*u.ns {
			return strconv.FormatFloat(ns/u.ns, 'g', 3, 64) + " " + u.name
		}
	}
	return fmt.Sprintf("%g ns", ns)
}

// countLabel shortens a count: 950, 12.3 k, 4.56 M.
func countLabel(n int64) string {
	switch {
	case n >= 1e6:
		return strconv.FormatFloat(float64(n)/1e6, 'g', 3, 64) + " M"
	case n >= 1e3:
		return strconv.FormatFloat(float64(n)/1e3, 'g', 3, 64) + " k"
	}
	return strconv.FormatInt(n, 10)
}
