package experiments

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"c10klab/internal/hdr"
	"c10klab/internal/knob"
	"c10klab/internal/measure"
	"c10klab/internal/record"
	"c10klab/results"
)

// Metric is one number of a trial: a named number (see Numbers), "threads/GROUP"
// (threads of the server whose names begin with GROUP), or a histogram's "STAGE/API
// p50", "p99", "p999" or "max" in ns.
type Metric struct {
	text     string
	number   func(record.Trial) (float64, bool)
	key      hdr.Key
	quantile float64
	threads  string
}

const metricThreads = "threads/"

// Quantiles are those that metrics are of, by their names.
var Quantiles = map[string]float64{"p50": 0.5, "p99": 0.99, "p999": 0.999, "max": 1}

// Percentile is the metric that one of Quantiles of a histogram is.
func Percentile(key hdr.Key, name string) Metric {
	return Metric{text: key.String() + " " + name, key: key, quantile: Quantiles[name]}
}

// ParseMetric reads a metric's name.
func ParseMetric(text string) (Metric, error) {
	if i := slices.IndexFunc(Numbers, func(n Number) bool { return n.Name == text }); i >= 0 {
		return Metric{text: text, number: Numbers[i].Of}, nil
	}
	if group, found := strings.CutPrefix(text, metricThreads); found && group != "" {
		return Metric{text: text, threads: group}, nil
	}
	name, percentile, _ := strings.Cut(text, " ")
	span, api, _ := strings.Cut(name, "/")
	var known []string
	for _, s := range measure.Spans((*measure.Span).Recorded) {
		known = append(known, s.Name)
	}
	spans := slices.Clone(known)
	for _, n := range Numbers {
		known = append(known, n.Name)
	}
	_, found := Quantiles[percentile]
	switch {
	case !slices.Contains(spans, span):
		return Metric{}, fmt.Errorf("metric %q: nothing measured is named %q%s", text, span, knob.DidYouMean(span, known))
	case api == "":
		return Metric{}, fmt.Errorf("metric %q: an API is missing, as in %s/Produce", text, span)
	case !found:
		return Metric{}, fmt.Errorf("metric %q: %q is none of p50, p99, p999, max", text, percentile)
	}
	return Percentile(hdr.Key{Stage: span, API: api}, percentile), nil
}

func (m Metric) String() string { return m.text }

// IsDuration reports whether the metric comes from a histogram, so that its
// value in a saturated trial is a lower bound.
func (m Metric) IsDuration() bool { return m.key.Stage != "" }

// IsCount reports whether the metric counts threads, which timing does not change.
func (m Metric) IsCount() bool { return m.threads != "" }

// Format prints a value of the metric with its unit.
func (m Metric) Format(value float64) string {
	switch {
	case m.IsDuration():
		return results.FormatDuration(value)
	case m.IsCount():
		return strconv.FormatFloat(value, 'g', -1, 64)
	}
	return results.Significant(value)
}

// Reading is a metric's value in one trial.
type Reading struct {
	Value     float64
	Supported bool // else Value is none
	// StillNeeded is how many more samples would support a percentile; 0 if that is
	// not what is missing.
	StillNeeded int64
}

// Key is of the histogram that the metric comes from; empty if from none.
func (m Metric) Key() hdr.Key { return m.key }

// Of reads the metric from a trial; false when the trial does not support it.
func (m Metric) Of(run *results.Run, t record.Trial) (float64, bool, error) {
	r, err := m.Read(run, t)
	return r.Value, r.Supported, err
}

// Read reads the metric from a trial, and says what a percentile lacks.
func (m Metric) Read(run *results.Run, t record.Trial) (Reading, error) {
	if t.Measurement == nil {
		return Reading{}, nil
	}
	switch {
	case m.number != nil:
		value, supported := m.number(t)
		return Reading{Value: value, Supported: supported}, nil
	case m.IsCount():
		return m.countThreads(t), nil
	}
	digests, err := run.TrialDigests(t, func(k hdr.Key) bool { return k == m.key })
	return m.OfDigest(digests[m.key]), err
}

func (m Metric) countThreads(t record.Trial) Reading {
	after := t.Measurement.Broker().After
	switch {
	case after == nil:
		return Reading{}
	case after.ThreadUse != nil:
		return Reading{Value: float64(after.ThreadUse[m.threads].Threads), Supported: true}
	}
	return Reading{Value: float64(after.Census.Groups()[m.threads]), Supported: true}
}

// OfDigest reads the metric from the digest of its histogram in a trial.
func (m Metric) OfDigest(d hdr.Digest) Reading {
	if m.quantile == 1 {
		return Reading{Value: float64(d.MaxNs), Supported: d.Count > 0}
	}
	ns, supported := d.Quantile(m.quantile)
	r := Reading{Value: float64(ns), Supported: supported}
	if d.Count > 0 { // else the span was not measured at all
		r.StillNeeded = d.StillNeeded(m.quantile)
	}
	return r
}
