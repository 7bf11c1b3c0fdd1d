package experiments

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"c10klab/internal/knob"
	"c10klab/internal/record"
)

const (
	PlacementKnob   = "placement"
	PlacementApart  = "apart"
	PlacementShared = "shared"

	ServerCPUsKnob = "cpus"
	LoadCPUsKnob   = "load-cpus"
	SeedKnob       = "seed"
	WarmUpKnob     = "warm-up"
	WindowKnob     = "window"
	// LatenessLimitKnob is what trials are thrown out by, and so the same in all cells.
	LatenessLimitKnob = "lateness-limit"

	serviceKnob  = "service" // the server's; all but logService take any frames
	logService   = "log"
	protocolKnob = "protocol" // the generator's
	echoProtocol = "echo"

	ServersKnob           = "servers"
	DisksKnob             = "disks"
	backlogBytesKnob      = "backlog-bytes"
	backlogPartitionsKnob = "backlog-partitions"
	backlogBatchKnob      = "backlog-batch-bytes"
	BacklogDisksKnob      = "backlog-disks"
	backlogPagesKnob      = "backlog-pages"
	StallKnob             = "stall"
	BackedMemoryKnob      = "backed-memory"
	StoreLayoutKnob       = "layout" // the server's, which the backlog is written by too
)

// Knobs are those that the runner itself obeys.
var Knobs = []knob.Knob{
	{Name: ServersKnob, Kind: knob.Text, Default: record.Broker,
		Meaning: "a trial's servers, as a list of names that begins with " + record.Broker + ", which the generator loads; NAME" + record.ServerMark + "KNOB is a knob of one of them alone"},
	{Name: PlacementKnob, Kind: knob.Choice, Choices: []string{PlacementApart, PlacementShared}, Default: PlacementApart,
		Meaning: "CPUs of server and load generator: the first and the second half, or all for both"},
	{Name: DisksKnob, Kind: knob.Text, Default: "",
		Meaning: "the server's log dirs: a list of disk models, such as none,hdd,hdd, each an emulated disk; empty: one directory on the run's own disk"},
	{Name: backlogBytesKnob, Kind: knob.Bytes, Default: "0",
		Meaning: "record batches that topic " + BacklogTopic + " holds before the load starts; 0: no such topic"},
	{Name: backlogPartitionsKnob, Kind: knob.Int, Unit: "partitions", Default: "12", Min: 1, Max: 1e5,
		Meaning: "partitions of topic " + BacklogTopic},
	{Name: backlogBatchKnob, Kind: knob.Bytes, Default: "64KiB", Min: 256,
		Meaning: "one record batch of topic " + BacklogTopic},
	{Name: BacklogDisksKnob, Kind: knob.Text, Default: "all",
		Meaning: "which disks hold topic " + BacklogTopic + ", as positions in " + DisksKnob + " from 0"},
	{Name: backlogPagesKnob, Kind: knob.Choice, Choices: []string{"cold", "hot"}, Default: "cold",
		Meaning: "topic " + BacklogTopic + " in the page cache before the load starts: none of it, or all"},
	{Name: StallKnob, Kind: knob.Duration, Default: "0s", Max: 60,
		Meaning: "every emulated disk stops once for so long, in the middle of the window"},
	{Name: BackedMemoryKnob, Kind: knob.Bytes, Default: "0",
		Meaning: "memory that stays with this machine when it is free, where the host takes free memory back; as much as a trial takes, so that its fresh pages have one cost; 0: as the host leaves it"},
}

// labels are the knobs that every cell tells, set by the spec or not.
var labels = []string{"model", "send", "consumers", PlacementKnob}

// KnobTables are the knobs of the commands serve, load and disk up: which process a
// knob belongs to. A knob of two goes to both.
type KnobTables struct {
	Server, Load, Disk *knob.Table
	// Refuses says why a server with these knobs would not start, which leaves a cell out
	// that comes of EveryLevel; nil: none is left out.
	Refuses func(knobs map[string]string) error
}

var runnerKnobs = knob.NewTable(Knobs)

func (k KnobTables) all() []*knob.Table { return []*knob.Table{k.Server, k.Load, k.Disk, runnerKnobs} }

// check reports whether a knob of any process accepts the value.
func (k KnobTables) check(name, value string) error {
	found, err := k.named(name)
	for _, candidate := range found {
		if err := candidate.Check(value); err != nil {
			return err
		}
	}
	return err
}

// named finds the knobs of a name, one a process that has it; NAME:KNOB is of servers
// and their data alone.
func (k KnobTables) named(name string) (found []knob.Knob, err error) {
	var names []string
	what := "knob"
	_, own, ofServer := strings.Cut(name, record.ServerMark)
	if ofServer {
		name, what = own, "knob of a server"
	}
	for _, table := range k.all() {
		for _, candidate := range table.Knobs() {
			if ofServer && table != k.Server && !slices.Contains(dataKnobs, candidate.Name) {
				continue
			}
			if names = append(names, candidate.Name); candidate.Name == name {
				found = append(found, candidate)
			}
		}
	}
	if len(found) == 0 {
		err = fmt.Errorf("no %s is named %q%s", what, name, knob.DidYouMean(name, names))
	}
	return found, err
}

// EveryLevel, among the levels of an axis, stands for all choices of its knob that are not.
const EveryLevel = "*"

// levelsOf puts an axis's choices in the place of EveryLevel.
func (k KnobTables) levelsOf(axis Axis) ([]string, error) {
	i := slices.Index(axis.Levels, EveryLevel)
	if i < 0 {
		return axis.Levels, nil
	}
	found, err := k.named(axis.Knob)
	if err != nil {
		return nil, err
	}
	if len(found[0].Choices) == 0 {
		return nil, fmt.Errorf("axis %s: %q stands for all choices, and the knob has none", axis.Knob, EveryLevel)
	}
	others := slices.DeleteFunc(slices.Clone(found[0].Choices), func(c string) bool { return slices.Contains(axis.Levels, c) })
	return slices.Concat(axis.Levels[:i], others, axis.Levels[i+1:]), nil
}

// checkAll checks each setting, in the order of names.
func (k KnobTables) checkAll(values map[string]string) (name string, err error) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := k.check(name, values[name]); err != nil {
			return name, err
		}
	}
	return "", nil
}

// defaultOf returns the default of a knob, "" if no table has it.
func (k KnobTables) defaultOf(name string) string {
	for _, table := range k.all() {
		if found, err := table.Lookup(name); err == nil {
			return found.Default
		}
	}
	return ""
}

// Duration is the value of a knob that was checked when the plan was made.
func (k KnobTables) Duration(knobs map[string]string, name string) time.Duration {
	text, set := knobs[name]
	if !set {
		text = k.defaultOf(name)
	}
	d, _ := time.ParseDuration(text)
	return d
}

// BackedMemory is of knobs that were checked when the plan was made.
func (k KnobTables) BackedMemory(knobs map[string]string) (bytes int64) {
	if v, err := runnerKnobs.Values(knobs); err == nil {
		bytes = v.Bytes(BackedMemoryKnob)
	}
	return bytes
}

// Flags renders the settings that belong to a table, ordered by name.
func Flags(table *knob.Table, values map[string]string) []string {
	var args []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if table.Has(name) {
			args = append(args, "--"+name+"="+values[name])
		}
	}
	return args
}

// Settings prints knobs as "a=1 b=2", ordered by name.
func Settings(values map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		parts = append(parts, name+"="+values[name])
	}
	return strings.Join(parts, " ")
}

// parseOnly reads "KNOB=VALUE" items, keeping every value of a knob.
func (k KnobTables) parseOnly(items []string) (map[string][]string, error) {
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

func Matches(cell, wanted map[string]string) bool {
	for name, value := range wanted {
		if cell[name] != value {
			return false
		}
	}
	return true
}
