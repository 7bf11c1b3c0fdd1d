package results

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

const instrumentationFile = "benchmarks/instrumentation.json"

// instrumentationRecord is the latest record of BenchmarkInstrumentation (internal/speed):
// a server's CPU nanoseconds for a request in each round, by load and by what it measures.
//
//go:embed benchmarks/instrumentation.json
var instrumentationRecord []byte

// instrumentationOrder is that in which costs are shown.
var instrumentationOrder = struct{ loads, whats []string }{
	loads: []string{"echo", "produce 64 KiB"},
	whats: []string{"stages", "stages and kernel stamps", "stages, kernel stamps and samples", "stages and metrics page"},
}

// InstrumentationNote says what measuring costs a server, in one line; empty where nothing
// was recorded.
func InstrumentationNote() (string, error) { return instrumentationNote(instrumentationRecord) }

func instrumentationNote(text []byte) (string, error) {
	var rounds map[string]map[string][]float64
	if err := json.Unmarshal(text, &rounds); err != nil {
		return "", fmt.Errorf("read %s: %w", instrumentationFile, err)
	}
	var loads []string
	for _, load := range instrumentationOrder.loads {
		var costs []string
		without := rounds[load]["off"]
		for _, what := range instrumentationOrder.whats {
			with := rounds[load][what]
			if len(with) == 0 {
				continue
			}
			if len(with) != len(without) {
				return "", fmt.Errorf("%s: %d rounds of %s with %s, %d without", instrumentationFile, len(with), load, what, len(without))
			}
			costs = append(costs, fmt.Sprintf("%s %s", what, Ratio(with, without)))
		}
		if len(costs) > 0 {
			loads = append(loads, load+": "+strings.Join(costs, ", "))
		}
	}
	if len(loads) == 0 {
		return "", nil
	}
	return "cost of instrumentation, the server's CPU time a request over that without (median of a benchmark's rounds [interval]): " + strings.Join(loads, "; "), nil
}
