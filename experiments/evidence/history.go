package evidence

import (
	"crypto/sha256"
	"encoding/hex"
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

// verifyPrediction checks that the commit which brought the spec's present text is
// an ancestor of the revision that the run was made from, or is that revision.
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
	introduced, err := h.introduced(spec)
	if err == nil {
		err = h.precedes(introduced, revision)
	}
	return outcomeOf(c.Of, c.Check, err)
}

// introduced is the last commit that changed the file of a spec, which must have
// left it as it is.
func (h history) introduced(spec *experiments.Spec) (string, error) {
	path := ":/" + spec.File
	commit, err := h.git("log", "-1", "--format=%H", "--", path)
	if err != nil || commit == "" {
		return "", fmt.Errorf("%s is not committed", spec.File)
	}
	text, err := exec.Command("git", "-C", h.dir, "show", commit+":"+spec.File).Output()
	if err != nil {
		return "", fmt.Errorf("read %s at %s: %w", spec.File, commit, err)
	}
	sum := sha256.Sum256(text)
	if hex.EncodeToString(sum[:]) != results.NewSpec(spec.ID, spec.Text, 0).SHA256 {
		return "", fmt.Errorf("%s differs from what is committed", spec.File)
	}
	return commit, nil
}

func (h history) precedes(commit, revision string) error {
	if _, err := h.git("cat-file", "-e", revision+"^{commit}"); err != nil {
		return fmt.Errorf("the run's revision %s is not in the history", revision)
	}
	if _, err := h.git("merge-base", "--is-ancestor", commit, revision); err != nil {
		return fmt.Errorf("commit %s brought the prediction, and is no ancestor of the run's revision %s", commit, revision)
	}
	return nil
}
