package report

import (
	"c10klab/internal/hdr"
	"c10klab/internal/record"
	"c10klab/results"
)

// contest is a number that variants are compared by.
type contest struct {
	name   string // as a newcomer says it
	best   string // what the winner has
	higher bool   // more is better
	of     func(results.TrialDigest) (float64, bool)
	format func(float64) string
}

var contests = []contest{
	{name: "p99 of the response time", best: "the shortest p99 response time", format: results.FormatDuration, of: quantileOf("ResponseTime", "Produce", 0.99)},
	{name: "p99.9 of the response time", best: "the shortest p99.9 response time", format: results.FormatDuration, of: quantileOf("ResponseTime", "Produce", 0.999)},
	{name: "p99 from due to consumer", best: "the shortest p99 from a record's due time to its consumer", format: results.FormatDuration, of: quantileOf("EndToEnd", "Fetch", 0.99)},
	{name: "rate of reads", best: "the highest rate of reads", higher: true, format: megabytes, of: func(t results.TrialDigest) (float64, bool) {
		m := t.Trial.Measurement
		return m.FetchedMBps, m.FetchedMBps > 0 && m.OfferedMBps == 0
	}},
}

func megabytes(x float64) string { return results.Significant(x) + " MB/s" }

func quantileOf(stage, api string, q float64) func(results.TrialDigest) (float64, bool) {
	return func(t results.TrialDigest) (float64, bool) {
		ns, supported := t.Spans[hdr.Key{Stage: stage, API: api}].Quantile(q)
		return float64(ns), supported && ns > 0
	}
}

// blocks holds, parallel to contests, each cell's value in each block, from valid
// trials alone.
type blocks []map[string]map[int]float64

func readBlocks(cells []results.CellDigest) blocks {
	all := make(blocks, len(contests))
	for i, c := range contests {
		all[i] = map[string]map[int]float64{}
		for _, cell := range cells {
			for _, t := range cell.Measured {
				value, there := c.of(t)
				if !there || t.Trial.Outcome != record.Valid {
					continue
				}
				if all[i][cell.ID] == nil {
					all[i][cell.ID] = map[int]float64{}
				}
				all[i][cell.ID][t.Trial.Block] = value
			}
		}
	}
	return all
}

// median estimates a cell's median over blocks.
func median(byBlock map[int]float64) results.Estimate {
	values := make([]float64, 0, len(byBlock))
	for _, v := range byBlock {
		values = append(values, v)
	}
	return results.MedianOf(values)
}

// ratio compares two cells within the blocks that both have.
func ratio(a, b map[int]float64) results.Estimate {
	var above, below []float64
	for block, value := range a {
		if other, both := b[block]; both {
			above, below = append(above, value), append(below, other)
		}
	}
	return results.Ratio(above, below)
}
