package evidence

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/results"
)

// Resolve tells of each prediction of a plan what its blocks can resolve, by the scatter in
// the stored run of its experiment, and how many it takes to refute one comparison.
func Resolve(plan *experiments.Plan, referenceDir string) error {
	for i := range plan.Experiments {
		e := &plan.Experiments[i]
		if e.Repeats < results.MinBlocks {
			continue
		}
		families, err := verdict.Families(e.Spec)
		if err != nil {
			return err
		}
		for _, comparisons := range families {
			e.BlocksToRefute = append(e.BlocksToRefute, results.BlocksToRefute(comparisons))
		}
		run, err := OpenReference(referenceDir, e.Spec)
		if err != nil {
			return err
		} else if run == nil {
			continue
		}
		findings, err := verdict.Judge(e.Spec, run)
		if err != nil {
			return err
		}
		day := run.Info.Started.Format("2006-01-02")
		for _, f := range findings {
			e.Resolutions = append(e.Resolutions, resolution(f, findings, e.Repeats, day))
		}
	}
	return nil
}

// resolution rests on the comparison that scatters most or, where the run has none of the
// prediction, on that of all on the same metric; nil: there is none either.
func resolution(f verdict.Finding, all []verdict.Finding, blocks int, day string) *experiments.Resolution {
	p, same := f.Prediction, ""
	r, n := scatter(p, f.Comparisons)
	if n == 0 {
		var others []verdict.Comparison
		for _, g := range all {
			if q := g.Prediction; p.Metric.String() == q.Metric.String() && p.Each == q.Each && p.Along == q.Along && p.Difference == q.Difference {
				others = append(others, g.Comparisons...)
			}
		}
		r, n = scatter(p, others)
		same = "same metric, "
	}
	if n == 0 {
		return nil
	}
	r.Scatter = fmt.Sprintf("%s%d blocks of %s", same, n, day)
	r.Half, r.Ninety = r.SD*results.Resolvable(blocks, 0.5), r.SD*results.Resolvable(blocks, 0.9)
	if !r.Plain {
		r.Half, r.Ninety = math.Exp(r.Half), math.Exp(r.Ninety)
	}
	return &r
}

// scatter is the largest standard deviation over blocks of some comparisons and how many
// blocks it is of; 0 if none has two.
func scatter(p experiments.Prediction, comparisons []verdict.Comparison) (r experiments.Resolution, blocks int) {
	r.Plain = p.Along != "" || p.Difference
	for _, c := range comparisons {
		for _, v := range c.Values {
			r.Plain = r.Plain || v <= 0
		}
	}
	for _, c := range comparisons {
		var values []float64
		for _, v := range c.Values {
			if !r.Plain {
				v = math.Log(v)
			}
			values = append(values, v)
		}
		if len(values) < 2 {
			continue
		}
		if sd := stat.StdDev(values, nil); blocks == 0 || sd > r.SD {
			r.SD, blocks = sd, len(values)
		}
	}
	return r, blocks
}
