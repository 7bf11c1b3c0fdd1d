package verdict

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"c10klab/experiments"
	"c10klab/internal/knob"
	"c10klab/internal/measure"
	"c10klab/results"
)

// Side is one of two things compared: those cells of a run that match.
type Side struct {
	Run   *results.Run
	Where map[string]string
}

// CompareConfig says what to compare. The axis is what the sides shall differ in:
// the knobs that select them, and Axis, a knob or one of SetupNames.
type CompareConfig struct {
	A, B    Side
	Axis    string
	Metrics []measure.Metric
	// Limited: trials that generator or machine limited count as well.
	Limited bool
}

type RunComparison struct {
	// Axis is what the difference may be put down to; empty if unknown.
	Axis []SetupDifference `json:"axis"`
	// Confounders differ too, though they should not.
	Confounders []SetupDifference `json:"confounders"`
	Paired      bool              `json:"paired"` // within the blocks of one run
	Rows        []ComparedCells   `json:"rows"`
	// OnlyA and OnlyB are cells that the other side lacks.
	OnlyA []string `json:"only_a"`
	OnlyB []string `json:"only_b"`
}

type ComparedCells struct {
	Cells      string             `json:"cells"`
	Metric     string             `json:"metric"`
	A          results.Estimate   `json:"a"`
	B          results.Estimate   `json:"b"`
	Difference results.Difference `json:"difference"` // A to B
	Different  bool               `json:"different"`
	// NoiseFloor is the ratio of two equal cells (A/A), where a run has them; a
	// difference that does not leave it is none.
	NoiseFloor *results.Estimate `json:"noise_floor,omitempty"`
}

var (
	ErrNothingToCompare = errors.New("the two have no cell in common")
	ErrUnknownAxis      = errors.New("nothing that a setup consists of is named")
)

type cellPair struct{ a, b results.Cell }

// Compare compares two sides, cell by cell and metric by metric. Sides of one run
// are compared within its blocks, others as independent trials.
func Compare(cfg CompareConfig) (*RunComparison, error) {
	for _, side := range []Side{cfg.A, cfg.B} {
		if len(side.Run.Trials) == 0 {
			return nil, fmt.Errorf("%w: %s holds no trial so far; c10klab run --resume --out %s measures its trials", ErrNothingToCompare, side.Run.Dir, results.ShellQuote(side.Run.Dir))
		}
	}
	axis := map[string]string{}
	maps.Copy(axis, cfg.A.Where)
	maps.Copy(axis, cfg.B.Where)
	if cfg.Axis != "" {
		axis[cfg.Axis] = ""
	}
	c := &RunComparison{Paired: cfg.A.Run.Dir == cfg.B.Run.Dir, Axis: []SetupDifference{}, Confounders: []SetupDifference{}, Rows: []ComparedCells{}, OnlyA: []string{}, OnlyB: []string{}}
	pairs := c.pair(cfg, axis)
	if len(pairs) == 0 {
		return nil, fmt.Errorf("%w: %s has %v, %s has %v", ErrNothingToCompare, cfg.A.Run.Dir, c.OnlyA, cfg.B.Run.Dir, c.OnlyB)
	}
	differences := setupDifferences(cfg.A.Run, cfg.B.Run, pairs)
	if names := slices.Concat(SetupNames, slices.Sorted(maps.Keys(pairs[0].a.Knobs))); cfg.Axis != "" && !slices.Contains(names, cfg.Axis) {
		return nil, fmt.Errorf("%w %q%s", ErrUnknownAxis, cfg.Axis, knob.DidYouMean(cfg.Axis, names))
	}
	if len(axis) == 0 && len(differences) == 1 {
		axis[differences[0].Name] = ""
	}
	for _, d := range differences {
		if _, meant := axis[d.Name]; meant {
			c.Axis = append(c.Axis, d)
		} else {
			c.Confounders = append(c.Confounders, d)
		}
	}
	return c, c.compareAll(cfg, pairs, axis)
}

// pair finds for each cell of A the one of B that agrees in all knobs but the
// axis, or else the one of the same id.
func (c *RunComparison) pair(cfg CompareConfig, axis map[string]string) []cellPair {
	left, right := cfg.A.cells(), cfg.B.cells()
	same := func(a, b results.Cell) bool {
		return a.Experiment == b.Experiment && maps.Equal(without(a.Knobs, axis), without(b.Knobs, axis))
	}
	var pairs []cellPair
	for _, a := range left {
		i := slices.IndexFunc(right, func(b results.Cell) bool { return same(a, b) })
		if i < 0 {
			i = slices.IndexFunc(right, func(b results.Cell) bool { return a.ID == b.ID })
		}
		if i < 0 {
			c.OnlyA = append(c.OnlyA, a.ID)
			continue
		}
		pairs = append(pairs, cellPair{a, right[i]})
		right = slices.Delete(right, i, i+1)
	}
	for _, b := range right {
		c.OnlyB = append(c.OnlyB, b.ID)
	}
	return pairs
}

func (s Side) cells() []results.Cell {
	return slices.DeleteFunc(s.Run.CellOutcomes(), func(c results.Cell) bool { return !experiments.Matches(c.Knobs, s.Where) })
}

func without(knobs, names map[string]string) map[string]string {
	rest := maps.Clone(knobs)
	for name := range names {
		delete(rest, name)
	}
	return rest
}

func (c *RunComparison) compareAll(cfg CompareConfig, pairs []cellPair, axis map[string]string) error {
	left, right := results.NewReadings(cfg.A.Run, cfg.Metrics...), results.NewReadings(cfg.B.Run, cfg.Metrics...)
	if cfg.Limited {
		left, right = left.WithLimited(), right.WithLimited()
	}
	label := judge{cells: cfg.A.cells(), varying: results.VaryingKnobs(cfg.A.cells())}
	for _, p := range pairs {
		for _, metric := range cfg.Metrics {
			a, err := left.Of(metric, p.a.ID, false)
			if err != nil {
				return err
			}
			b, err := right.Of(metric, p.b.ID, false)
			if err != nil {
				return err
			}
			if len(a.ByBlock)+len(b.ByBlock) == 0 {
				continue
			}
			row := ComparedCells{Cells: label.label(p.a, axis), Metric: metric.String(),
				A: results.MedianOf(a.Values()), B: results.MedianOf(b.Values())}
			if row.Difference = results.Unpaired(a.Values(), b.Values()); c.Paired {
				row.Difference = a.PairedWith(b)
			}
			if row.NoiseFloor, err = widerFloor(p.a.Experiment, metric, left, right); err != nil {
				return err
			}
			row.Different = row.Difference.Different() && (row.NoiseFloor == nil || Beyond(row.Difference.Ratio, *row.NoiseFloor))
			c.Rows = append(c.Rows, row)
		}
	}
	return nil
}

// widerFloor is the noise floor of the run that has the wider one; nil if neither
// has one.
func widerFloor(experiment string, metric measure.Metric, runs ...*results.Readings) (*results.Estimate, error) {
	var widest *results.Estimate
	for _, run := range runs {
		floor, err := noiseFloor(run, experiment, metric)
		if err != nil {
			return nil, err
		}
		if floor.Bounded() && (widest == nil || wider(floor, *widest)) {
			widest = &floor
		}
	}
	return widest, nil
}

// SetupDifference is one respect in which two runs, or two sets of cells, were
// made otherwise.
type SetupDifference struct {
	Name string `json:"name"` // a knob, or one of the names below
	A    string `json:"a"`
	B    string `json:"b"`
}

func (d SetupDifference) String() string { return fmt.Sprintf("%s: %s, %s", d.Name, d.A, d.B) }

// SetupNames are the names of differences that are no knobs.
var SetupNames = []string{"program", "spec", "seed", "kernel", "cores", "cpu", "governor", "memory", "virtualised", "file-system", "disk",
	"congestion-control", "limits"}

func setupDifferences(a, b *results.Run, pairs []cellPair) []SetupDifference {
	var found []SetupDifference
	x, y := setupOf(a), setupOf(b)
	for _, name := range SetupNames {
		if x[name] != y[name] {
			found = append(found, SetupDifference{name, x[name], y[name]})
		}
	}
	return append(found, knobDifferences(pairs)...)
}

func setupOf(r *results.Run) map[string]string {
	info, host := r.Info, r.Info.Host
	specs := map[string]string{}
	for _, s := range info.Specs {
		specs[s.ID] = short(s.SHA256)
	}
	return map[string]string{
		"program":            fmt.Sprintf("%s (revision %s)", short(info.BinarySHA256), short(info.Source.Revision)),
		"spec":               experiments.Settings(specs),
		"seed":               fmt.Sprint(info.Seed),
		"kernel":             host.Kernel,
		"cores":              fmt.Sprint(host.Cores),
		"cpu":                host.CPUModel,
		"governor":           host.Governor,
		"memory":             fmt.Sprintf("%d MiB", host.MemoryBytes>>20),
		"virtualised":        fmt.Sprint(host.Virtualised),
		"file-system":        host.DataFileSystem,
		"disk":               host.DataDevice,
		"congestion-control": host.CongestionControl,
		"limits":             experiments.Settings(host.Limits),
	}
}

func short(hash string) string { return hash[:min(len(hash), 12)] }

// knobDifferences lists each knob by which some pair differs, with the values of
// the first such pair.
func knobDifferences(pairs []cellPair) []SetupDifference {
	values := map[string]SetupDifference{}
	for _, p := range pairs {
		for _, name := range slices.Concat(slices.Collect(maps.Keys(p.a.Knobs)), slices.Collect(maps.Keys(p.b.Knobs))) {
			if _, known := values[name]; !known && p.a.Knobs[name] != p.b.Knobs[name] {
				values[name] = SetupDifference{name, cmp.Or(p.a.Knobs[name], "–"), cmp.Or(p.b.Knobs[name], "–")}
			}
		}
	}
	var found []SetupDifference
	for _, name := range slices.Sorted(maps.Keys(values)) {
		found = append(found, values[name])
	}
	return found
}
