package experiments

import (
	"fmt"
	"maps"

	"slices"

	"github.com/BurntSushi/toml"

	"c10klab/internal/knob"
	"c10klab/internal/osthread"
)

// needs are the capabilities of a machine that a spec may ask for; the function
// says what is missing.
var needs = map[string]func() error{
	"two-cpus": func() error {
		cpus, err := osthread.ProcessCPUs()
		if err == nil && len(cpus) < 2 {
			err = fmt.Errorf("server and load generator need a CPU each, this process may use %d", len(cpus))
		}
		return err
	},
}

func (s *Spec) checkNeeds() error {
	for _, need := range s.Needs {
		if needs[need] == nil {
			known := slices.Sorted(maps.Keys(needs))
			return s.errorAt(toml.Key{"needs"}, "nothing known is called %q%s", need, knob.DidYouMean(need, known))
		}
	}
	return nil
}

// Missing says which need of the spec this machine does not meet.
func (s *Spec) Missing() error {
	for _, need := range s.Needs {
		if err := needs[need](); err != nil {
			return fmt.Errorf("experiment %s needs %s: %w", s.ID, need, err)
		}
	}
	return nil
}
