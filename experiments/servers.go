package experiments

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"c10klab/internal/knob"
	"c10klab/internal/record"
)

// dataKnobs say where a server's data lies, which the runner sees to.
var dataKnobs = []string{DisksKnob, backlogBytesKnob, backlogPartitionsKnob, backlogBatchKnob, BacklogDisksKnob, backlogPagesKnob}

// KnobOf is the name of a knob of one server alone, NAME:KNOB.
func KnobOf(server, name string) string { return server + record.ServerMark + name }

// ServersOf lists the servers of a cell; the first is what the generator loads.
func ServersOf(knobs map[string]string) []string {
	return strings.Split(cmp.Or(knobs[ServersKnob], record.Broker), ",")
}

// usesDisks reports whether a server of the cell asks for emulated disks.
func usesDisks(knobs map[string]string) bool {
	return slices.ContainsFunc(ServersOf(knobs), func(server string) bool { return record.KnobsOfServer(knobs, server)[DisksKnob] != "" })
}

// addServers turns tables of servers, each with its name and knobs, into knobs.
func (s *Spec) addServers(tables []scalars) error {
	var names []string
	for i, table := range tables {
		knobs := table.text()
		name := knobs["name"]
		if delete(knobs, "name"); name == "" {
			return s.errorAtTable("servers", i, "server %d has no name", i+1)
		}
		names = append(names, name)
		for knob, value := range knobs {
			s.Fixed[KnobOf(name, knob)] = value
		}
	}
	if len(names) == 0 {
		return nil
	}
	if _, both := s.Fixed[ServersKnob]; both {
		return s.errorAt(toml.Key{"fixed", ServersKnob}, "servers are given as a knob and as tables")
	}
	s.Fixed[ServersKnob] = strings.Join(names, ",")
	return nil
}

// serversOfCells lists the servers that some cell has.
func serversOfCells(axes []Axis, fixed map[string]string) (all []string) {
	for _, list := range serverLists(axes, fixed) {
		all = append(all, ServersOf(map[string]string{ServersKnob: list})...)
	}
	return all
}

// serverLists are the values of knob servers.
func serverLists(axes []Axis, fixed map[string]string) []string {
	if i := slices.IndexFunc(axes, func(a Axis) bool { return a.Knob == ServersKnob }); i >= 0 {
		return axes[i].Levels
	}
	return []string{fixed[ServersKnob]}
}

// checkServers checks the names of the servers that cells may have, and of those whose
// knobs are set.
func checkServers(axes []Axis, fixed map[string]string) error {
	for _, list := range serverLists(axes, fixed) {
		names := ServersOf(map[string]string{ServersKnob: list})
		if names[0] != record.Broker {
			return fmt.Errorf("knob %s: the first of %q is not %s, which the generator loads", ServersKnob, list, record.Broker)
		}
		for i, name := range names {
			if name == "" || fileNamePart(name) != name || slices.Contains(names[:i], name) {
				return fmt.Errorf("knob %s: %q is no list of different names of letters, digits, - and _", ServersKnob, list)
			}
		}
	}
	set := slices.Sorted(maps.Keys(fixed))
	for _, axis := range axes {
		set = append(set, axis.Knob)
	}
	all := serversOfCells(axes, fixed)
	for _, name := range set {
		if server, _, found := strings.Cut(name, record.ServerMark); found && !slices.Contains(all, server) {
			return fmt.Errorf("knob %s: no server is named %q%s", name, server, knob.DidYouMean(server, all))
		}
	}
	return nil
}

// BacklogTopic is what lagging consumers read.
const BacklogTopic = "backlog"

// Data is where the data of a cell lies and what its log holds before the load
// starts, as its knobs say.
type Data struct {
	DiskModels []string // of the emulated disks, one a log dir; empty: one directory on the run's own disk
	Backlog    Backlog
}

// Backlog is what the log holds before the load starts.
type Backlog struct {
	StoreLayout string // the server's knob; empty: its default
	Bytes       int64  `knob:"backlog-bytes"`
	BatchBytes  int64  `knob:"backlog-batch-bytes"`
	Partitions  int    `knob:"backlog-partitions"`
	LogDirs     []int  // their positions
	Hot         bool   `knob:"backlog-pages=hot"`
}

// DataOf reads a cell's knobs.
func (k KnobTables) DataOf(knobs map[string]string) (Data, error) {
	v, err := runnerKnobs.Values(knobs)
	if err != nil {
		return Data{}, err
	}
	var d Data
	if text := v.Text(DisksKnob); text != "" {
		d.DiskModels = strings.Split(text, ",")
	}
	v.Fill(&d.Backlog)
	d.Backlog.StoreLayout = knobs[StoreLayoutKnob]
	d.Backlog.LogDirs, err = positions(v.Text(BacklogDisksKnob), max(1, len(d.DiskModels)))
	if err == nil {
		err = checkDiskModels(k.Disk, d.DiskModels)
	}
	return d, err
}

// positions reads "all" or a list such as "1,2" of positions below n.
func positions(text string, n int) ([]int, error) {
	var list []int
	if text == "all" {
		for i := range n {
			list = append(list, i)
		}
		return list, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		i, err := strconv.Atoi(part)
		if err != nil || i < 0 || i >= n || slices.Contains(list, i) {
			return nil, fmt.Errorf("knob %s: %q is no list of different positions below %d", BacklogDisksKnob, text, n)
		}
		list = append(list, i)
	}
	return list, nil
}

// DiskModelKnob is the disk command's own.
const DiskModelKnob = "disk-model"

func checkDiskModels(disks *knob.Table, models []string) error {
	for _, m := range models {
		model, err := disks.Lookup(DiskModelKnob)
		if err == nil {
			err = model.Check(m)
		}
		if err != nil {
			return fmt.Errorf("knob %s: %w", DisksKnob, err)
		}
	}
	return nil
}
