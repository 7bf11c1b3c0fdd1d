package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/plots"
	"c10klab/results"
)

// ratiosOf are the comparisons of a run's experiments as figures show them: those of
// their predictions, and main effects. Those of a metric itself and of differences are no ratios and
// left out.
func ratiosOf(judged []verdict.Judged, effects []results.Effect) plots.Ratios {
	ratios := plots.Ratios{}
	for _, j := range judged {
		constant := constantSettings(j)
		for _, f := range j.Findings {
			if f.Prediction.Each || f.Prediction.Along != "" || f.Prediction.Difference {
				continue
			}
			for _, c := range f.Comparisons {
				ratios[j.Spec.ID] = append(ratios[j.Spec.ID], plots.Ratio{
					Label: ratioLabel(f.Prediction, c, constant), Estimate: c.Estimate,
					Relation: f.Prediction.Relation, Threshold: f.Prediction.Threshold, Verdict: c.Verdict,
				})
			}
		}
	}
	for _, e := range effects {
		ratios[e.Experiment] = append(ratios[e.Experiment], plots.Ratio{
			Label: fmt.Sprintf("%s, %s: %s ÷ %s", e.Metric, e.Knob, e.Level, e.Baseline), Effect: true, Estimate: e.Ratio, Reversed: e.Reversed,
		})
	}
	return ratios
}

// effectsOf are the main effects of all experiments of a run.
func effectsOf(run *results.Run) ([]results.Effect, error) {
	metrics, err := results.DefaultMetrics(run)
	if err != nil {
		return nil, err
	}
	var all []results.Effect
	for _, spec := range run.Info.Specs {
		effects, err := verdict.MainEffects(run, spec.ID, metrics, false)
		if err != nil {
			return nil, err
		}
		all = append(all, effects...)
	}
	return all, nil
}

// constantSettings are those that all comparisons of an experiment have in common.
func constantSettings(j verdict.Judged) []string {
	var all [][]string
	for _, f := range j.Findings {
		for _, c := range f.Comparisons {
			all = append(all, strings.Fields(c.Cells))
		}
	}
	return inCommon(all)
}

// ratioLabel is "CLAIM METRIC: A ÷ B; other knobs", without those that never differ.
func ratioLabel(p experiments.Prediction, c verdict.Comparison, constant []string) string {
	label := fmt.Sprintf("%s %s: %s ÷ %s", p.Claim, p.Metric, values(p.A), values(p.B))
	rest := slices.DeleteFunc(strings.Fields(c.Cells), func(s string) bool { return slices.Contains(constant, s) })
	if len(rest) > 0 {
		label += "; " + strings.Join(rest, " ")
	}
	return label
}

// values lists the values of knobs in the order of their names.
func values(knobs map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(knobs)) {
		list = append(list, knobs[name])
	}
	return strings.Join(list, ", ")
}
