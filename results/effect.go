package results

import (
	"maps"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Effect is what a level of a knob does to a metric, as its ratio to the knob's
// baseline level.
type Effect struct {
	Experiment string `json:"experiment"`
	Knob       string `json:"knob"`
	Level      string `json:"level"`
	Baseline   string `json:"baseline"`
	Metric     string `json:"metric"`
	// Ratio is over blocks; a block's value is the geometric mean over the pairs of
	// cells that differ in the knob alone.
	Ratio Estimate     `json:"ratio"`
	Pairs []PairEffect `json:"pairs"` // of each such pair, within blocks
	// Reversed: some pair lies wholly above 1 and some other wholly below, so the
	// main effect hides an interaction.
	Reversed bool `json:"reversed"`
}

// PairEffect is one pair of cells, named by the knobs that they share.
type PairEffect struct {
	Cells   string          `json:"cells"`
	Ratio   Estimate        `json:"ratio"`
	ByBlock map[int]float64 `json:"-"`
}

// NewPairEffect compares two cells block by block; blocks that only one of them
// has, or without two positive values, are left out.
func NewPairEffect(cells string, level, baseline map[int]float64) PairEffect {
	p := PairEffect{Cells: cells, ByBlock: map[int]float64{}}
	for block, a := range level {
		if b := baseline[block]; a > 0 && b > 0 {
			p.ByBlock[block] = a / b
		}
	}
	p.Ratio = MedianOf(slices.Collect(maps.Values(p.ByBlock)))
	return p
}

// Combine fills in the ratio over all pairs and whether the pairs contradict one
// another. A block counts in which every pair was measured.
func (e *Effect) Combine() {
	above, below := false, false
	byBlock := map[int][]float64{}
	for _, p := range e.Pairs {
		above = above || p.Ratio.Bounded() && p.Ratio.Lo > 1
		below = below || p.Ratio.Bounded() && p.Ratio.Hi < 1
		for block, ratio := range p.ByBlock {
			byBlock[block] = append(byBlock[block], ratio)
		}
	}
	var means []float64
	for _, ratios := range byBlock {
		if len(ratios) == len(e.Pairs) {
			means = append(means, stat.GeometricMean(ratios, nil))
		}
	}
	e.Ratio, e.Reversed = MedianOf(means), above && below
}
