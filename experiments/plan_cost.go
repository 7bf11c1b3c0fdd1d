package experiments

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"c10klab/results"
)

// UsesDisks reports whether a cell asks for emulated disks.
func (p *Plan) UsesDisks() bool {
	return slices.ContainsFunc(p.Experiments, func(e Planned) bool {
		return slices.ContainsFunc(e.Cells, func(c results.PlannedCell) bool { return usesDisks(c.Knobs) })
	})
}

// Trials counts the trials of all blocks.
func (p *Plan) Trials() int {
	total := 0
	for _, e := range p.Experiments {
		total += e.Repeats * len(e.Cells)
	}
	return total
}

// Estimate is how long the plan will take.
func (p *Plan) Estimate() time.Duration {
	var total time.Duration
	for _, e := range p.Experiments {
		for _, d := range e.TrialTimes {
			total += time.Duration(e.Repeats) * d
		}
	}
	return total
}

// Print writes the cells, the order of each block and the estimated time.
func (p *Plan) Print(w io.Writer) error {
	var b strings.Builder
	for _, e := range p.Experiments {
		fmt.Fprintf(&b, "%s: %s\n%d cells × %d blocks\n\n", e.Spec.ID, e.Spec.Title, len(e.Cells), e.Repeats)
		for i, cell := range e.Cells {
			fmt.Fprintf(&b, "%4d  %s  (%s)\n", i+1, cell.ID, Settings(cell.Knobs))
		}
		for _, cell := range e.LeftOut {
			fmt.Fprintf(&b, "   –  %s\n", cell)
		}
		b.WriteString("\n")
		for block := 1; block <= e.Repeats; block++ {
			fmt.Fprintf(&b, "block %d:", block)
			for _, cell := range e.Order(p.Seed, block) {
				fmt.Fprintf(&b, " %d", cell+1)
			}
			b.WriteString("\n")
		}
		b.WriteString("\n")
		for _, p := range e.Spec.Predictions {
			fmt.Fprintf(&b, "%s predicts %s; refuted by %s\n", p.Decides(), p, p.Refutation())
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "seed %d, %d trials, about %.1f minutes\n", p.Seed, p.Trials(), p.Estimate().Minutes())
	_, err := io.WriteString(w, b.String())
	return err
}
