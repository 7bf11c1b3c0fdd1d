package experiments

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"c10klab/results"
)

// trialOverhead is what a trial costs besides warm-up and window: two process
// starts, first answers, drain, and giving the disk back.
const trialOverhead = 1500 * time.Millisecond

// disksOverhead is what emulated disks add: mounting them, and taking them down.
const disksOverhead = 3 * time.Second

// Plan is what a run will do.
type Plan struct {
	Experiments []Planned
	Seed        uint64
}

// Planned is one experiment of a plan.
type Planned struct {
	Spec    *Spec
	Repeats int
	Cells   []results.PlannedCell
	// TrialTimes are the estimates per cell.
	TrialTimes []time.Duration
}

// NewPlan checks every spec against the knob tables and expands it into cells.
func NewPlan(cfg Config) (*Plan, error) {
	tables := cfg.tables()
	if _, err := tables.checkAll(cfg.Set); err != nil {
		return nil, err
	}
	only, err := tables.parseOnly(cfg.Only)
	if err != nil {
		return nil, err
	}
	plan := &Plan{Seed: cfg.Seed}
	for _, spec := range cfg.Specs {
		if plan.Seed == 0 {
			plan.Seed = spec.Seed
		}
		planned, err := expand(spec, cfg, tables, only)
		if err != nil {
			return nil, err
		}
		plan.Experiments = append(plan.Experiments, planned)
	}
	if plan.Trials() == 0 {
		return nil, fmt.Errorf("nothing to run: no cell of the %d experiments chosen matches --only %s", len(cfg.Specs), strings.Join(cfg.Only, " "))
	}
	return plan, nil
}

func expand(spec *Spec, cfg Config, tables knobTables, only map[string][]string) (Planned, error) {
	if err := spec.checkKnobs(tables); err != nil {
		return Planned{}, err
	}
	planned := Planned{Spec: spec, Repeats: spec.variant(cfg.Full).Repeats}
	if cfg.Repeats > 0 {
		planned.Repeats = cfg.Repeats
	}
	axes, fixed := spec.resolve(cfg)
	for _, levels := range product(axes) {
		knobs := maps.Clone(fixed)
		maps.Copy(knobs, levels)
		for _, label := range labels {
			if knobs[label] == "" {
				knobs[label] = tables.defaultOf(label)
			}
		}
		if spec.excludes(knobs) || !selected(knobs, only) {
			continue
		}
		if _, err := newLayout(tables, knobs); err != nil {
			return Planned{}, fmt.Errorf("experiment %s: %w", spec.ID, err)
		}
		planned.Cells = append(planned.Cells, results.PlannedCell{Experiment: spec.ID, ID: cellID(spec.ID, axes, knobs), Knobs: knobs})
		planned.TrialTimes = append(planned.TrialTimes, trialTime(knobs, tables))
	}
	return planned, nil
}

func (s *Spec) variant(full bool) Variant {
	if full {
		return s.Full
	}
	return s.Quick
}

// resolve applies the variant and then the overrides of the command line, which
// turn an axis into its one level.
func (s *Spec) resolve(cfg Config) ([]Axis, map[string]string) {
	variant := s.variant(cfg.Full)
	fixed := maps.Clone(s.Fixed)
	maps.Copy(fixed, variant.Fixed)
	axes := slices.Clone(s.Axes)
	for i, axis := range axes {
		if levels := variant.Axes[axis.Knob]; len(levels) > 0 {
			axes[i].Levels = levels
		}
	}
	for name, value := range cfg.Set {
		if i := slices.IndexFunc(axes, func(a Axis) bool { return a.Knob == name }); i >= 0 {
			axes[i].Levels = []string{value}
		} else {
			fixed[name] = value
		}
	}
	return axes, fixed
}

func (s *Spec) excludes(knobs map[string]string) bool {
	return slices.ContainsFunc(s.Exclude, func(e map[string]string) bool { return matches(knobs, e) })
}

// selected reports whether the cell has one of the wanted values of each knob.
func selected(knobs map[string]string, only map[string][]string) bool {
	for name, values := range only {
		if !slices.Contains(values, knobs[name]) {
			return false
		}
	}
	return true
}

// product lists all combinations of levels, the last axis varying fastest.
func product(axes []Axis) []map[string]string {
	combinations := []map[string]string{{}}
	for _, axis := range axes {
		var longer []map[string]string
		for _, combination := range combinations {
			for _, level := range axis.Levels {
				extended := maps.Clone(combination)
				extended[axis.Knob] = level
				longer = append(longer, extended)
			}
		}
		combinations = longer
	}
	return combinations
}

func cellID(experiment string, axes []Axis, knobs map[string]string) string {
	parts := []string{experiment}
	for _, axis := range axes {
		parts = append(parts, fileNamePart(knobs[axis.Knob]))
	}
	return strings.Join(parts, ".")
}

// fileNamePart keeps letters, digits, - and _; cells are told apart by it, so
// other characters become their code point.
func fileNamePart(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "~%x", r)
		}
	}
	return b.String()
}

func trialTime(knobs map[string]string, tables knobTables) time.Duration {
	total := trialOverhead
	if knobs[disksKnob] != "" {
		total += disksOverhead
	}
	for _, name := range []string{warmUpKnob, windowKnob} {
		text, set := knobs[name]
		if !set {
			text = tables.defaultOf(name)
		}
		d, _ := time.ParseDuration(text)
		total += d
	}
	return total
}

// Order is the sequence of cells, by index, in a block counted from 1: a
// permutation that depends on the seed and the block alone.
func (p Planned) Order(seed uint64, block int) []int {
	return rand.New(rand.NewPCG(seed, uint64(block))).Perm(len(p.Cells))
}

// usesDisks reports whether a cell asks for emulated disks.
func (p *Plan) usesDisks() bool {
	return slices.ContainsFunc(p.Experiments, func(e Planned) bool {
		return slices.ContainsFunc(e.Cells, func(c results.PlannedCell) bool { return c.Knobs[disksKnob] != "" })
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
			fmt.Fprintf(&b, "%4d  %s  (%s)\n", i+1, cell.ID, settings(cell.Knobs))
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
	}
	fmt.Fprintf(&b, "seed %d, %d trials, about %.1f minutes\n", p.Seed, p.Trials(), p.Estimate().Minutes())
	_, err := io.WriteString(w, b.String())
	return err
}
