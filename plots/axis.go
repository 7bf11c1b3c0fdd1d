package plots

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"

	"c10klab/results"
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

func roundDown(x float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(x)))
	for _, step := range []float64{5, 2} {
		if step*decade <= x {
			return step * decade
		}
	}
	return decade
}

func roundUp(x float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(x)))
	for _, step := range []float64{1, 2, 5} {
		if step*decade >= x {
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
					tick.Label = scaled(tick.Value, " ns", " µs", " ms", " s")
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

// countLabel shortens a count: 950, 12.3 k, 4.56 M.
func countLabel(n int64) string { return scaled(float64(n), "", " k", " M") }

// scaled writes a number with three digits in the unit that suits it, each a thousand of
// the one before.
func scaled(x float64, units ...string) string {
	for len(units) > 1 && x >= 999.5 {
		x, units = x/1000, units[1:]
	}
	return strconv.FormatFloat(x, 'g', 3, 64) + units[0]
}

// plain writes a number with all its digits.
func plain(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// stepTicks labels a linear axis from 0 in steps that depend on its end.
func stepTicks(step func(high float64) float64, label func(at float64) string) plot.TickerFunc {
	return func(_, high float64) (ticks []plot.Tick) {
		for at := 0.0; at <= high; at += step(high) {
			ticks = append(ticks, plot.Tick{Value: at, Label: label(at)})
		}
		return ticks
	}
}

var (
	linearDurations = stepTicks(func(high float64) float64 { return roundUp(high / 6) }, func(ns float64) string {
		if ns == 0 {
			return "0"
		}
		return results.FormatDuration(ns)
	})
	percentTicks = stepTicks(func(float64) float64 { return 0.25 }, func(share float64) string { return plain(100*share) + " %" })
	secondTicks  = stepTicks(func(high float64) float64 { return max(1, roundUp(high/10)) }, func(s float64) string { return plain(s) + " s" })
)

// countTicks labels a linear axis of counts or shares.
func countTicks(low, high float64) (ticks []plot.Tick) {
	const most = 6
	step := roundUp((high - low) / most)
	decimals := max(0, -int(math.Floor(math.Log10(step))))
	for n := int(math.Ceil(low / step)); float64(n)*step <= high; n++ {
		at := float64(n) * step
		ticks = append(ticks, plot.Tick{Value: at, Label: strconv.FormatFloat(at, 'f', decimals, 64)})
	}
	return ticks
}

// ratioTicks labels a logarithmic axis of ratios.
func ratioTicks(low, high float64) []plot.Tick {
	const most = 8
	ticks := durationTicks(low, high, most)
	for i := range ticks {
		if ticks[i].Label != "" {
			ticks[i].Label = plain(ticks[i].Value)
		}
	}
	return ticks
}

// rowPlot is a plot of rows, the i-th at −i, so that the first is at the top; unnamed where
// another panel names them.
func rowPlot(names []string, unnamed bool) *plot.Plot {
	ticks := make([]plot.Tick, len(names))
	for i, name := range names {
		if unnamed {
			name = " "
		}
		ticks[i] = plot.Tick{Value: -float64(i), Label: name}
	}
	pl := newPlot()
	pl.Y.Tick.Marker = plot.ConstantTicks(ticks)
	pl.Y.Min, pl.Y.Max = 0.4-float64(len(names)), 0.6
	pl.Y.Tick.Length = 0
	return pl
}
