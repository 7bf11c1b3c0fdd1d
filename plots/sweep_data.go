package plots

import (
	"gonum.org/v1/plot"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
	"c10klab/results"
)

// sweepMeasure is what one panel of a sweep shows.
type sweepMeasure struct {
	name     string // in a trial's sweepValues
	title    string
	duration bool // in ns, on a logarithmic axis; else a number on a linear one from 0
	// key and quantile say where a duration comes from.
	key      hdr.Key
	quantile float64
	// number reads what is no duration, from trials that have the knob.
	number func(record.Trial) (float64, bool)
	knob   string
}

const sweepColumns = 3

// sweepRows are the rows of panels; those that were not measured are left out.
var sweepRows = [][]sweepMeasure{
	quantilesOf("ResponseTime", "Produce", "response time of Produce"),
	quantilesOf("ResponseTime", "Echo", "response time"),
	quantilesOf("ServiceTime", "Echo", "service time"),
	quantilesOf("EndToEnd", "Fetch", "end to end"),
	{
		{name: "requests/s", title: "requests a second", number: requestsPerSecond, knob: connectionsKnob},
		{name: "KiB a connection", title: "server memory, KiB a connection", number: serverKiB, knob: connectionsKnob},
		{name: "switches a request", title: "voluntary switches of the server a request", number: switchesPerRequest, knob: connectionsKnob},
	},
	{
		{name: "availability", title: "share answered within 1 s", number: availability, knob: "rate-requests"},
	},
}

func quantilesOf(stage, api, title string) []sweepMeasure {
	var row []sweepMeasure
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}} {
		row = append(row, sweepMeasure{
			name: stage + "/" + api + " " + q.name, title: title + ", " + q.name, duration: true,
			key: hdr.Key{Stage: stage, API: api}, quantile: q.at,
		})
	}
	return row
}

func requestsPerSecond(t record.Trial) (float64, bool) {
	if t.Measurement == nil {
		return 0, false
	}
	return t.Measurement.RequestsPerSec, true
}

func serverKiB(t record.Trial) (float64, bool) {
	if t.Measurement == nil || t.Measurement.Connections == nil {
		return 0, false
	}
	return t.Measurement.Connections.ServerBytes / 1024, true
}

func switchesPerRequest(t record.Trial) (float64, bool) {
	if t.Measurement == nil {
		return 0, false
	}
	voluntary, _, known := t.Measurement.SwitchesPerRequest(t.Measurement.Broker())
	return voluntary, known
}

func availability(t record.Trial) (float64, bool) {
	if t.Measurement == nil {
		return 0, false
	}
	return t.Measurement.Availability.Share()
}

// sweepValues are one trial's measures by name; what it does not support is absent.
type sweepValues map[string]float64

// sweepOf leaves nothing out but service times where there are response times, which
// say more. Numbers belong to sweeps along the knob that they name.
func sweepOf(t results.TrialDigest) sweepValues {
	values := sweepValues{}
	for _, row := range sweepRows {
		for _, m := range row {
			value, known := m.of(t)
			if known {
				values[m.name] = value
			}
		}
	}
	return values
}

func (m sweepMeasure) of(t results.TrialDigest) (float64, bool) {
	if m.number != nil {
		if t.Trial.Knobs[m.knob] == "" {
			return 0, false
		}
		return m.number(t.Trial)
	}
	span, measured := t.Spans[m.key]
	_, answered := t.Spans[hdr.Key{Stage: "ResponseTime", API: m.key.API}]
	if !measured || m.key.Stage == "ServiceTime" && answered {
		return 0, false
	}
	ns, supported := span.Quantile(m.quantile)
	return float64(ns), supported
}

const connectionsKnob = "connections"

// format writes a value of the measure.
func (m sweepMeasure) format(value float64) string {
	if m.duration {
		return results.FormatDuration(value)
	}
	return results.Significant(value)
}

// axis makes the Y axis for a range of values.
func (m sweepMeasure) axis(axis *plot.Axis, low, high float64) {
	const room = 1.05
	if m.duration {
		logAxis(axis, max(1, low/room), max(2, high*room), 10)
		return
	}
	axis.Min, axis.Max = min(0, low*room), high*room
	if axis.Max <= 0 {
		axis.Max = 1
	}
	axis.Tick.Marker = countTicks{}
}
