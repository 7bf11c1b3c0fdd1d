package results

import (
	"fmt"
	"slices"

	"c10klab/internal/record"
)

// cost is what a cell's connections take, each number the median over trials.
type cost struct {
	requestsPerSec                           float64
	serverBytes, generatorBytes, kernelBytes float64 // of one connection
	voluntary, involuntary, runQueueWaitNs   float64 // of one request
	running, waiting, asleep                 float64 // server threads
	availability                             float64
	slowestConnectNs                         float64
	// Which of them are known.
	hasConnections, hasSwitches, hasThreads, hasAvailability bool
}

// costOf takes the trials that a cell's numbers are from.
func costOf(trials []record.Trial) cost {
	var c cost
	median := func(known *bool, read func(*record.Measurement) (float64, bool)) float64 {
		var values []float64
		for _, t := range trials {
			if value, found := read(t.Measurement); found {
				values = append(values, value)
			}
		}
		if *known = len(values) > 0; !*known {
			return 0
		}
		return MedianOf(values).Median
	}
	var always bool
	c.requestsPerSec = median(&always, func(m *record.Measurement) (float64, bool) { return m.RequestsPerSec, true })
	for _, of := range []struct {
		to   *float64
		read func(*record.Connections) float64
	}{
		{&c.serverBytes, func(r *record.Connections) float64 { return r.ServerBytes }},
		{&c.generatorBytes, func(r *record.Connections) float64 { return r.GeneratorBytes }},
		{&c.kernelBytes, func(r *record.Connections) float64 { return r.KernelBytes }},
		{&c.slowestConnectNs, func(r *record.Connections) float64 { return float64(r.SlowestConnectNs) }},
	} {
		*of.to = median(&c.hasConnections, func(m *record.Measurement) (float64, bool) {
			if m.Connections == nil {
				return 0, false
			}
			return of.read(m.Connections), true
		})
	}
	c.voluntary = median(&c.hasSwitches, func(m *record.Measurement) (float64, bool) {
		voluntary, _, known := m.SwitchesPerRequest(m.Broker())
		return voluntary, known
	})
	c.involuntary = median(&c.hasSwitches, func(m *record.Measurement) (float64, bool) {
		_, involuntary, known := m.SwitchesPerRequest(m.Broker())
		return involuntary, known
	})
	c.runQueueWaitNs = median(&c.hasThreads, func(m *record.Measurement) (float64, bool) { return m.Broker().RunQueueWaitNs() })
	for _, of := range []struct {
		to   *float64
		read func(record.ThreadStates) float64
	}{
		{&c.running, func(s record.ThreadStates) float64 { return s.Running }},
		{&c.waiting, func(s record.ThreadStates) float64 { return s.Waiting }},
		{&c.asleep, func(s record.ThreadStates) float64 { return s.Asleep }},
	} {
		*of.to = median(&c.hasThreads, func(m *record.Measurement) (float64, bool) {
			states, known := m.Broker().ThreadStates()
			return of.read(states), known
		})
	}
	c.availability = median(&c.hasAvailability, func(m *record.Measurement) (float64, bool) { return m.Availability.Share() })
	return c
}

const kib = 1 << 10

// connectionsKnob is set in experiments about numbers of connections.
const connectionsKnob = "connections"

// costGrid shows what connections cost, in experiments about their number.
func costGrid(cells []Cell) (grid, bool) {
	if !slices.ContainsFunc(cells, func(c Cell) bool { return c.Knobs[connectionsKnob] != "" && c.cost.hasConnections }) {
		return grid{}, false
	}
	g := newGrid("Connections: what they take, medians of trials", cells)
	g.addCosts("KiB a connection", []string{"server", "generator", "kernel"}, func(c cost) ([]float64, bool) {
		return []float64{c.serverBytes / kib, c.generatorBytes / kib, c.kernelBytes / kib}, c.hasConnections
	})
	g.addCosts("switches a request", []string{"voluntary", "involuntary"}, func(c cost) ([]float64, bool) {
		return []float64{c.voluntary, c.involuntary}, c.hasSwitches
	})
	g.addCosts("run queue µs a request", nil, func(c cost) ([]float64, bool) {
		return []float64{c.runQueueWaitNs / 1e3}, c.hasThreads
	})
	g.addCosts("server threads, mean", []string{"running", "waiting for a CPU", "asleep"}, func(c cost) ([]float64, bool) {
		return []float64{c.running, c.waiting, c.asleep}, c.hasThreads
	})
	g.addCosts("slowest connect ms", nil, func(c cost) ([]float64, bool) {
		return []float64{c.slowestConnectNs / 1e6}, c.hasConnections
	})
	return g.fill(cells), true
}

// addCosts adds a group of columns that are known together; without names it is one
// column.
func (b *builder) addCosts(heading string, names []string, read func(cost) ([]float64, bool)) {
	b.groups = append(b.groups, group{heading: heading, columns: names})
	for i := range max(1, len(names)) {
		b.values = append(b.values, func(c Cell) string {
			values, known := read(c.cost)
			return figure(c, known, values[i])
		})
	}
}

// availabilityText is a share as a percentage, with as many digits as tell it from
// 100 %.
func availabilityText(c Cell) string {
	if !c.cost.hasAvailability {
		return notSupported
	}
	text := fmt.Sprintf("%.4g", 100*c.cost.availability)
	if !c.Stands() {
		return "(" + text + ")"
	}
	return text
}
