package judge

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

// SLO is a service level objective: bounds of ResponseTime that a run must all hold.
type SLO struct {
	text   string
	bounds []bound
}

// bound is one condition of an SLO.
type bound struct {
	name  string  // as given: "p99", "mean", "max"
	q     float64 // the quantile; of mean and max 0
	limit time.Duration
}

// ParseSLO reads conditions such as "p99<20ms" or "p50<1ms,p999<100ms": a percentile
// (p999 is p99.9), mean or max, below a duration.
func ParseSLO(text string) (SLO, error) {
	s := SLO{text: text}
	for part := range strings.SplitSeq(text, ",") {
		b, err := parseBound(strings.TrimSpace(part))
		if err != nil {
			return SLO{}, fmt.Errorf("SLO %q: %w", text, err)
		}
		s.bounds = append(s.bounds, b)
	}
	return s, nil
}

func parseBound(text string) (bound, error) {
	name, limit, found := strings.Cut(text, "<")
	if !found {
		return bound{}, fmt.Errorf("%q is no condition such as p99<20ms", text)
	}
	d, err := time.ParseDuration(limit)
	if err != nil || d <= 0 {
		return bound{}, fmt.Errorf("%q is no duration above 0, such as 20ms", limit)
	}
	b := bound{name: name, limit: d}
	if name == "mean" || name == "max" {
		return b, nil
	}
	digits, isPercentile := strings.CutPrefix(name, "p")
	if nines, short := strings.CutPrefix(digits, "99"); short && nines != "" && !strings.Contains(nines, ".") {
		digits = "99." + nines
	}
	percent, err := strconv.ParseFloat(digits, 64)
	if !isPercentile || err != nil || !(percent > 0 && percent < 100) {
		return bound{}, fmt.Errorf("%q is no percentile such as p99 or p999, nor mean or max", name)
	}
	b.q = percent / 100
	return b, nil
}

func (s SLO) String() string { return s.text }

// highest is the highest quantile bounded.
func (s SLO) highest() float64 {
	highest := 0.0
	for _, b := range s.bounds {
		highest = max(highest, b.q)
	}
	return highest
}

// CheckSupport refuses a rate and a window in which too few requests fall due for the
// SLO's highest percentile.
func (s SLO) CheckSupport(perSecond float64, window time.Duration) error {
	expected := perSecond * window.Seconds()
	if hdr.Supports(int64(expected), s.highest()) || s.highest() == 0 && expected >= 1 {
		return nil
	}
	return fmt.Errorf("knob window: the %.0f requests due in %v at %g/s are too few to tell %s", expected, window, perSecond, s)
}

// holds reports whether a measured ResponseTime is within all bounds, and what was
// found, by the bounds' names in nanoseconds.
func (s SLO) holds(response *hdr.Histogram) (ok bool, found map[string]float64) {
	ok, found = true, map[string]float64{}
	for _, b := range s.bounds {
		found[b.name] = b.value(response)
		ok = ok && found[b.name] < float64(b.limit)
	}
	return ok, found
}

// Of reports whether a measurement holds the SLO, as FindMax asks it, and what was found, by the
// bounds' names in nanoseconds. One that generator or environment limited holds nothing.
func (s SLO) Of(m *record.Measurement) (ok bool, found map[string]float64) {
	within, found := s.holds(responseTimeOf(m))
	return within && m.Outcome == record.Valid && m.Errors == 0, found
}

func (b bound) value(h *hdr.Histogram) float64 {
	switch b.name {
	case "mean":
		return h.MeanNs()
	case "max":
		return float64(h.MaxNs())
	}
	return float64(h.ValueNs(b.q))
}
