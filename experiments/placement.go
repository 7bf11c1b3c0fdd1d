package experiments

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxCPU is the highest CPU number that a mask of x/sys/unix holds.
const maxCPU = 1023

// usableCPUs lists the CPUs that this process may run on (sched_getaffinity(2)).
func usableCPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("sched_getaffinity: %w", err)
	}
	var cpus []int
	for cpu := range maxCPU + 1 {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// place adds the CPUs of server and load generator to the knobs of a trial,
// unless they are set already. With one CPU there is nothing to keep apart.
func place(knobs map[string]string, cpus []int) {
	if knobs[placementKnob] != placementApart || len(cpus) < 2 {
		return
	}
	half := len(cpus) / 2
	setDefault(knobs, serverCPUsKnob, cpuList(cpus[:half]))
	setDefault(knobs, loadCPUsKnob, cpuList(cpus[half:]))
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
