package runner

import (
	"fmt"
	"io"
	"time"

	"c10klab/experiments"
	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
	"c10klab/results"
)

// progress tells on one line per trial what came of it and how long the rest
// will take, judged by the trials so far.
type progress struct {
	w       io.Writer
	total   int // of trials, those of repetitions so far among them
	before  int // trials of a resumed run that were there already
	done    int // by this process
	started time.Time
}

func newProgress(w io.Writer, plan *experiments.Plan, before int) *progress {
	if w == nil {
		w = io.Discard
	}
	fmt.Fprintf(w, "%d trials, about %s, seed %d\n", plan.Trials(), round(plan.Estimate()), plan.Seed)
	if before > 0 {
		fmt.Fprintf(w, "%d trials are stored already\n", before)
	}
	return &progress{w: w, total: plan.Trials(), before: before, started: time.Now()}
}

// report tells of an attempt; last: none follows at the cell in this block.
func (p *progress) report(t record.Trial, last bool) {
	block := fmt.Sprintf("block %d", t.Block)
	if t.Repetition {
		block += " again"
	}
	if !last {
		fmt.Fprintf(p.w, "%s  %s %s; trying once more\n", block, t.Cell, finding(t))
		return
	}
	p.done++
	done := p.stored()
	left := time.Since(p.started) / time.Duration(p.done) * time.Duration(p.total-done)
	fmt.Fprintf(p.w, "[%*d/%d] %s  %-52s %s  %s left\n", len(fmt.Sprint(p.total)), done, p.total, block, t.Cell, finding(t), round(left))
}

// stored is how many cells are settled in their blocks.
func (p *progress) stored() int { return p.before + p.done }

// finding is what came of a trial: its rates, and the p99 of what each API's clients
// waited, from the due time where requests have one.
func finding(t record.Trial) string {
	m := t.Measurement
	if m == nil {
		return fmt.Sprintf("%s: %s", t.Outcome, t.Error)
	}
	text := string(t.Outcome)
	for _, n := range []*measure.Number{measure.Rate, measure.Fetched} {
		if rate, known := n.Of(&t); known && rate > 0 {
			text += fmt.Sprintf("  %s %s", results.Significant(rate), n.Unit)
			if n == measure.Fetched {
				text += " fetched"
			}
		}
	}
	if m.AckedMBps+m.FetchedMBps == 0 {
		text += fmt.Sprintf("  %s requests/s", results.Significant(m.RequestsPerSec))
	}
	for _, key := range hdr.SortedKeys(m.Histograms) {
		due := measure.ResponseTime.Key(key.API)
		if key != due && (key != measure.ServiceTime.Key(key.API) || m.Histograms[due] != nil) {
			continue
		}
		if ns, ok := m.Histograms[key].Quantile(measure.P99.Q); ok {
			text += fmt.Sprintf("  %s p99 %s", key.API, results.FormatDuration(float64(ns)))
		}
	}
	return text
}

func round(d time.Duration) time.Duration { return d.Round(time.Second) }
