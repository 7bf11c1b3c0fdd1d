package experiments

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"c10klab/internal/record"
	"c10klab/results"
)

// series is a metric's value in each block of a cell.
type series struct {
	byBlock map[int]float64
	bounds  bool // some values are lower bounds
	lack    lack
}

// lack is what trials lack to support a percentile.
type lack struct {
	trials  int
	samples int64 // that the worst of them still needs
}

func (l lack) and(m lack) lack { return lack{l.trials + m.trials, max(l.samples, m.samples)} }

func (l lack) String() string {
	if l.trials == 0 {
		return ""
	}
	return fmt.Sprintf("; %d trials have too few independent samples, up to %d more needed in each", l.trials, l.samples)
}

// seriesKey is one metric of one cell.
type seriesKey struct {
	metric, cell string
	boundsHelp   bool
}

// seriesCache reads each metric of a cell once. One goroutine may use it.
type seriesCache struct {
	run    *results.Run
	trials map[string][]results.Trial // by cell
	known  map[seriesKey]series
}

func newSeriesCache(run *results.Run) *seriesCache {
	c := &seriesCache{run: run, trials: map[string][]results.Trial{}, known: map[seriesKey]series{}}
	for _, t := range run.Trials {
		c.trials[t.Cell] = append(c.trials[t.Cell], t)
	}
	return c
}

// of returns a metric's value in each block of a cell; boundsHelp: lower bounds
// count too.
func (c *seriesCache) of(m Metric, cell string, boundsHelp bool) (series, error) {
	key := seriesKey{m.String(), cell, boundsHelp}
	if s, known := c.known[key]; known {
		return s, nil
	}
	s, err := readSeries(c.run, m, c.trials[cell], boundsHelp)
	if err == nil {
		c.known[key] = s
	}
	return s, err
}

// values lists the values in the order of blocks.
func (s series) values() []float64 {
	var values []float64
	for _, block := range s.blocks() {
		values = append(values, s.byBlock[block])
	}
	return values
}

func (s series) blocks() []int { return slices.Sorted(maps.Keys(s.byBlock)) }

func readSeries(run *results.Run, m Metric, trials []results.Trial, boundsHelp bool) (series, error) {
	s := series{byBlock: map[int]float64{}}
	for _, t := range trials {
		bound := t.Outcome == record.Saturated && m.IsDuration()
		usable := t.Outcome == record.Valid || m.IsCount() || t.Outcome == record.Saturated && (!bound || boundsHelp)
		if !usable {
			continue
		}
		r, err := m.read(run, t)
		switch {
		case err != nil:
			return series{}, err
		case r.supported && !math.IsNaN(r.value) && !math.IsInf(r.value, 0):
			s.byBlock[t.Block] = r.value
			s.bounds = s.bounds || bound
		case r.stillNeeded > 0:
			s.lack = s.lack.and(lack{1, r.stillNeeded})
		}
	}
	return s, nil
}
