package evidence

import (
	"fmt"
	"os/exec"
	"strings"

	"c10klab/experiments"
	"c10klab/results"
)

// history asks git which came first, a prediction or its run.
type history struct {
	dir     string
	missing string // why it cannot be asked; empty: it can
}

func openHistory(dir string) history {
	h := history{dir: dir}
	shallow, err := h.git("rev-parse", "--is-shallow-repository")
	switch {
	case err != nil:
		h.missing = "no git history here"
	case shallow == "true":
		h.missing = "the git history here is cut off (a shallow clone)"
	}
	return h
}

func (h history) git(args ...string) (string, error) {
	out, err := exec.Command("git", append([]string{"-C", h.dir}, args...)...).Output()
	return strings.TrimSpace(string(out)), err
}

// verifyPrediction checks that the spec was in the revision that the run was made from,
// as the run has it.
func (h history) verifyPrediction(run *results.Run, spec *experiments.Spec) EvidenceCheck {
	c := EvidenceCheck{spec.ID, "prediction committed before the run", CheckSkipped, h.missing}
	revision := run.Info.Source.Revision
	switch {
	case h.missing != "":
		return c
	case revision == "" || revision == results.UnknownRevision:
		c.Status, c.Detail = CheckInadmissible, "the revision is unknown"
		return c
	}
	return outcomeOf(c.Of, c.Check, h.heldSpec(run, spec, revision))
}

func (h history) heldSpec(run *results.Run, spec *experiments.Spec, revision string) error {
	if _, err := h.git("merge-base", "--is-ancestor", revision, "HEAD"); err != nil {
		return fmt.Errorf("the run's revision %s is not in the history", revision)
	}
	text, err := exec.Command("git", "-C", h.dir, "show", revision+":"+spec.File).Output()
	if err != nil {
		return fmt.Errorf("%s was committed after the run's revision %s, which has no such file", spec.File, revision)
	}
	for _, stored := range run.Info.Specs {
		if stored.ID == spec.ID && stored.Text != string(text) {
			return fmt.Errorf("the run was not made by %s as it is at the run's revision %s", spec.File, revision)
		}
	}
	return nil
}
