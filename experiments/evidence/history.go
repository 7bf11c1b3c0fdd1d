package evidence

import (
	"errors"
	"fmt"
	"os/exec"
	"path"
	"regexp"
	"slices"
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

// show is a file as it was at a revision.
func (h history) show(revision, file string) ([]byte, error) {
	return exec.Command("git", "-C", h.dir, "show", revision+":./"+file).Output()
}

// verifyPrediction checks that the spec was in the revision that the run was made from,
// as the run has it.
func (h history) verifyPrediction(run *results.Run, spec *experiments.Spec) EvidenceCheck {
	var stored results.Spec
	for _, s := range run.Info.Specs {
		if s.ID == spec.ID {
			stored = s
		}
	}
	revision := run.Info.Source.Revision
	return h.verifyStated(spec.ID, revision, revision, spec.File, &stored)
}

// verifyRecord is verifyPrediction for a benchmark's record, which names the revision that
// brought its predictions in.
func (h history) verifyRecord(name string, made results.Provenance) EvidenceCheck {
	return h.verifyStated(name, made.Source.Revision, made.Stated, experiments.BenchmarksFile, made.Predictions)
}

// verifyStated checks that predictions were in a file at a revision, which is the one that
// something was made from or came before it.
func (h history) verifyStated(of, revision, stated, file string, predictions *results.Spec) EvidenceCheck {
	c := EvidenceCheck{of, "prediction committed before the run", CheckSkipped, h.missing}
	switch {
	case h.missing != "":
		return c
	case revision == "" || revision == results.UnknownRevision:
		c.Status, c.Detail = CheckInadmissible, "the revision is unknown"
		return c
	}
	return outcomeOf(c.Of, c.Check, h.held(revision, stated, file, predictions))
}

func (h history) held(revision, stated, file string, predictions *results.Spec) error {
	if _, err := h.git("merge-base", "--is-ancestor", revision, "HEAD"); err != nil {
		return fmt.Errorf("the run's revision %s is not in the history", revision)
	}
	if predictions == nil {
		return nil
	}
	if _, err := h.git("merge-base", "--is-ancestor", stated, revision); err != nil {
		return fmt.Errorf("%s was stated in %s, which does not come before the run's revision %s", file, stated, revision)
	}
	text, err := h.show(stated, file)
	if err != nil {
		return fmt.Errorf("%s was committed after the run's revision %s, which has no such file", file, stated)
	}
	if predictions.Text != string(text) {
		return fmt.Errorf("the run was not made by %s as it is at the run's revision %s", file, stated)
	}
	return nil
}

// codeOf is what a run was made with, by the paths of its code. What the server and the
// generator are both made of counts for both.
var codeOf = []struct {
	part  string
	paths []string
}{
	{"server", append([]string{"models/", "storage/", "internal/broker/", "internal/admin/", "internal/stage/", "internal/commitlog/", "internal/vfs/"}, bothSides...)},
	{"generator", append([]string{"loadgen/"}, bothSides...)},
	{"disk", []string{"internal/slowdisk/"}},
}

var bothSides = []string{"internal/kafka/", "internal/poll/", "internal/osthread/", "internal/batch/", "internal/hdr/", "internal/clock/"}

// age tells how many commits have come since the run's revision, and which parts of codeOf
// have changed since, in the working tree too.
func (h history) age(run *results.Run) (commits string, older []string, err error) {
	revision := run.Info.Source.Revision
	if h.missing != "" {
		return "", nil, errors.New(h.missing)
	}
	if commits, err = h.git("rev-list", "--count", revision+"..HEAD"); err != nil {
		return "", nil, fmt.Errorf("the run's revision is not in the history: %s", revision)
	}
	changed, err := h.git("diff", "--name-only", revision)
	if err != nil {
		return "", nil, fmt.Errorf("what changed since %s: %w", revision, err)
	}
	for _, code := range codeOf {
		if slices.ContainsFunc(strings.Split(changed, "\n"), func(file string) bool {
			return path.Ext(file) == ".go" && !strings.HasSuffix(file, "_test.go") &&
				slices.ContainsFunc(code.paths, func(dir string) bool { return strings.HasPrefix(file, dir) })
		}) {
			older = append(older, code.part)
		}
	}
	return commits, older, nil
}

// verifyAge tells a run's age; code that has changed since does not make it wrong.
func (h history) verifyAge(run *results.Run, of string) EvidenceCheck {
	c := EvidenceCheck{Of: of, Check: "code is that of the run", Status: CheckHolds}
	commits, older, err := h.age(run)
	if err != nil {
		c.Status, c.Detail = CheckSkipped, err.Error()
		return c
	}
	c.Detail = fmt.Sprintf("%s commits since %.7s of %s", commits, run.Info.Source.Revision, run.Info.Started.Format("2006-01-02"))
	if len(older) > 0 {
		c.Status = CheckOlder
		c.Detail += "; changed since: " + strings.Join(older, ", ")
	}
	return c
}

// mark is what the contents say of a run's age: its day, and which code is older than the
// working tree's. They do not count commits, for then each commit would make them stale.
func (h history) mark(run *results.Run) string {
	day := run.Info.Started.Format("2006-01-02")
	if _, older, err := h.age(run); err == nil && len(older) > 0 {
		return day + ", *older " + strings.Join(older, ", ") + "*"
	}
	return day
}

var ageMark = regexp.MustCompile(`, \*older [a-z, ]+\*`)

// sameButAge reports whether two texts differ in nothing but marks of age.
func sameButAge(a, b string) bool {
	return ageMark.ReplaceAllString(a, "") == ageMark.ReplaceAllString(b, "")
}
