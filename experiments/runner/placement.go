package runner

import (
	"strconv"
	"strings"

	"c10klab/experiments"
)

// place adds the CPUs of server and load generator to the knobs of a trial,
// unless they are set already. With one CPU there is nothing to keep apart.
func place(knobs map[string]string, cpus []int) {
	if knobs[experiments.PlacementKnob] != experiments.PlacementApart || len(cpus) < 2 {
		return
	}
	half := len(cpus) / 2
	setDefault(knobs, experiments.ServerCPUsKnob, cpuList(cpus[:half]))
	setDefault(knobs, experiments.LoadCPUsKnob, cpuList(cpus[half:]))
}

func setDefault(knobs map[string]string, name, value string) {
	if knobs[name] == "" {
		knobs[name] = value
	}
}

func cpuList(cpus []int) string {
	texts := make([]string, len(cpus))
	for i, cpu := range cpus {
		texts[i] = strconv.Itoa(cpu)
	}
	return strings.Join(texts, ",")
}
