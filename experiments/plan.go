package experiments

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"c10klab/internal/record"
	"c10klab/results"
)

// Plan is what a run will do.
type Plan struct {
	Experiments []Planned
	Seed        uint64
}

// Planned is one experiment of a plan.
type Planned struct {
	Spec      *Spec
	Repeats   int
	Cells     []results.PlannedCell
	LeftOut   []string      // cells of EveryLevel that a server would refuse, with the reason
	BlockTime time.Duration // an estimate of all cells' trials together
	// Resolutions are of the spec's predictions, nil where no scatter is known; none if the
	// blocks give no verdict, or nobody asked.
	Resolutions []*Resolution
	// BlocksToRefute is of each prediction how many blocks it takes to refute one comparison alone
	// of its part; none if nobody asked.
	BlocksToRefute []int
}

// PlanConfig says what of which experiments to run.
type PlanConfig struct {
	Specs   []*Spec
	Full    bool              // the full variant, not the quick one
	Repeats int               // blocks instead of the spec's; 0: the spec's
	Seed    uint64            // 0: the first spec's
	Set     map[string]string // knobs that override the spec's, an axis too
	Only    []string          // KNOB=VALUE: run only matching cells; values of one knob are alternatives
	Yes     bool              // however long it takes
	Tables  KnobTables
}

// NewPlan checks every spec against the knob tables and expands it into cells.
func NewPlan(cfg PlanConfig) (*Plan, error) {
	tables := cfg.Tables
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
		planned, err := expand(spec, cfg, only)
		if err != nil {
			return nil, err
		}
		plan.Experiments = append(plan.Experiments, planned)
	}
	if plan.Trials() == 0 {
		return nil, plan.nothingToRun(cfg)
	}
	return plan, tooLong(cfg, float64(plan.Trials()), plan.Estimate().Hours())
}

// nothingToRun says why no cell is left.
func (p *Plan) nothingToRun(cfg PlanConfig) error {
	for _, planned := range p.Experiments {
		if len(planned.LeftOut) > 0 {
			return fmt.Errorf("nothing to run: %s", strings.Join(planned.LeftOut, "; "))
		}
	}
	return fmt.Errorf("nothing to run: no cell of the %d experiments chosen matches --only %s", len(cfg.Specs), strings.Join(cfg.Only, " "))
}

func expand(spec *Spec, cfg PlanConfig, only map[string][]string) (Planned, error) {
	tables := cfg.Tables
	if err := spec.checkKnobs(tables); err != nil {
		return Planned{}, err
	}
	planned := Planned{Spec: spec, Repeats: spec.variant(cfg.Full).Repeats}
	if cfg.Repeats > 0 {
		planned.Repeats = cfg.Repeats
	}
	axes, fixed := spec.resolve(cfg)
	every := false
	err := checkServers(axes, fixed)
	for i := 0; err == nil && i < len(axes); i++ {
		every = every || slices.Contains(axes[i].Levels, EveryLevel)
		axes[i].Levels, err = tables.levelsOf(axes[i])
	}
	if err != nil {
		return Planned{}, fmt.Errorf("experiment %s: %w", spec.ID, err)
	}
	if err := tooManyCells(cfg, axes, fixed, planned.Repeats); err != nil {
		return Planned{}, fmt.Errorf("experiment %s: %w", spec.ID, err)
	}
	for _, levels := range product(axes) {
		knobs := maps.Clone(fixed)
		maps.Copy(knobs, levels)
		for _, label := range labels {
			if knobs[label] == "" {
				knobs[label] = tables.defaultOf(label)
			}
		}
		if s := knobs[serviceKnob]; s != "" && s != logService && knobs[protocolKnob] == "" {
			knobs[protocolKnob] = echoProtocol // no other service speaks Kafka's
		}
		if spec.excludes(knobs) || !selected(knobs, only) {
			continue
		}
		for _, server := range ServersOf(knobs) {
			if _, err := tables.DataOf(record.KnobsOfServer(knobs, server)); err != nil {
				return Planned{}, fmt.Errorf("experiment %s: %w", spec.ID, err)
			}
		}
		id := cellID(spec.ID, axes, knobs)
		if every && tables.Refuses != nil {
			if why := tables.Refuses(knobs); why != nil {
				planned.LeftOut = append(planned.LeftOut, fmt.Sprintf("%s: %v", id, why))
				continue
			}
		}
		if err := planned.addCell(results.PlannedCell{Experiment: spec.ID, ID: id, Knobs: knobs}, tables); err != nil {
			return Planned{}, fmt.Errorf("experiment %s: %w", spec.ID, err)
		}
		planned.BlockTime += tables.TrialTime(knobs)
	}
	if cfg.Full || planned.Repeats >= results.MinBlocks && len(spec.Controls) > 0 {
		err = planned.addControls(tables)
	}
	return planned, err
}

const twinSuffix = ".again" // ends the id of a cell that repeats another

func (s *Spec) variant(full bool) Variant {
	if full {
		return s.Full
	}
	return s.Quick
}

// resolve applies the variant and then the overrides of the command line, which
// turn an axis into its one level.
func (s *Spec) resolve(cfg PlanConfig) ([]Axis, map[string]string) {
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

// FullCells are the knobs of the full variant's cells as the spec alone tells them: without
// defaults, and of EveryLevel those levels that a prediction names.
func (s *Spec) FullCells() []map[string]string {
	axes, fixed := s.resolve(PlanConfig{Full: true})
	for i, axis := range axes {
		if at := slices.Index(axis.Levels, EveryLevel); at >= 0 {
			axes[i].Levels = slices.Delete(slices.Clone(axis.Levels), at, at+1)
			for _, p := range s.Predictions {
				for _, named := range []map[string]string{p.A, p.B, p.Where} {
					if level, is := named[axis.Knob]; is && !slices.Contains(axes[i].Levels, level) {
						axes[i].Levels = append(axes[i].Levels, level)
					}
				}
			}
		}
	}
	var cells []map[string]string
	for _, knobs := range product(axes) {
		maps.Copy(knobs, fixed)
		if !s.excludes(knobs) {
			cells = append(cells, knobs)
		}
	}
	return cells
}

func (s *Spec) excludes(knobs map[string]string) bool {
	return slices.ContainsFunc(s.Exclude, func(e map[string]string) bool { return Matches(knobs, e) })
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

// Order is the sequence of cells, by index, in a block counted from 1: a
// permutation that depends on the seed and the block alone.
func (p Planned) Order(seed uint64, block int) []int {
	return rand.New(rand.NewPCG(seed, uint64(block))).Perm(len(p.Cells))
}

// trialOverhead is what a trial costs besides warm-up and window: two process
// starts, first answers, drain, and giving the disk back.
const trialOverhead = 1500 * time.Millisecond

// disksOverhead is what emulated disks add: mounting them, and taking them down.
const disksOverhead = 3 * time.Second

func (k KnobTables) TrialTime(knobs map[string]string) time.Duration {
	total := trialOverhead + k.Duration(knobs, WarmUpKnob) + k.Duration(knobs, WindowKnob)
	if usesDisks(knobs) {
		total += disksOverhead
	}
	return total
}

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

func (p *Plan) Estimate() time.Duration {
	var total time.Duration
	for _, e := range p.Experiments {
		total += time.Duration(e.Repeats) * e.BlockTime
	}
	return total
}

// A plan beyond these asks for PlanConfig.Yes.
const (
	mostHours  = 12
	mostTrials = 10_000
)

// ErrTooLong says that a plan asks for more than a run is likely meant to take.
var ErrTooLong = errors.New("confirm with --yes, or choose with --only, --set and --repeats")

// tooLong asks for confirmation of what may be a mistake.
func tooLong(cfg PlanConfig, trials, hours float64) error {
	if cfg.Yes || trials <= mostTrials && hours <= mostHours {
		return nil
	}
	return fmt.Errorf("%.0f trials would take about %.0f hours: %w", trials, hours, ErrTooLong)
}

// tooManyCells refuses a product too large before it is made.
func tooManyCells(cfg PlanConfig, axes []Axis, fixed map[string]string, repeats int) error {
	if len(cfg.Only) > 0 {
		return nil // what is left is counted later
	}
	trials := float64(repeats)
	for _, axis := range axes {
		trials *= float64(len(axis.Levels))
	}
	if trials <= mostTrials {
		return nil
	}
	return tooLong(cfg, trials, trials*cfg.Tables.TrialTime(fixed).Hours())
}
