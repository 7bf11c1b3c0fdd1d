package plots

import (
	"gonum.org/v1/plot"

	"c10klab/internal/measure"
	"c10klab/results"
)

// swept is what one panel of a sweep shows: durations on a logarithmic axis, other
// numbers on a linear one from 0.
type swept struct {
	measure.Metric
	title string
}

const sweepColumns = 3

// sweptRows are the rows of panels along an axis: what clients waited, a percentile a
// panel, and the numbers that belong to the axis.
func (s source) sweptRows(axis string) (rows [][]swept) {
	for _, key := range measure.Clients(results.KeysOf(s.cells)) {
		span := measure.SpanNamed(key.Stage)
		if span.In&measure.Sweep == 0 {
			continue
		}
		title := span.Title
		if span != measure.EndToEnd {
			title += " of " + key.API
		}
		var row []swept
		for _, q := range []struct {
			measure.Quantile
			shown string
		}{{measure.P50, "p50"}, {measure.P99, "p99"}, {measure.P999, "p99.9"}} {
			row = append(row, swept{measure.At(key, q.Quantile), title + ", " + q.shown})
		}
		rows = append(rows, row)
	}
	var numbers []swept
	for _, n := range measure.Numbers(measure.Sweep) {
		if n.Along == axis {
			numbers = append(numbers, swept{n.Metric(), n.Title})
		}
	}
	for len(numbers) > 0 {
		row := numbers[:min(len(numbers), sweepColumns)]
		rows, numbers = append(rows, row), numbers[len(row):]
	}
	return rows
}

// of reads the metric from a trial.
func (m swept) of(t results.TrialDigest) measure.Value {
	if key, isDuration := m.Key(); isDuration {
		return m.OfDigest(t.Spans[key])
	}
	return m.Of(t.Trial)
}

// axis makes the Y axis for a range of values.
func (m swept) axis(axis *plot.Axis, low, high float64) {
	const room = 1.05
	if m.IsDuration() {
		logAxis(axis, max(1, low/room), max(2, high*room), 10)
		return
	}
	axis.Min, axis.Max = min(0, low*room), high*room
	if axis.Max <= 0 {
		axis.Max = 1
	}
	axis.Tick.Marker = countTicks{}
}
