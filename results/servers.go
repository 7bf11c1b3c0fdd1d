package results

import (
	"cmp"
	"slices"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

// serverColumn is the name under which servers stand beside the knobs that tell cells apart.
const serverColumn = "server"

// server is which one saw the cell.
func (c Cell) server() string { return cmp.Or(c.Knobs[serverColumn], record.Broker) }

// serversOf are the names of the servers of any cell, the broker first.
func serversOf(cells []Cell) []string {
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

// ofServer is the cell as one server saw it, with that server's own knobs and its name among
// them: what is the broker's in the result is that server's. Of another server than the broker,
// what is the client's is missing.
func (c Cell) ofServer(name string) Cell {
	seen := c
	seen.Knobs = record.KnobsOfServer(c.Knobs, name)
	seen.Knobs[serverColumn] = name
	seen.Spans, seen.Measured = map[hdr.Key]hdr.Digest{}, nil
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

// ofEachServer are the cells once for each of their servers, if any has more than the broker.
func ofEachServer(cells []Cell) (each []Cell) {
	if len(serversOf(cells)) == 1 {
		return cells
	}
	for _, c := range cells {
		for _, name := range serversOf([]Cell{c}) {
			each = append(each, c.ofServer(name))
		}
	}
	return each
}

// ServerTable is what each server of the cells took of the machine and of requests' time, a
// number that none is known of left out; without rows where the broker is the only server.
func ServerTable(cells []Cell) Table {
	if len(serversOf(cells)) == 1 {
		return Table{}
	}
	b := newTable("servers", "Servers: what each took, medians of trials", ofEachServer(cells))
	for _, n := range measure.Numbers(measure.ServersTable) {
		if slices.ContainsFunc(b.cells, func(c Cell) bool { _, known := c.Number(n); return known }) {
			b.addNumber(n)
		}
	}
	for _, api := range measure.APIs(KeysOf(b.cells)) {
		key := measure.Total.Key(api)
		b.addSpan(key, key.String(), []measure.Quantile{measure.P99})
	}
	return b.Fill()
}
