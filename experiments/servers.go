package experiments

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"c10klab/internal/knob"
	"c10klab/internal/record"
)

// A trial has one server, "broker", unless knob servers names more. All have the knobs of
// their cell; NAME:KNOB is a knob of one server alone, in fixed knobs, axes and
// predictions. A spec may write both as tables:
//
//	[[servers]]
//	name = "broker"
//	[[servers]]
//	name = "follower-1"
//	model = "reactor"

// dataKnobs say where a server's data lies, which the runner sees to.
var dataKnobs = []string{DisksKnob, backlogBytesKnob, backlogPartitionsKnob, backlogBatchKnob, BacklogDisksKnob, backlogPagesKnob}

// KnobOf is the name of a knob of one server alone.
func KnobOf(server, name string) string { return server + record.ServerMark + name }

// ServersOf lists the servers of a cell; the first is what the generator loads.
func ServersOf(knobs map[string]string) []string {
	return strings.Split(cmp.Or(knobs[ServersKnob], record.Broker), ",")
}

// usesDisks reports whether a server of the cell asks for emulated disks.
func usesDisks(knobs map[string]string) bool {
	return slices.ContainsFunc(ServersOf(knobs), func(server string) bool { return record.KnobsOfServer(knobs, server)[DisksKnob] != "" })
}

// addServers turns tables of servers into knobs.
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
