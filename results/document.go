package results

import (
	"cmp"
	"slices"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

// Document is what `run --json` prints: one element per cell, however many
// experiments ran.
type Document struct {
	Out   string         `json:"out"`
	Cells []DocumentCell `json:"cells"`
}

// DocumentCell is one cell. Its knobs always hold model, send and consumers.
type DocumentCell struct {
	Experiment string                 `json:"experiment"`
	Knobs      map[string]string      `json:"knobs"`
	RateMBps   float64                `json:"rate_mb_s"` // acknowledged record batches, 10⁶ bytes a second
	Outcome    record.Outcome         `json:"outcome"`
	Trials     map[record.Outcome]int `json:"trials"`
	Problems   []string               `json:"problems"`
	Metrics    []DocumentSpan         `json:"metrics"`
}

// DocumentSpan is one span of the requests of an API. A
// percentile is null where the samples do not support it; from BoundNs on, where there is one,
// percentiles are lower bounds, as all are of a saturated cell.
type DocumentSpan struct {
	Stage  string `json:"stage"`
	API    string `json:"api"`
	Count  int64  `json:"count"`
	P50Ns  *int64 `json:"p50_ns"`
	P99Ns  *int64 `json:"p99_ns"`
	P999Ns *int64 `json:"p999_ns"`
	MaxNs  int64  `json:"max_ns"`

	BoundNs *int64 `json:"lower_bounds_from_ns,omitempty"`
}

func NewDocument(out string, cells []Cell) Document {
	d := Document{Out: out, Cells: make([]DocumentCell, len(cells))}
	for i, c := range cells {
		rate, _ := c.Number(measure.Rate)
		d.Cells[i] = DocumentCell{
			Experiment: c.Experiment, Knobs: c.Knobs, RateMBps: rate,
			Outcome: c.Outcome, Trials: c.Trials,
			Problems: append([]string{}, c.Problems...), Metrics: documentSpans(c.Spans),
		}
	}
	return d
}

// documentSpans leaves to the run directory what is not recorded once a request, what is
// of requests that no client measures, and fetches of lagging consumers that have a name
// of their own.
func documentSpans(spans map[hdr.Key]hdr.Digest) []DocumentSpan {
	documented := []DocumentSpan{}
	keys := hdr.SortedKeys(spans)
	apis := measure.APIs(keys)
	for _, key := range keys {
		span := measure.SpanNamed(key.Stage)
		if span == nil || span.Beside || key.API == measure.LaggingFetch || !slices.Contains(apis, key.API) {
			continue
		}
		d := spans[key]
		documented = append(documented, DocumentSpan{
			Stage: key.Stage, API: key.API, Count: d.Count,
			P50Ns: supported(d, 0.5), P99Ns: supported(d, 0.99), P999Ns: supported(d, 0.999),
			MaxNs: d.MaxNs,
		})
		if ns := d.BoundNs(); ns > 0 {
			documented[len(documented)-1].BoundNs = &ns
		}
	}
	return documented
}

func supported(d hdr.Digest, q float64) *int64 {
	ns, ok := d.Quantile(q)
	if !ok {
		return nil
	}
	return &ns
}

// ExitCode is the exit status that a run deserves: 0 when every cell is valid
// or saturated, 1 when one failed, 3 when all were measured but one is limited
// by the generator or the environment. A cell with one failed trial failed.
func ExitCode(cells []Cell) int {
	code := 0
	for _, c := range cells {
		switch {
		case c.Trials[record.Failed] > 0:
			return 1
		case c.Outcome.Limited():
			code = cmp.Or(code, 3)
		}
	}
	return code
}
