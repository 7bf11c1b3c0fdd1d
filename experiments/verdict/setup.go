package verdict

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"c10klab/experiments"
	"c10klab/results"
)

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
