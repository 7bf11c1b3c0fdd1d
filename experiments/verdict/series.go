package verdict

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"c10klab/experiments"
	"c10klab/internal/hdr"
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

// seriesCache reads each metric of a trial once, and all histograms that its
// metrics need in one pass over the trial's log. One goroutine may use it.
type seriesCache struct {
	run      *results.Run
	trials   map[string][]record.Trial        // by cell
	wanted   map[hdr.Key][]experiments.Metric // histogram metrics known beforehand
	readings map[string]map[seriesTrial]experiments.Reading
}

// seriesTrial names a trial.
type seriesTrial struct {
	cell           string
	block, attempt int
}

// newSeriesCache prepares reading the metrics; others may be asked for too.
func newSeriesCache(run *results.Run, metrics ...experiments.Metric) *seriesCache {
	c := &seriesCache{run: run, trials: map[string][]record.Trial{}, wanted: map[hdr.Key][]experiments.Metric{}, readings: map[string]map[seriesTrial]experiments.Reading{}}
	for _, t := range run.Trials {
		c.trials[t.Cell] = append(c.trials[t.Cell], t)
	}
	for _, m := range metrics {
		c.want(m)
	}
	return c
}

func (c *seriesCache) want(m experiments.Metric) {
	known := slices.ContainsFunc(c.wanted[m.Key()], func(w experiments.Metric) bool { return w.String() == m.String() })
	if m.IsDuration() && !known {
		c.wanted[m.Key()] = append(c.wanted[m.Key()], m)
	}
}

// of returns a metric's value in each block of a cell; boundsHelp: lower bounds
// count too.
func (c *seriesCache) of(m experiments.Metric, cell string, boundsHelp bool) (series, error) {
	s := series{byBlock: map[int]float64{}}
	for _, t := range c.trials[cell] {
		bound := t.Outcome == record.Saturated && m.IsDuration()
		usable := t.Outcome == record.Valid || m.IsCount() || t.Outcome == record.Saturated && (!bound || boundsHelp)
		if !usable {
			continue
		}
		r, err := c.read(m, t)
		switch {
		case err != nil:
			return series{}, err
		case r.Supported && !math.IsNaN(r.Value) && !math.IsInf(r.Value, 0):
			s.byBlock[t.Block] = r.Value
			s.bounds = s.bounds || bound
		case r.StillNeeded > 0:
			s.lack = s.lack.and(lack{1, r.StillNeeded})
		}
	}
	return s, nil
}

func (c *seriesCache) read(m experiments.Metric, t record.Trial) (experiments.Reading, error) {
	if !m.IsDuration() {
		return m.Read(c.run, t)
	}
	at := seriesTrial{t.Cell, t.Block, t.Attempt}
	if r, known := c.readings[m.String()][at]; known {
		return r, nil
	}
	c.want(m)
	digests, err := c.run.TrialDigests(t, func(k hdr.Key) bool { return len(c.wanted[k]) > 0 })
	if err != nil {
		return experiments.Reading{}, err
	}
	for key, metrics := range c.wanted {
		for _, wanted := range metrics {
			if c.readings[wanted.String()] == nil {
				c.readings[wanted.String()] = map[seriesTrial]experiments.Reading{}
			}
			c.readings[wanted.String()][at] = wanted.OfDigest(digests[key])
		}
	}
	return c.readings[m.String()][at], nil
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
