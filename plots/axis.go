package plots

import (
	"fmt"
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// logAxis makes a logarithmic axis of durations in ns whose ends are round and
// enclose [lowNs, highNs], both above 0, with at most maxLabels labelled ticks.
func logAxis(axis *plot.Axis, lowNs, highNs float64, maxLabels int) {
	axis.Scale = plot.LogScale{}
	axis.Min, axis.Max = roundDown(lowNs), roundUp(highNs)
	if axis.Min == axis.Max {
		axis.Max = roundUp(axis.Max * 1.01)
	}
	axis.Tick.Marker = plot.ConstantTicks(durationTicks(axis.Min, axis.Max, maxLabels))
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

// labelDensities say, from the densest on, which ticks at step × 10^decade get a
// label.
var labelDensities = []func(step, decade int) bool{
	func(step, _ int) bool { return step == 1 || step == 2 || step == 5 },
	func(step, _ int) bool { return step == 1 },
	func(step, decade int) bool { return step == 1 && decade%2 == 0 },
	func(step, decade int) bool { return step == 1 && decade%3 == 0 },
}

// durationTicks puts a tick at 1 to 9 of each decade and labels as many as
// maxLabels allows.
func durationTicks(low, high float64, maxLabels int) []plot.Tick {
	const rounding = 1e-9
	for _, labelled := range labelDensities {
		var ticks []plot.Tick
		labels := 0
		for decade := int(math.Floor(math.Log10(low) + rounding)); math.Pow10(decade) <= high; decade++ {
			for step := 1; step < 10; step++ {
				tick := plot.Tick{Value: float64(step) * math.Pow10(decade)}
				if tick.Value < low*(1-rounding) || tick.Value > high*(1+rounding) {
					continue
				}
				if labelled(step, decade) {
					tick.Label = durationLabel(tick.Value)
					labels++
				}
				ticks = append(ticks, tick)
			}
		}
		if labels <= maxLabels {
			return ticks
		}
	}
	return nil
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
