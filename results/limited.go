package results

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"c10klab/internal/record"
)

// MostRepeated is how many of so many blocks may be measured again because generator or
// environment limited a trial: a quarter, so that a machine which cannot do what is asked
// of it costs no second run, and no experiment consists of second tries.
func MostRepeated(blocks int) int { return (blocks + 3) / 4 }

// LimitedBlocks are those in which generator or environment limited a trial of the
// experiment before any repetition, in order.
func (r *Run) LimitedBlocks(experiment string) (blocks []int) {
	for _, t := range r.Trials {
		if t.Experiment == experiment && !t.Repetition && t.Outcome.Limited() {
			blocks = append(blocks, t.Block)
		}
	}
	slices.Sort(blocks)
	return slices.Compact(blocks)
}

// TooOftenLimited says why an experiment decides nothing: there were more limited blocks than
// may be measured again. Empty otherwise, and of earlier versions, which repeated no blocks.
func (r *Run) TooOftenLimited(experiment string) string {
	limited, blocks := len(r.LimitedBlocks(experiment)), 0
	for _, s := range r.Info.Specs {
		if s.ID == experiment {
			blocks = s.Repeats
		}
	}
	repeats := slices.ContainsFunc(r.Trials, func(t record.Trial) bool { return t.Experiment == experiment && t.Repetition })
	if most := MostRepeated(blocks); repeats && limited > most {
		return fmt.Sprintf("generator or environment limited trials in %d of %d blocks, of which at most %d are measured again", limited, blocks, most)
	}
	return ""
}

// standing tells which trials have the values of their block: of one that was measured again
// those of the repetition, in all cells, once it has all of them.
func (r *Run) standing() func(record.Trial) bool {
	type block struct {
		experiment string
		number     int
	}
	again, missing := map[block]map[string]bool{}, map[block]bool{}
	for _, t := range r.Trials {
		if at := (block{t.Experiment, t.Block}); t.Repetition {
			if again[at] == nil {
				again[at] = map[string]bool{}
			}
			again[at][t.Cell] = true
		}
	}
	for at, cells := range again {
		missing[at] = slices.ContainsFunc(r.Info.Cells, func(c PlannedCell) bool { return c.Experiment == at.experiment && !cells[c.ID] })
	}
	return func(t record.Trial) bool {
		at := block{t.Experiment, t.Block}
		return t.Repetition == (again[at] != nil && !missing[at])
	}
}

// first tells, asked of trials in the order they started, which are the first of their cell
// and block to measure anything, whatever limited them.
func first() func(record.Trial) bool {
	type place struct {
		cell  string
		block int
	}
	seen := map[place]bool{}
	return func(t record.Trial) bool {
		at := place{t.Cell, t.Block}
		if seen[at] || !t.Measured() {
			return false
		}
		seen[at] = true
		return true
	}
}

// markUneven tests whether generator and environment limited the first trials of some cells
// of an experiment more often than chance would: Fisher's exact test of each cell against
// the others, corrected by Holm's method. Where blocks are limited as wholes it errs towards
// finding nothing.
func (r *Run) markUneven(cells []Cell) {
	firsts := r.trialsByCell(first())
	limited, all := 0, 0
	for i := range cells {
		c := &cells[i]
		for _, planned := range r.Info.Cells {
			if planned.ID != c.ID && (planned.TwinOf != c.ID || len(planned.Planted) > 0) {
				continue
			}
			c.Firsts += len(firsts[planned.ID])
			for _, t := range firsts[planned.ID] {
				if t.Outcome.Limited() {
					c.Limited++
				}
			}
		}
		limited, all = limited+c.Limited, all+c.Firsts
	}
	p := make([]float64, len(cells))
	for i, c := range cells {
		p[i] = atLeast(c.Limited, c.Firsts, limited, all)
	}
	for i, p := range Holm(p) {
		c := &cells[i]
		if c.LimitedP = p; p < Alpha {
			c.Problems = append(c.Problems, fmt.Sprintf("limited trials are not spread evenly: %d of %d here, %d of %d in all cells (p = %s)",
				c.Limited, c.Firsts, limited, all, Significant(p)))
		}
	}
}

// atLeast is the chance that k or more of n trials are among the limited ones of all.
func atLeast(k, n, limited, all int) (p float64) {
	choose := func(n, k int) float64 {
		whole, _ := math.Lgamma(float64(n + 1))
		taken, _ := math.Lgamma(float64(k + 1))
		left, _ := math.Lgamma(float64(n - k + 1))
		return whole - taken - left
	}
	for ; k <= min(n, limited); k++ {
		if n-k <= all-limited {
			p += math.Exp(choose(limited, k) + choose(all-limited, n-k) - choose(all, n))
		}
	}
	return min(1, p)
}

// LimitedNote says which share of each cell's first trials generator or environment limited,
// for cells of one experiment; empty where none was.
func LimitedNote(cells []Cell) string {
	var shares []string
	p := 1.0
	for _, c := range cells {
		if p = min(p, c.LimitedP); c.Limited > 0 {
			shares = append(shares, fmt.Sprintf("%d of %d in %s", c.Limited, c.Firsts, c.ID))
		}
	}
	if len(shares) == 0 {
		return ""
	}
	others := ""
	if n := len(cells) - len(shares); n > 0 {
		others = ", none in " + Plural(n, "other cell")
	}
	return fmt.Sprintf("Of the first trials, generator or environment limited %s%s (p = %s that chance alone makes some cell stand out so).\n",
		strings.Join(shares, ", "), others, Significant(p))
}
