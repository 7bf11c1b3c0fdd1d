package plots

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"

	"c10klab/results"
)

// linearDurations labels a linear axis of ns from 0 with one unit.
type linearDurations struct{}

// Ticks implements plot.Ticker.
func (linearDurations) Ticks(low, high float64) []plot.Tick {
	const most = 6
	step := roundUp(high / most)
	var ticks []plot.Tick
	for at := 0.0; at <= high; at += step {
		label := "0"
		if at > 0 {
			label = results.FormatDuration(at)
		}
		ticks = append(ticks, plot.Tick{Value: at, Label: label})
	}
	return ticks
}

// countTicks labels a linear axis of counts or shares.
type countTicks struct{}

// Ticks implements plot.Ticker.
func (countTicks) Ticks(low, high float64) []plot.Tick {
	const most = 6
	step := roundUp((high - low) / most)
	decimals := max(0, -int(math.Floor(math.Log10(step))))
	var ticks []plot.Tick
	for n := int(math.Ceil(low / step)); float64(n)*step <= high; n++ {
		at := float64(n) * step
		ticks = append(ticks, plot.Tick{Value: at, Label: strconv.FormatFloat(at, 'f', decimals, 64)})
	}
	return ticks
}

// percentTicks labels an axis of shares.
type percentTicks struct{}

// Ticks implements plot.Ticker.
func (percentTicks) Ticks(_, high float64) []plot.Tick {
	var ticks []plot.Tick
	for percent := 0; float64(percent) <= 100*high; percent += 25 {
		ticks = append(ticks, plot.Tick{Value: float64(percent) / 100, Label: strconv.Itoa(percent) + " %"})
	}
	return ticks
}

// secondTicks labels an axis of seconds.
type secondTicks struct{}

// Ticks implements plot.Ticker.
func (secondTicks) Ticks(_, high float64) []plot.Tick {
	const most = 10
	step := max(1, roundUp(high/most))
	var ticks []plot.Tick
	for at := 0.0; at <= high; at += step {
		ticks = append(ticks, plot.Tick{Value: at, Label: strconv.FormatFloat(at, 'g', -1, 64) + " s"})
	}
	return ticks
}

// rowTicks makes a Y axis of rows, the first at the top; a blank label leaves the
// row's name to another panel.
func rowTicks(pl *plot.Plot, labels []string) {
	ticks := make([]plot.Tick, len(labels))
	for i, label := range labels {
		ticks[i] = plot.Tick{Value: float64(len(labels) - 1 - i), Label: label}
	}
	pl.Y.Tick.Marker = plot.ConstantTicks(ticks)
	pl.Y.Min, pl.Y.Max = -0.6, float64(len(labels))-0.4
	pl.Y.Tick.Length = 0
}
