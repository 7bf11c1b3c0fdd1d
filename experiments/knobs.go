package experiments

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"c10klab/internal/knob"
)

const (
	placementKnob   = "placement"
	placementApart  = "apart"
	placementShared = "shared"

	serverCPUsKnob = "cpus"
	loadCPUsKnob   = "load-cpus"
	seedKnob       = "seed"
	warmUpKnob     = "warm-up"
	windowKnob     = "window"

	disksKnob             = "disks"
	backlogBytesKnob      = "backlog-bytes"
	backlogPartitionsKnob = "backlog-partitions"
	backlogBatchKnob      = "backlog-batch-bytes"
	backlogDisksKnob      = "backlog-disks"
	backlogPagesKnob      = "backlog-pages"
	pagesCold             = "cold"
	pagesHot              = "hot"
	stallKnob             = "stall"
	storeLayoutKnob       = "layout" // the server's, which the backlog is written by too
)

// Knobs are those that the runner itself obeys.
var Knobs = []knob.Knob{
	{Name: placementKnob, Kind: knob.Choice, Choices: []string{placementApart, placementShared}, Default: placementApart,
		Meaning: "CPUs of server and load generator: the first and the second half, or all for both"},
	{Name: disksKnob, Kind: knob.Text, Default: "",
		Meaning: "the server's log dirs: a list of disk models, such as none,hdd,hdd, each an emulated disk; empty: one directory on the run's own disk"},
	{Name: backlogBytesKnob, Kind: knob.Bytes, Default: "0",
		Meaning: "record batches that topic " + backlogTopic + " holds before the load starts; 0: no such topic"},
	{Name: backlogPartitionsKnob, Kind: knob.Int, Unit: "partitions", Default: "12", Min: 1, Max: 1e5,
		Meaning: "partitions of topic " + backlogTopic},
	{Name: backlogBatchKnob, Kind: knob.Bytes, Default: "64KiB", Min: 256,
		Meaning: "one record batch of topic " + backlogTopic},
	{Name: backlogDisksKnob, Kind: knob.Text, Default: "all",
		Meaning: "which disks hold topic " + backlogTopic + ", as positions in " + disksKnob + " from 0"},
	{Name: backlogPagesKnob, Kind: knob.Choice, Choices: []string{pagesCold, pagesHot}, Default: pagesCold,
		Meaning: "topic " + backlogTopic + " in the page cache before the load starts: none of it, or all"},
	{Name: stallKnob, Kind: knob.Duration, Default: "0s", Max: 60,
		Meaning: "every emulated disk stops once for so long, in the middle of the window"},
}

// labels are the knobs that every cell tells, set by the spec or not.
var labels = []string{"model", "send", "consumers", placementKnob}

// knobTables knows which process a knob belongs to. A knob of both goes to both.
type knobTables struct {
	server, load, disk, runner *knob.Table
}

func (c *Config) tables() knobTables {
	return knobTables{server: c.ServerKnobs, load: c.LoadKnobs, disk: c.DiskKnobs, runner: knob.NewTable(Knobs)}
}

func (k knobTables) all() []*knob.Table { return []*knob.Table{k.server, k.load, k.disk, k.runner} }

// check reports whether a knob of any process accepts the value.
func (k knobTables) check(name, value string) error {
	known := false
	var names []string
	for _, table := range k.all() {
		for _, candidate := range table.Knobs() {
			names = append(names, candidate.Name)
			if candidate.Name != name {
				continue
			}
			known = true
			if err := candidate.Check(value); err != nil {
				return err
			}
		}
	}
	if !known {
		return fmt.Errorf("no knob is named %q%s", name, knob.DidYouMean(name, names))
	}
	return nil
}

// checkAll checks each setting, in the order of names.
func (k knobTables) checkAll(values map[string]string) (name string, err error) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := k.check(name, values[name]); err != nil {
			return name, err
		}
	}
	return "", nil
}

// defaultOf returns the default of a knob, "" if no table has it.
func (k knobTables) defaultOf(name string) string {
	for _, table := range k.all() {
		if found, err := table.Lookup(name); err == nil {
			return found.Default
		}
	}
	return ""
}

// flags renders the settings that belong to a table, ordered by name.
func flags(table *knob.Table, values map[string]string) []string {
	var args []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if table.Has(name) {
			args = append(args, "--"+name+"="+values[name])
		}
	}
	return args
}

// settings prints knobs as "a=1 b=2", ordered by name.
func settings(values map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		parts = append(parts, name+"="+values[name])
	}
	return strings.Join(parts, " ")
}

// parseOnly reads "KNOB=VALUE" items, keeping every value of a knob.
func (k knobTables) parseOnly(items []string) (map[string][]string, error) {
	values := map[string][]string{}
	for _, item := range items {
		name, value, found := strings.Cut(item, "=")
		if !found {
			return nil, fmt.Errorf("--only %q is not KNOB=VALUE", item)
		}
		if err := k.check(name, value); err != nil {
			return nil, fmt.Errorf("--only %s: %w", item, err)
		}
		values[name] = append(values[name], value)
	}
	return values, nil
}

// matches reports whether the cell has all the wanted values.
func matches(cell, wanted map[string]string) bool {
	for name, value := range wanted {
		if cell[name] != value {
			return false
		}
	}
	return true
}
