package experiments

import (
	"fmt"
	"io"
	"time"

	"c10klab/internal/hdr"
	"c10klab/results"
)

// progress tells on one line per trial what came of it and how long the rest
// will take, judged by the trials so far.
type progress struct {
	w       io.Writer
	total   int
	done    int
	started time.Time
}

func newProgress(w io.Writer, plan *Plan) *progress {
	if w == nil {
		w = io.Discard
	}
	fmt.Fprintf(w, "%d trials, about %s, seed %d\n", plan.Trials(), round(plan.Estimate()), plan.Seed)
	return &progress{w: w, total: plan.Trials(), started: time.Now()}
}

func (p *progress) report(t results.Trial) {
	p.done++
	left := time.Since(p.started) / time.Duration(p.done) * time.Duration(p.total-p.done)
	fmt.Fprintf(p.w, "[%*d/%d] block %d  %-52s %s  %s left\n", len(fmt.Sprint(p.total)), p.done, p.total, t.Block, t.Cell, finding(t), round(left))
}

func finding(t results.Trial) string {
	if t.Measurement == nil {
		return fmt.Sprintf("%s: %s", t.Outcome, t.Error)
	}
	text := fmt.Sprintf("%s  %s MB/s", t.Outcome, results.Significant(t.Measurement.AckedMBps))
	if h := t.Measurement.Histograms[hdr.Key{Stage: "ResponseTime", API: "Produce"}]; h != nil {
		if ns, ok := h.Quantile(0.99); ok {
			text += "  p99 " + results.FormatDuration(float64(ns))
		}
	}
	return text
}

func round(d time.Duration) time.Duration { return d.Round(time.Second) }
