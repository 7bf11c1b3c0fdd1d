package results

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

// BlockValues are a metric's values in a cell, one for each block that has one.
type BlockValues struct {
	ByBlock map[int]float64
	Bounds  Bounds
	Missing Missing
	// Clustering is how a percentile's samples were told to be independent.
	Clustering Clustering
	// all has also the percentiles that too few independent samples support.
	all map[int]float64
}

// AllBlocks are the values with those of percentiles that too few independent samples
// support, as they are.
func (v BlockValues) AllBlocks() BlockValues {
	v.ByBlock = v.all
	return v
}

// Bounds says whether some values are lower bounds, and by what.
type Bounds int

const (
	NoBounds Bounds = iota
	// InferredBounds are by rate × time, which the rules of the run's day did not compare.
	InferredBounds
	// RecordedBounds are by the trials' outcomes or the ages that they recorded.
	RecordedBounds
)

func boundsOf(t *record.Trial, bound bool) Bounds {
	switch {
	case !bound:
		return NoBounds
	case t.Outcome == record.Saturated || t.Measurement.Censored != nil:
		return RecordedBounds
	}
	return InferredBounds
}

// Clustering is by whose series in time samples were told to be independent. The zero value:
// by their own.
type Clustering struct {
	Unknown  bool   // there was no series
	Borrowed string // the span that lent its own, which may be another process's
}

func (c Clustering) And(other Clustering) Clustering {
	return Clustering{c.Unknown || other.Unknown, cmp.Or(c.Borrowed, other.Borrowed)}
}

func clusteringOf(t *record.Trial, key hdr.Key) Clustering {
	series := t.Series
	if series == nil && len(t.Clusters) > 0 { // of a version that kept these and named none
		series = []string{measure.ResponseTime.Key(measure.Produce).String(), measure.ResponseTime.Key(measure.Echo).String(), measure.ServiceTime.Key(measure.Fetch).String()}
	}
	if slices.Contains(series, key.String()) {
		return Clustering{}
	}
	i := slices.IndexFunc(series, func(name string) bool { return strings.HasSuffix(name, "/"+key.API) })
	if i < 0 {
		return Clustering{Unknown: true}
	}
	return Clustering{Borrowed: series[i]}
}

// Missing is what trials lack to support a percentile.
type Missing struct {
	Trials  int
	Samples int64 // that the worst of them still needs
}

func (m Missing) And(other Missing) Missing {
	return Missing{m.Trials + other.Trials, max(m.Samples, other.Samples)}
}

func (m Missing) String() string {
	if m.Trials == 0 {
		return ""
	}
	return fmt.Sprintf("; %d trials have too few independent samples, up to %d more needed in each", m.Trials, m.Samples)
}

// Readings reads each histogram of a trial once, and all that the metrics need in one pass
// over the trial's log. One goroutine may use it.
type Readings struct {
	Run    *Run
	trials map[string][]record.Trial         // by cell
	wanted map[hdr.Key]bool                  // histograms of metrics known beforehand
	read   map[string]map[hdr.Key]hdr.Digest // by trial
	// limited: values are those of the first trials in their blocks, whatever limited them.
	limited bool
}

// NewReadings prepares reading the metrics; others may be asked for too.
func NewReadings(run *Run, metrics ...measure.Metric) *Readings {
	r := &Readings{Run: run, trials: run.trialsByCell(run.standing()), wanted: map[hdr.Key]bool{}, read: map[string]map[hdr.Key]hdr.Digest{}}
	for _, m := range metrics {
		if key, isDuration := m.Key(); isDuration {
			r.wanted[key] = true
		}
	}
	return r
}

// WithLimited reads what a run says if no trial is thrown out because generator or
// environment limited it, and none is measured again for that.
func (r *Readings) WithLimited() *Readings {
	all := *r
	all.trials, all.limited = r.Run.trialsByCell(first()), true
	return &all
}

// Of returns a metric's values in a cell, of the trials that stand. One that the generator or
// the environment limited has none, but for counts of threads. boundsHelp: lower bounds
// count too, which are the durations of saturated trials and those beyond which requests had no answer.
func (r *Readings) Of(m measure.Metric, cell string, boundsHelp bool) (BlockValues, error) {
	values := BlockValues{ByBlock: map[int]float64{}, all: map[int]float64{}}
	for _, t := range r.trials[cell] {
		bound := t.Outcome == record.Saturated && m.IsDuration()
		usable := t.Outcome == record.Valid || m.IsCount() || t.Outcome.Limited() && r.limited || t.Outcome == record.Saturated && (!bound || boundsHelp)
		if !usable {
			continue
		}
		v, err := r.inTrial(m, t)
		if err != nil {
			return BlockValues{}, err
		}
		bound = bound || v.Bound
		if bound && !boundsHelp {
			continue
		}
		if key, percentile := m.Key(); percentile && !m.IsMax() && (v.Supported || v.StillNeeded > 0) {
			values.Clustering = values.Clustering.And(clusteringOf(&t, key))
		}
		switch {
		case v.Supported && !math.IsNaN(v.Value) && !math.IsInf(v.Value, 0):
			values.ByBlock[t.Block], values.all[t.Block] = v.Value, v.Value
			values.Bounds = max(values.Bounds, boundsOf(&t, bound))
		case v.StillNeeded > 0:
			values.Missing, values.all[t.Block] = values.Missing.And(Missing{1, v.StillNeeded}), v.Value
		}
	}
	return values, nil
}

func (r *Readings) inTrial(m measure.Metric, t record.Trial) (measure.Value, error) {
	key, isDuration := m.Key()
	if !isDuration {
		return r.Run.numberOf(m, t)
	}
	read := r.read[t.Name()]
	if _, known := read[key]; !known {
		r.wanted[key] = true
		digests, err := r.Run.TrialDigests(t, func(k hdr.Key) bool { return r.wanted[k] })
		if err != nil {
			return measure.Value{}, err
		}
		read = map[hdr.Key]hdr.Digest{}
		for wanted := range r.wanted {
			read[wanted] = digests[wanted]
		}
		r.read[t.Name()] = read
	}
	return m.OfDigest(read[key]), nil
}

// numberOf reads what is no duration, a time above a bound from the trial's series.
func (r *Run) numberOf(m measure.Metric, t record.Trial) (measure.Value, error) {
	v := m.Of(&t)
	if v.Supported || !m.IsTimeAbove() {
		return v, nil
	}
	series, err := r.Series(t)
	return m.OfSeries(series), err
}

func (v BlockValues) Values() []float64 {
	var values []float64
	for _, block := range v.Blocks() {
		values = append(values, v.ByBlock[block])
	}
	return values
}

func (v BlockValues) Blocks() []int { return slices.Sorted(maps.Keys(v.ByBlock)) }

// shared are the values of two in the blocks that both have.
func (v BlockValues) shared(other BlockValues) (own, others []float64) {
	for _, block := range v.Blocks() {
		if value, both := other.ByBlock[block]; both {
			own, others = append(own, v.ByBlock[block]), append(others, value)
		}
	}
	return own, others
}

// PairedWith compares with another cell's values within the blocks that both have.
func (v BlockValues) PairedWith(other BlockValues) Difference { return Paired(v.shared(other)) }

// Ratios are those to another cell's values, in the blocks where both are positive.
func (v BlockValues) Ratios(other BlockValues) []float64 { return ratiosOf(v.shared(other)) }

// Differences are those to another cell's values, in the blocks that both have.
func (v BlockValues) Differences(other BlockValues) []float64 {
	own, others := v.shared(other)
	for i := range own {
		own[i] -= others[i]
	}
	return own
}

// DefaultMetrics are those that effects and comparisons are shown for unless others are
// asked for: what clients waited, and the rates and costs, as far as the first trial of
// some cell has them.
func DefaultMetrics(run *Run) ([]measure.Metric, error) {
	measured := map[hdr.Key]hdr.Digest{}
	numbers := map[*measure.Number]bool{}
	for _, trials := range run.trialsByCell(run.standing()) {
		digests, err := run.TrialDigests(trials[0], func(key hdr.Key) bool {
			return slices.ContainsFunc(measure.ByClock(measure.Client), func(s *measure.Span) bool { return s.Is(key) })
		})
		if err != nil {
			return nil, err
		}
		maps.Copy(measured, digests)
		for _, n := range measure.Numbers(measure.Comparisons) {
			value, known := n.Of(&trials[0])
			numbers[n] = numbers[n] || known && value > 0
		}
	}
	var metrics []measure.Metric
	for _, key := range measure.Clients(hdr.SortedKeys(measured)) {
		for _, q := range tableQuantiles {
			metrics = append(metrics, measure.At(key, q))
		}
	}
	for _, n := range measure.Numbers(measure.Comparisons) {
		if numbers[n] {
			metrics = append(metrics, n.Metric())
		}
	}
	return metrics, nil
}

// tableQuantiles are shown of each span in tables.
var tableQuantiles = []measure.Quantile{measure.P50, measure.P99, measure.P999}
