package results

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

// serversOf are the names of the servers of any cell, the broker first.
func serversOf(cells ...Cell) []string {
	names := []string{record.Broker}
	for _, c := range cells {
		for _, t := range c.Measured {
			for _, s := range t.Trial.Measurement.Servers {
				if !slices.Contains(names, s.Name) {
					names = append(names, s.Name)
				}
			}
		}
	}
	return names
}

// ofServer is the cell as one server saw it: what is the broker's in the result is that
// server's. Of another server than the broker, what is the client's is missing.
func (c Cell) ofServer(name string) Cell {
	seen := c
	seen.Server, seen.Spans, seen.Measured = name, map[hdr.Key]hdr.Digest{}, nil
	for key, digest := range c.Spans {
		if cmp.Or(key.Server, record.Broker) == name {
			key.Server = ""
			seen.Spans[key] = digest
		}
	}
	for _, t := range c.Measured {
		seen.Measured = append(seen.Measured, TrialDigest{Trial: t.Trial.OfServer(name)})
	}
	return seen
}

// byServer are the cells once for each of their servers, if any has more than the broker.
func byServer(cells []Cell) (each []Cell) {
	if len(serversOf(cells...)) == 1 {
		return cells
	}
	for _, c := range cells {
		for _, name := range serversOf(c) {
			each = append(each, c.ofServer(name))
		}
	}
	return each
}

// serverText is the name of the server with the knobs that it has alone.
func (c *Cell) serverText() string {
	var own []string
	for _, name := range slices.Sorted(maps.Keys(c.Knobs)) {
		if knob, found := strings.CutPrefix(name, c.Server+record.ServerMark); found {
			own = append(own, knob+"="+c.Knobs[name])
		}
	}
	if len(own) == 0 {
		return c.Server
	}
	return c.Server + " (" + strings.Join(own, " ") + ")"
}

// ServerTable is what each server of the cells took of the machine and of requests' time, a
// number that none is known of left out; without rows where the broker is the only server.
func ServerTable(cells []Cell) Table {
	if len(serversOf(cells...)) == 1 {
		return Table{}
	}
	b := newTable("servers", "Servers: what each took, medians of trials", byServer(cells))
	for _, n := range measure.Numbers(measure.ServersTable) {
		if anyHas(b.cells, n, whatever) {
			b.addNumber(n)
		}
	}
	for _, api := range measure.APIs(KeysOf(b.cells)) {
		key := measure.Total.Key(api)
		b.addSpan(key, key.String(), []measure.Quantile{measure.P99})
	}
	return b.Fill()
}
