package plots

import (
	"slices"

	"c10klab/internal/record"
	"c10klab/results"
)

// timeline is how one trial of a cell went. Times are seconds since the window began.
type timeline struct {
	cell                      results.Cell
	label, consumers, outcome string
	stands                    bool
	block                     int
	span                      string // what steps count, such as ResponseTime/Produce
	stepSeconds               float64
	steps                     [][]int64 // as record.TimeSeries has them; nil: not recorded
	util                      []sample  // of the busiest disk, share
	events                    []event   // of the store
}

// sample is a value at a time.
type sample struct{ seconds, value float64 }

// mostTimelines bounds the cells that figures show over time: more lines tell nothing,
// and those of a run of thousands would not fit into memory.
const mostTimelines = 60

// readTimelines returns a timeline for each of the first cells that have anything to
// show, of its first trial that the cell's numbers are from, and how many cells are left.
func (s source) readTimelines() (timelines []timeline, left int, err error) {
	for _, cell := range s.cells {
		if len(cell.Measured) == 0 {
			continue
		}
		if len(timelines) == mostTimelines {
			left++
			continue
		}
		t := *cell.Measured[0].Trial
		line := timeline{cell: cell, label: s.label(cell), consumers: cell.Knobs["consumers"], outcome: string(t.Outcome), stands: cell.Stands(), block: t.Block}
		series, err := s.run.Series(t)
		if err != nil {
			return nil, 0, err
		}
		startNs, _, _ := t.Measurement.WindowSpan()
		if len(series) > 0 {
			first := series[0]
			line.span, line.steps, line.stepSeconds = first.Stage+"/"+first.API, first.Steps, float64(first.StepNs)/nsPerSecond
			startNs = first.StartNs
		}
		disks, err := s.run.DiskSamples(t)
		if err != nil {
			return nil, 0, err
		}
		line.util, line.events = busiest(disks, startNs, t.Measurement.WindowNs), eventsOf(t, startNs)
		if line.steps != nil || line.util != nil || line.events != nil {
			timelines = append(timelines, line)
		}
	}
	return timelines, left, nil
}

const nsPerSecond = 1e9

// busiest is the utilisation of the busiest disk in each sample of the window.
func busiest(disks [][]record.DiskSample, startNs, windowNs int64) []sample {
	var samples []sample
	for _, d := range disks {
		n := 0
		for _, one := range d {
			if one.AtNs < startNs || one.AtNs > startNs+windowNs {
				continue
			}
			at := sample{float64(one.AtNs-startNs) / nsPerSecond, one.Util}
			if n == len(samples) {
				samples = append(samples, at)
			}
			samples[n].value = max(samples[n].value, one.Util)
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
	buckets := make([]int, 0, len(counts))
	for bucket := range counts {
		buckets = append(buckets, bucket)
	}
	slices.Sort(buckets)
	for i := len(buckets) - 1; i >= 0; i-- {
		if left -= counts[buckets[i]]; left < 0 {
			_, to := record.SeriesBounds(buckets[i])
			return float64(to)
		}
	}
	return 0
}
