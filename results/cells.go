package results

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

// Cell is one combination of knobs with all its trials taken together.
type Cell struct {
	Experiment string
	ID         string
	Knobs      map[string]string
	Server     string // whose view of the trials it is; empty: all is in it
	// Outcome is the most frequent one of the trials that have their block's values and were
	// not repeated for being limited, the worse of two equally frequent.
	Outcome  record.Outcome
	Trials   map[record.Outcome]int
	Problems []string
	// Limited is how many of Firsts, the first trials of the cell and its twin to measure
	// anything in their blocks, generator or environment limited. LimitedP is the chance that
	// so many are here, and not in other cells.
	Limited, Firsts int
	LimitedP        float64
	// Basis is the outcome of the trials that the numbers are taken from: valid
	// if any is; else saturated, and percentiles are lower bounds; else a limited
	// one, and no number stands; failed if there is no number at all.
	Basis record.Outcome
	// Measured are the trials that the numbers are taken from, in the order they started.
	Measured []TrialDigest
	// Spans are digests of their histograms taken together, as far as they were read.
	Spans map[hdr.Key]hdr.Digest
	// Curves are the distributions of the spans that were asked for.
	Curves map[hdr.Key][]hdr.Bracket
}

// TrialDigest is one trial with digests of its histograms: whole ones of runs of
// thousands of trials would not fit into memory.
type TrialDigest struct {
	Trial *record.Trial
	Spans map[hdr.Key]hdr.Digest
}

// byWorth lists outcomes from the best to the worst.
var byWorth = []record.Outcome{record.Valid, record.Saturated, record.EnvironmentLimited, record.GeneratorLimited, record.Failed}

// Cells takes the trials of each planned cell together, with digests of their
// histograms, and the distributions of curves; nil: of all, and of none. A cell without a
// trial is left out, and so are twins. It uses all processors.
func (r *Run) Cells(wanted, curves func(hdr.Key) bool) ([]Cell, error) {
	cells := r.CellOutcomes()
	err := inParallel(len(cells), func(i int) error {
		sum := sums.Get().(*hdr.Sum)
		defer sums.Put(sum)
		return r.digest(&cells[i], wanted, curves, sum)
	})
	if err == nil && wanted == nil {
		r.remember(cells)
	}
	return cells, err
}

// CellOutcomes is Cells without histograms, which reads no further file.
func (r *Run) CellOutcomes() []Cell {
	return r.outcomes(func(p PlannedCell) bool { return p.TwinOf == "" })
}

// Twins are the cells of controls, which repeat another, as CellOutcomes gives the others.
func (r *Run) Twins() []Cell {
	return r.outcomes(func(p PlannedCell) bool { return p.TwinOf != "" })
}

func (r *Run) outcomes(wanted func(PlannedCell) bool) []Cell {
	trials, standing := r.trialsByCell(func(record.Trial) bool { return true }), r.standing()
	var cells []Cell
	begin := 0 // of an experiment's
	for i, planned := range r.Info.Cells {
		if len(trials[planned.ID]) > 0 && wanted(planned) {
			cells = append(cells, newCell(planned, trials[planned.ID], standing))
		}
		if i+1 == len(r.Info.Cells) || r.Info.Cells[i+1].Experiment != planned.Experiment {
			r.markUneven(cells[begin:])
			begin = len(cells)
		}
	}
	return cells
}

// OfExperiment are those of the cells that are an experiment's.
func OfExperiment(cells []Cell, experiment string) []Cell {
	return slices.DeleteFunc(slices.Clone(cells), func(c Cell) bool { return c.Experiment != experiment })
}

func (r *Run) trialsByCell(wanted func(record.Trial) bool) map[string][]record.Trial {
	trials := map[string][]record.Trial{}
	for _, t := range r.Trials {
		if wanted(t) {
			trials[t.Cell] = append(trials[t.Cell], t)
		}
	}
	return trials
}

// newCell counts all of a cell's trials; its numbers are from those that stand.
func newCell(planned PlannedCell, trials []record.Trial, standing func(record.Trial) bool) Cell {
	c := Cell{Experiment: planned.Experiment, ID: planned.ID, Knobs: planned.Knobs, Trials: map[record.Outcome]int{}}
	counted, stand := map[record.Outcome]int{}, map[record.Outcome]int{}
	for _, t := range trials {
		c.Trials[t.Outcome]++
		if standing(t) {
			stand[t.Outcome]++
		}
		if standing(t) && !(t.Outcome.Limited() && repeated(t, trials)) {
			counted[t.Outcome]++
		}
		c.addProblems(t)
	}
	c.addFailedChecks(trials)
	c.Outcome, c.Basis = mostFrequent(counted), basis(stand)
	for i := range trials {
		if trials[i].Outcome == c.Basis && trials[i].Measured() && standing(trials[i]) {
			c.Measured = append(c.Measured, TrialDigest{Trial: &trials[i]})
		}
	}
	return c
}

// repeated reports whether another of a cell's trials is a later attempt in the same block.
func repeated(t record.Trial, trials []record.Trial) bool {
	return slices.ContainsFunc(trials, func(other record.Trial) bool { return other.Block == t.Block && other.Attempt > t.Attempt })
}

// addProblems unites the trials' problems, each said once.
func (c *Cell) addProblems(t record.Trial) {
	problems := []string{t.Error}
	if t.Measured() {
		problems = append(problems, t.Measurement.Problems...)
	}
	for _, p := range problems {
		if p != "" && !slices.Contains(c.Problems, p) {
			c.Problems = append(c.Problems, p)
		}
	}
}

// addFailedChecks says for each rule of self-judgement that failed in how many
// trials it did, and the value furthest from its limit.
func (c *Cell) addFailedChecks(trials []record.Trial) {
	failed := map[string]map[string]bool{} // trials by rule, which may be checked for each of several disks
	worst := map[string]record.Check{}
	var names []string
	for _, t := range trials {
		if !t.Measured() {
			continue
		}
		for _, check := range t.Measurement.Checks {
			if check.OK {
				continue
			}
			if failed[check.Name] == nil {
				failed[check.Name] = map[string]bool{}
				names = append(names, check.Name)
			}
			failed[check.Name][t.Name()] = true
			if w, seen := worst[check.Name]; !seen || math.Abs(check.Value-check.Limit) > math.Abs(w.Value-w.Limit) {
				worst[check.Name] = check
			}
		}
	}
	for _, name := range names {
		w := worst[name]
		c.Problems = append(c.Problems, fmt.Sprintf("%s: %s %s, limit %s, in %d of %d trials (%s)",
			name, Significant(w.Value), w.Unit, Significant(w.Limit), len(failed[name]), len(trials), w.Else))
	}
}

func mostFrequent(trials map[record.Outcome]int) record.Outcome {
	best := record.Valid
	for _, outcome := range byWorth {
		if trials[outcome] >= trials[best] {
			best = outcome
		}
	}
	return best
}

func basis(trials map[record.Outcome]int) record.Outcome {
	for _, outcome := range byWorth {
		if trials[outcome] > 0 {
			return outcome
		}
	}
	return record.Failed
}

// Number is the value of the trials that the cell's numbers are from: their median, or
// what the number itself says of several; false where none of them has one.
func (c *Cell) Number(n *measure.Number) (float64, bool) {
	if clients := n.Clock != measure.Server && n.Clock != measure.Disk; clients && cmp.Or(c.Server, record.Broker) != record.Broker {
		return 0, false
	}
	var trials []*record.Trial
	var values []float64
	for _, t := range c.Measured {
		if value, known := n.Of(t.Trial); known {
			trials, values = append(trials, t.Trial), append(values, value)
		}
	}
	switch {
	case len(values) == 0:
		return 0, false
	case n.Together != nil:
		return n.Together(trials)
	}
	return MedianOf(values).Median, true
}

// TrialCount is how many trials the cell has, whatever their outcome.
func (c *Cell) TrialCount() (n int) {
	for _, count := range c.Trials {
		n += count
	}
	return n
}

// Stands reports whether the cell's numbers may be read as measurements or as
// lower bounds.
func (c *Cell) Stands() bool { return c.Basis == record.Valid || c.Basis == record.Saturated }

// LowerBounds reports whether the cell's durations are lower bounds, because it
// saturated.
func (c *Cell) LowerBounds() bool { return c.Basis == record.Saturated }

// VaryingKnobs returns the names of the knobs that tell the cells apart: model
// and consumers first, because every table and figure is read by them, then
// those among the rest that differ between cells of one experiment.
func VaryingKnobs(cells []Cell) []string {
	names := []string{"model", "consumers"}
	different := map[string]bool{}
	first := map[string]map[string]string{} // by experiment
	for _, c := range cells {
		if first[c.Experiment] == nil {
			first[c.Experiment] = c.Knobs
		}
		for name, value := range c.Knobs {
			if value != first[c.Experiment][name] && !slices.Contains(names, name) {
				different[name] = true
			}
		}
	}
	return append(names, slices.Sorted(maps.Keys(different))...)
}
