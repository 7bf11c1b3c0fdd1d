package measure

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/knob"
	"c10klab/internal/record"
)

// Metric names one value of a trial: a Number; "threads/GROUP", the threads of the
// server whose names begin with GROUP; a span's "SPAN/API p50", "p99", "p999" or "max" in
// ns; or "SPAN/API above DURATION", the milliseconds of each second of the window that lie
// within a request whose span took at least so long (record.TimeSeries.AboveNs). After
// "NAME:" it is the server's of that name, else the broker's.
type Metric struct {
	text     string
	server   string // empty: the broker
	number   *Number
	threads  string
	key      hdr.Key
	quantile float64
	aboveNs  int64 // 0: it is no time above a bound
}

const (
	threadsPrefix = "threads/"
	above         = "above "
)

// Quantile is a percentile by its name in metrics and tables.
type Quantile struct {
	Name string
	Q    float64
}

// Quantiles are those that metrics name, in ascending order; Max is the largest value,
// which no number of samples has to support.
var (
	P50, P99, P999 = Quantile{"p50", 0.5}, Quantile{"p99", 0.99}, Quantile{"p999", 0.999}
	Max            = Quantile{"max", 1}
	Quantiles      = []Quantile{P50, P99, P999, Max}
)

// At is the metric of one of a histogram's quantiles.
func At(key hdr.Key, q Quantile) Metric {
	return Metric{text: key.String() + " " + q.Name, key: key, quantile: q.Q}
}

func (n *Number) Metric() Metric { return Metric{text: n.Name, number: n} }

// ofServer is the metric of a server that may be another than the broker.
func (m Metric) ofServer(name string) Metric {
	if name != record.Broker {
		m.text, m.server = name+":"+m.text, name
	}
	return m
}

func ParseMetric(text string) (Metric, error) {
	server, rest, found := strings.Cut(text, ":")
	if !found {
		return parseOfBroker(text)
	}
	m, err := parseOfBroker(rest)
	switch {
	case err != nil:
		return m, err
	case server == "":
		return m, fmt.Errorf("metric %q: no server is named before the colon", text)
	case m.clock() != Server && m.clock() != Disk:
		return m, fmt.Errorf("metric %q: %s is no server's own, but by the clock of: %s", text, rest, m.clock())
	}
	m = m.ofServer(server)
	if m.key.Stage != "" && server != record.Broker {
		m.key.Server = server
	}
	return m, nil
}

func (m Metric) clock() Clock {
	switch {
	case m.number != nil:
		return m.number.Clock
	case m.IsCount():
		return Server
	}
	return SpanNamed(m.key.Stage).Clock
}

// Server names the server whose metric it is; the broker's are the client's too.
func (m Metric) Server() string { return cmp.Or(m.server, record.Broker) }

func parseOfBroker(text string) (Metric, error) {
	if n := NumberNamed(text); n != nil {
		return n.Metric(), nil
	}
	if group, found := strings.CutPrefix(text, threadsPrefix); found && group != "" {
		return Metric{text: text, threads: group}, nil
	}
	name, percentile, _ := strings.Cut(text, " ")
	stage, api, _ := strings.Cut(name, "/")
	s := SpanNamed(stage)
	i := slices.IndexFunc(Quantiles, func(q Quantile) bool { return q.Name == percentile })
	switch {
	case s == nil || !s.Recorded():
		return Metric{}, fmt.Errorf("metric %q: nothing measured is named %q%s", text, stage, knob.DidYouMean(stage, Names()))
	case api == "":
		return Metric{}, fmt.Errorf("metric %q: an API is missing, as in %s", text, s.Key(Produce))
	case !slices.Contains(ownAPIs, api) && !slices.Contains(kafkasAPIs(), api):
		return Metric{}, fmt.Errorf("metric %q: no API is named %q%s; services without Kafka's protocol answer %s", text, api, knob.DidYouMean(api, slices.Concat(ownAPIs, kafkasAPIs())), Echo)
	case strings.HasPrefix(percentile, above):
		bound, err := time.ParseDuration(strings.TrimPrefix(percentile, above))
		if err != nil || bound <= 0 {
			return Metric{}, fmt.Errorf("metric %q: %q is no positive duration", text, strings.TrimPrefix(percentile, above))
		}
		return Metric{text: text, key: s.Key(api), aboveNs: int64(bound)}, nil
	case i < 0:
		return Metric{}, fmt.Errorf("metric %q: %q is none of p50, p99, p999, max and above DURATION", text, percentile)
	}
	return At(s.Key(api), Quantiles[i]), nil
}

// Names are those of all spans with histograms, then of all numbers.
func Names() []string {
	names := NamesOf(Spans((*Span).Recorded))
	for _, n := range numbers {
		names = append(names, n.Name)
	}
	return names
}

func (m Metric) String() string { return m.text }

// Key is the histogram that the metric comes from; false: from none.
func (m Metric) Key() (hdr.Key, bool) { return m.key, m.IsDuration() }

// IsTimeAbove reports whether the metric comes from a time series.
func (m Metric) IsTimeAbove() bool { return m.aboveNs > 0 }

// IsDuration reports whether the metric comes from a histogram, so that its value in a
// saturated trial is a lower bound.
func (m Metric) IsDuration() bool { return m.key.Stage != "" && !m.IsTimeAbove() }

// IsMax reports whether the metric is a largest value, which decides nothing: one event makes
// it, and no number of samples supports it.
func (m Metric) IsMax() bool { return m.IsDuration() && m.quantile == Max.Q }

// IsCount reports whether the metric counts threads, which timing does not change.
func (m Metric) IsCount() bool { return m.threads != "" }

func (m Metric) Unit() string {
	switch {
	case m.IsDuration():
		return "ns"
	case m.IsCount():
		return "threads"
	case m.IsTimeAbove():
		return "ms/s"
	}
	return m.number.Unit
}

type Value struct {
	Value     float64
	Supported bool // else Value is none
	Bound     bool // it is a lower bound, since requests had no answer yet
	// StillNeeded is how many more samples would support a percentile; 0 if that is
	// not what is missing.
	StillNeeded int64
}

// OfSeries reads a time above a bound from the series of a trial.
func (m Metric) OfSeries(series []record.TimeSeries) (v Value) {
	for _, s := range series {
		if s.Key() == m.key && len(s.Steps) > 0 {
			v.Value, v.Supported = 1e3*float64(s.AboveNs(m.aboveNs))/float64(int64(len(s.Steps))*s.StepNs), true
		}
	}
	return v
}

// Of reads the metric from a trial, if it is not a duration; a time above a bound is in
// packed evidence alone.
func (m Metric) Of(t *record.Trial) (v Value) {
	if t.Measurement == nil || m.IsDuration() {
		return v
	}
	if value, stored := t.Numbers[m.text]; stored {
		v.Value, v.Supported = pointed(value)
		return v
	}
	if m.IsTimeAbove() {
		return v
	}
	if len(t.Servers) > 1 || m.server != "" {
		t = t.OfServer(m.Server())
	}
	if m.IsCount() {
		groups := threadsOf(t.Measurement)
		v.Value, v.Supported = float64(groups[m.threads]), groups != nil
	} else {
		v.Value, v.Supported = m.number.Of(t)
	}
	return v
}

// threadsOf counts the threads of each group of the server's; nil: there is no server to
// be asked.
func threadsOf(m *record.Measurement) map[string]int {
	after := m.Broker().After
	if after == nil {
		return nil
	}
	groups := after.Census.Groups()
	for group, use := range after.ThreadUse {
		groups[group] = use.Threads
	}
	return groups
}

// OfDigest reads a duration from the digest of the histogram of its Key.
func (m Metric) OfDigest(d hdr.Digest) Value {
	if m.quantile == Max.Q {
		return Value{Value: float64(d.MaxNs), Supported: d.Count > 0, Bound: d.IsBound(d.MaxNs)}
	}
	ns, supported := d.Quantile(m.quantile)
	v := Value{Value: float64(ns), Supported: supported, Bound: d.IsBound(ns)}
	if d.Count > 0 { // else the span was not measured at all
		v.StillNeeded = d.StillNeeded(m.quantile)
	}
	return v
}
