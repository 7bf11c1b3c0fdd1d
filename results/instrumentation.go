package results

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// benchmarks holds the records of benchmarks, as internal/speed leaves them.
//
//go:embed benchmarks/*.json
var benchmarks embed.FS

const instrumentationRecord = "benchmarks/instrumentation.json"

// uninstrumented is what the others are compared with.
const uninstrumented = "off"

// InstrumentationCost is what measuring costs a server: its CPU time for each request
// over that of a server that measures nothing, in the same round of a benchmark.
type InstrumentationCost struct {
	Load  string // "echo" or "produce 64 KiB"
	What  string // "stages and kernel stamps", …
	Ratio Estimate
}

// instrumentationOrder is that in which costs are shown.
var instrumentationOrder = struct{ loads, whats []string }{
	loads: []string{"echo", "produce 64 KiB"},
	whats: []string{"stages", "stages and kernel stamps", "stages, kernel stamps and samples", "stages and metrics page"},
}

// InstrumentationCosts reads the latest record of BenchmarkInstrumentation
// (internal/speed), which is part of the program; none if there is no record.
func InstrumentationCosts() ([]InstrumentationCost, error) {
	return instrumentationCosts(benchmarks)
}

func instrumentationCosts(records fs.FS) ([]InstrumentationCost, error) {
	text, err := fs.ReadFile(records, instrumentationRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var rounds map[string]map[string][]float64 // CPU ns for a request, by load and instrumentation
	if err == nil {
		err = json.Unmarshal(text, &rounds)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", instrumentationRecord, err)
	}
	var costs []InstrumentationCost
	for _, load := range instrumentationOrder.loads {
		base := rounds[load][uninstrumented]
		for _, what := range instrumentationOrder.whats {
			with := rounds[load][what]
			if len(with) == 0 {
				continue
			}
			if len(with) != len(base) {
				return nil, fmt.Errorf("%s: %d rounds of %s with %s, %d without", instrumentationRecord, len(with), load, what, len(base))
			}
			costs = append(costs, InstrumentationCost{Load: load, What: what, Ratio: Ratio(with, base)})
		}
	}
	return costs, nil
}

// InstrumentationNote says what measuring costs, in one line; empty without a record.
func InstrumentationNote() (string, error) {
	costs, err := InstrumentationCosts()
	if err != nil || len(costs) == 0 {
		return "", err
	}
	byLoad := map[string][]string{}
	for _, c := range costs {
		byLoad[c.Load] = append(byLoad[c.Load], fmt.Sprintf("%s %s", c.What, c.Ratio))
	}
	var parts []string
	for _, load := range instrumentationOrder.loads {
		if len(byLoad[load]) > 0 {
			parts = append(parts, load+": "+strings.Join(byLoad[load], ", "))
		}
	}
	return "cost of instrumentation, the server's CPU time a request over that without (median of a benchmark's rounds [interval]): " + strings.Join(parts, "; "), nil
}
