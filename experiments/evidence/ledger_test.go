package evidence

import (
	"strings"
	"testing"
	"time"

	"c10klab/experiments"
	"c10klab/results"
)

// A prediction that is worded otherwise after a run is withdrawn and stated anew, and both
// lines say which runs had been seen; one that stays is entered once.
func TestAChangedPredictionSaysWhatHadBeenSeen(t *testing.T) {
	spec := committedSpec(t, "cold-reads")
	started := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	l := ledgers{occasions: []Occasion{{Spec: spec.ID, Started: started}}}
	l.wordings = l.due([]*experiments.Spec{spec}, started.Add(-time.Hour))
	if len(l.wordings) != len(spec.Predictions) || len(l.wordings[0].Seen) != 0 {
		t.Fatalf("at first %+v", l.wordings)
	}
	changed := *spec
	changed.Predictions = append([]experiments.Prediction(nil), spec.Predictions...)
	changed.Predictions[0].Threshold++
	due := l.due([]*experiments.Spec{&changed}, started.Add(time.Hour))
	if len(due) != 2 || !due[0].Withdrawn || due[1].Withdrawn || due[0].Prediction != spec.Predictions[0].String() || due[1].Prediction != changed.Predictions[0].String() {
		t.Fatalf("after the change %+v", due)
	}
	for _, w := range due {
		if len(w.Seen) != 1 || !w.Seen[0].Equal(started) {
			t.Errorf("%s had seen %v", w.Prediction, w.Seen)
		}
	}
	l.wordings = append(l.wordings, due...)
	if again := l.due([]*experiments.Spec{&changed}, started.Add(2*time.Hour)); len(again) > 0 {
		t.Errorf("entered twice: %+v", again)
	}
	if lines := l.changes(spec.ID); len(lines) != 2 || !strings.Contains(lines[1], "the run of 2026-11-01 12:00 had been seen") {
		t.Errorf("told as %q", lines)
	}
}

// Runs that do not say the same leave a part mixed; what an unclean tree, another wording or
// too few blocks said does not count.
func TestRunsThatDisagreeAreMixed(t *testing.T) {
	spec := committedSpec(t, "cold-reads")
	p := spec.Predictions[0]
	run := func(day int, clean bool, prediction string, v results.Verdict) Occasion {
		return Occasion{Spec: spec.ID, Started: time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC), Clean: clean, Processor: "A", Cores: 2,
			Found: []Found{{Claim: p.Claim, Part: p.Part, Prediction: prediction, Verdict: v}}}
	}
	same := p.String()
	for name, c := range map[string]struct {
		second Occasion
		agree  bool
		runs   int
	}{
		"the same":        {run(2, true, same, results.Reproduced), true, 2},
		"another verdict": {run(2, true, same, results.Inconclusive), false, 2},
		"unclean":         {run(2, false, same, results.Refuted), true, 1},
		"another wording": {run(2, true, "something else", results.Refuted), true, 1},
		"too few blocks":  {run(2, true, same, results.Undecided), true, 1},
	} {
		own := ledgers{occasions: []Occasion{run(1, true, same, results.Reproduced), c.second}}.concerning(p.Claim, p.Part, []*experiments.Spec{spec})
		if len(own) != c.runs || agree(own) != c.agree {
			t.Errorf("%s: %d runs, agree: %v", name, len(own), agree(own))
		}
	}
	claim := register(t)[p.Claim]
	for i, part := range claim.Parts {
		if part.Name != p.Part {
			continue
		}
		all := found(claim, i, results.Reproduced, "", false)
		all[0].findings[0].Prediction = p
		disagreeing := ledgers{occasions: []Occasion{run(1, true, same, results.Reproduced), run(2, true, same, results.Refuted)}}
		if row := rowOf(claim, part, []*experiments.Spec{spec}, all, measuredEvidence{}, disagreeing); row.verdict != "mixed" || row.runs != "2" || row.decided() {
			t.Errorf("%+v", row)
		}
	}
}
