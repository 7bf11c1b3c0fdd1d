package plots

import (
	"maps"
	"slices"

	"gonum.org/v1/plot/plotter"

	"c10klab/internal/record"
	"c10klab/results"
)

// timeline is how one trial of a cell went. Times are seconds since the window began.
type timeline struct {
	caption
	cell        results.Cell
	consumers   string
	block       int
	span        string // what steps count, such as ResponseTime/Produce
	stepSeconds float64
	steps       [][]int64   // as record.TimeSeries has them; nil: not recorded
	util        plotter.XYs // of the busiest disk, share
	events      []event     // of the store
}

// readTimelines returns a timeline for each cell that has anything to show, of its first
// trial that the cell's numbers are from.
func (s source) readTimelines() (timelines []timeline, err error) {
	for _, cell := range s.cells {
		if len(cell.Measured) == 0 {
			continue
		}
		t := *cell.Measured[0].Trial
		line := timeline{caption: captionOf(cell, s.label(cell)), cell: cell, consumers: consumersOf(cell), block: t.Block}
		series, err := s.run.Series(t)
		if err != nil {
			return nil, err
		}
		startNs, _, _ := t.Measurement.WindowSpan()
		if len(series) > 0 {
			first := series[0]
			line.span, line.steps, line.stepSeconds = first.Stage+"/"+first.API, first.Steps, float64(first.StepNs)/nsPerSecond
			startNs = first.StartNs
		}
		disks, err := s.run.DiskSamples(t)
		if err != nil {
			return nil, err
		}
		line.util, line.events = busiest(disks, startNs, t.Measurement.WindowNs), eventsOf(t, startNs)
		if line.steps != nil || line.util != nil || line.events != nil {
			timelines = append(timelines, line)
		}
	}
	return timelines, nil
}

const nsPerSecond = 1e9

// busiest is the utilisation of the busiest disk in each sample of the window.
func busiest(disks [][]record.DiskSample, startNs, windowNs int64) (samples plotter.XYs) {
	for _, d := range disks {
		n := 0
		for _, one := range d {
			if one.AtNs < startNs || one.AtNs > startNs+windowNs {
				continue
			}
			at := plotter.XY{X: float64(one.AtNs-startNs) / nsPerSecond, Y: one.Util}
			if n == len(samples) {
				samples = append(samples, at)
			}
			samples[n].Y = max(samples[n].Y, one.Util)
			n++
		}
	}
	return samples
}

// merged counts buckets over each run of n steps.
func merged(steps [][]int64, n int) []map[int]int64 {
	all := make([]map[int]int64, (len(steps)+n-1)/n)
	for i, step := range steps {
		if all[i/n] == nil {
			all[i/n] = map[int]int64{}
		}
		for j := 0; j+1 < len(step); j += 2 {
			all[i/n][int(step[j])] += step[j+1]
		}
	}
	return all
}

func total(counts map[int]int64) (n int64) {
	for _, count := range counts {
		n += count
	}
	return n
}

// quantileNs is the upper end of the bucket that the quantile lies in; 0 of none.
func quantileNs(counts map[int]int64, q float64) float64 {
	left := int64(float64(total(counts)) * (1 - q)) // that may lie above
	for _, bucket := range slices.Backward(slices.Sorted(maps.Keys(counts))) {
		if left -= counts[bucket]; left < 0 {
			_, to := record.SeriesBounds(bucket)
			return float64(to)
		}
	}
	return 0
}
