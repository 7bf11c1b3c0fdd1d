package evidence

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"c10klab/experiments"
	"c10klab/experiments/internal/fixture"
	"c10klab/experiments/verdict"
	"c10klab/internal/hdr"
	"c10klab/internal/need"
	"c10klab/internal/record"
	"c10klab/results"
)

// TestCommittedEvidenceHolds is `c10klab verify` on what is committed. No check that was once made
// of it (testdata/verify.txt) is left out, or comes to another end.
func TestCommittedEvidenceHolds(t *testing.T) {
	checks, err := Verify(VerifyConfig{Document: "../../EXPERIMENTS.md", Reference: "../../results/reference", Source: "../.."})
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]bool{}
	for _, c := range checks {
		made[fmt.Sprintf("%s: %s: %s", filepath.Base(c.Of), c.Check, c.Status)] = true
		if c.Status == CheckSkipped {
			need.Lacking(t, c.Check+": "+c.Detail)
		} else if c.Status == CheckFails {
			t.Errorf("%s: %s: %s", c.Of, c.Check, c.Detail)
		} else if c.Status != CheckHolds {
			t.Logf("%s: %s: %s: %s", c.Status, c.Of, c.Check, c.Detail)
		}
	}
	before, err := os.ReadFile("testdata/verify.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(before)) {
		if line = strings.TrimSpace(line); !made[line] {
			t.Errorf("no longer so: %s", line)
		}
	}
}

// repository is a working tree with one committed spec, a run of it, and the
// document made from that.
type repository struct {
	t   *testing.T
	dir string
}

func (r repository) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", r.dir, "-c", "user.name=test", "-c", "user.email=test@example.org"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r repository) path(name string) string { return filepath.Join(r.dir, filepath.FromSlash(name)) }

func (r repository) write(name, text string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.path(name)), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.path(name), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r repository) config() VerifyConfig {
	return VerifyConfig{Document: r.path("EXPERIMENTS.md"), Reference: r.path("results/reference"), Source: r.dir}
}

const evidenceSpec = "write-100mbs"

// newRepository commits the spec and stores a run from that revision, of some of its
// cells.
func newRepository(t *testing.T) repository {
	t.Helper()
	need.Program(t, "git", "git")
	r := repository{t, t.TempDir()}
	spec := committedSpec(t, evidenceSpec)
	r.git("init", "-q")
	r.git("commit", "-q", "--allow-empty", "-m", "before")
	r.write(spec.File, spec.Text)
	r.git("add", ".")
	r.git("commit", "-q", "-m", "with")
	source := results.Source{Revision: r.git("rev-parse", "HEAD"), Clean: true}
	run := fixture.Run(t, source, filepath.Join(t.TempDir(), "run"), spec.ID, spec.Text, fixture.WithControls(cellsOf(t, spec, true), 3), results.MinBlocks, heldUnlessPlanted)
	if err := errors.Join(run.Close(), run.Seal()); err != nil {
		t.Fatal(err)
	}
	adopted, _, err := Adopt(run, r.path("results/reference"), false, "")
	if err != nil {
		t.Fatal(err)
	}
	specs, err := experiments.Specs()
	if err == nil {
		_, err = EnterWordings(specs, r.path("results/reference"), time.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	r.git("add", "results/ledger")
	r.git("commit", "-q", "-m", "ledgers")
	r.seal(adopted)
	return r
}

// heldUnlessPlanted measures what write-100mbs and its controls predict.
func heldUnlessPlanted(c results.PlannedCell, _ int) (record.Outcome, float64, float64) {
	if len(c.Planted) > 0 {
		return record.Saturated, 0.1, 1e6
	}
	return record.Valid, 0.99, 1e6
}

// editLedger replaces a text in one of the ledgers.
func (r repository) editLedger(file, old, new string) {
	r.t.Helper()
	text, err := os.ReadFile(r.path("results/ledger/" + file))
	if err != nil || !bytes.Contains(text, []byte(old)) {
		r.t.Fatalf("%s has no %q (%v)", file, old, err)
	}
	r.write("results/ledger/"+file, strings.Replace(string(text), old, new, 1))
}

// seal writes the manifest of the run, and the document.
func (r repository) seal(run *results.Run) {
	r.t.Helper()
	err := run.Seal()
	if err == nil {
		_, err = UpdateDocuments(r.config().Document, r.config().Reference)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// edit replaces a text in a packed file, and makes the manifest say so.
func (r repository) edit(name, old, new string) {
	r.t.Helper()
	run, err := results.Open(r.path("results/reference/" + evidenceSpec))
	if err != nil {
		r.t.Fatal(err)
	}
	file, err := os.ReadFile(r.path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		r.t.Fatal(err)
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		r.t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = io.WriteString(w, strings.Replace(string(text), old, new, 1))
	if err := errors.Join(err, w.Close()); err != nil {
		r.t.Fatal(err)
	}
	r.write(name, packed.String())
	if err := run.Seal(); err != nil {
		r.t.Fatal(err)
	}
}

// copied is a copy whose run says that it was made from another source.
func (r repository) copied(t *testing.T, source func(before, with string) results.Source) repository {
	t.Helper()
	c := repository{t, t.TempDir()}
	if err := os.CopyFS(c.dir, os.DirFS(r.dir)); err != nil {
		t.Fatal(err)
	}
	if source == nil {
		return c
	}
	run, err := results.Open(c.path("results/reference/" + evidenceSpec))
	if err != nil {
		t.Fatal(err)
	}
	run.Info.Source = source(c.git("rev-parse", "HEAD~2"), c.git("rev-parse", "HEAD~1")) // before the ledgers
	text, err := json.Marshal(run.Info)
	if err != nil {
		t.Fatal(err)
	}
	c.write("results/reference/"+evidenceSpec+"/run.json", string(text))
	c.seal(run)
	return c
}

// commit adds a file to the history.
func (r repository) commit(name string) {
	r.t.Helper()
	r.write(name, "package x\n")
	r.git("add", name)
	r.git("commit", "-q", "-m", "later")
}

func changeCode(r repository) { r.commit("internal/poll/epoll.go") }

// A mark of age is neither made nor lost where there is no history to tell it by.
func TestMarksOfAgeOutliveTheHistory(t *testing.T) {
	r := newRepository(t)
	changeCode(r)
	update := func() string {
		if _, err := UpdateDocuments(r.config().Document, r.config().Reference); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(r.config().Document)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	marked := update()
	if !strings.Contains(marked, ", *older server, generator*") {
		t.Errorf("nothing is marked: %s", marked)
	}
	r.commit("README.md")
	if update() != marked {
		t.Error("a commit that changes no code changed the marks")
	}
	if err := os.RemoveAll(r.path(".git")); err != nil {
		t.Fatal(err)
	}
	if update() != marked {
		t.Error("the marks are gone with the history")
	}
	checks, err := Verify(r.config())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		if c.Status == CheckFails || c.Check == "code is that of the run" && c.Status != CheckSkipped {
			t.Errorf("%+v", c)
		}
	}
}

func TestVerifyNamesWhatDoesNotHold(t *testing.T) {
	var proper func(before, with string) results.Source // the one that it was made from
	trials := "results/reference/" + evidenceSpec + "/trials.jsonl.gz"
	cases := []struct {
		name   string
		source func(before, with string) results.Source
		damage func(r repository)
		check  string // that does not hold; empty: all do
		status CheckStatus
		detail string
	}{
		{"proper evidence", proper, func(repository) {}, "", "", ""},
		{"an edited trial", proper, func(r repository) { r.write(trials, "{}") }, "readable", CheckFails, trials},
		{"an edited trial's hash", proper, func(r repository) { r.write(trials, "{}") }, "readable", CheckFails, "its SHA-256 is 44136fa355b3678a"},
		{"too many files", proper, func(r repository) {
			for i := range results.MaxFilesOfRun {
				r.write(fmt.Sprintf("results/reference/%s/plots/%d.svg", evidenceSpec, i), "")
			}
		}, "number of files", CheckFails, "more than 15"},
		{"too much", proper, func(r repository) {
			r.write("results/reference/"+evidenceSpec+"/plots/large.svg", strings.Repeat(" ", results.MaxBytesARun))
		}, "size of all runs", CheckFails, "more than 1000000 for 1 runs"},
		{"an empty run", proper, func(r repository) {
			if err := os.RemoveAll(r.path("results/reference/" + evidenceSpec)); err != nil {
				r.t.Fatal(err)
			}
			if err := os.Mkdir(r.path("results/reference/"+evidenceSpec), 0o755); err != nil {
				r.t.Fatal(err)
			}
		}, "readable", CheckFails, "name a directory that has a run.json"},
		{"an edited value", proper, func(r repository) {
			r.edit(trials, `"max_ns":`, `"max_ns":1`)
		}, "values are those of the histograms", CheckFails, "are not those of its histogram in cells.hlog.gz"},
		{"an edited verdict", proper, func(r repository) {
			text, err := os.ReadFile(r.config().Document)
			if err != nil {
				r.t.Fatal(err)
			}
			r.write("EXPERIMENTS.md", strings.Replace(string(text), "| baseline |", "| refuted |", 1))
		}, "verdicts and tables are those of the runs", CheckFails, "c10klab document writes it anew"},
		{"a prediction after the run", func(before, _ string) results.Source { return results.Source{Revision: before, Clean: true} },
			func(repository) {}, "prediction committed before the run", CheckFails, "was committed after the run's revision"},
		{"a revision of another history", func(string, string) results.Source {
			return results.Source{Revision: strings.Repeat("ab", 20), Clean: true}
		}, func(repository) {}, "prediction committed before the run", CheckFails, "is not in the history"},
		{"an unclean tree", func(_, with string) results.Source { return results.Source{Revision: with} },
			func(repository) {}, "spec, blocks and source admit it as evidence", CheckInadmissible, "uncommitted changes"},
		{"an unknown revision", func(string, string) results.Source { return results.Source{Revision: results.UnknownRevision} },
			func(repository) {}, "spec, blocks and source admit it as evidence", CheckInadmissible, "the revision is unknown"},
		{"no history", proper, func(r repository) {
			if err := os.RemoveAll(r.path(".git")); err != nil {
				r.t.Fatal(err)
			}
		}, "prediction committed before the run", CheckSkipped, "no git history"},
		{"older code", proper, changeCode, "code is that of the run", CheckOlder, "; changed since: server, generator"},
		{"older code that the contents do not mark", proper, changeCode, "verdicts and tables are those of the runs", CheckFails, "*older server, generator*"},
		{"only a test is newer", proper, func(r repository) { r.commit("storage/log_test.go") }, "", "", ""},
		{"a run that is not in the ledger", proper, func(r repository) { r.write("results/ledger/"+occasionsFile, "") },
			"run and verdicts are in the ledger", CheckFails, "is not entered"},
		{"a verdict that the ledger has otherwise", proper, func(r repository) { r.editLedger(occasionsFile, `"n":8`, `"n":9`) },
			"run and verdicts are in the ledger", CheckFails, "entered as"},
		{"a ledger that was edited", proper, func(r repository) { r.editLedger(occasionsFile, `"processor":"`, `"processor":"x`) },
			"lines were only ever added", CheckFails, "in the working tree"},
		{"a ledger that was edited and committed", proper, func(r repository) {
			r.editLedger(predictionsFile, `"claim":"N15"`, `"claim":"N1"`)
			r.git("commit", "-q", "-a", "-m", "hidden")
		}, "lines were only ever added", CheckFails, "changed or removed lines"},
		{"a wording that is not entered", proper, func(r repository) { r.write("results/ledger/"+predictionsFile, "") },
			"every wording of a prediction is entered", CheckFails, "c10klab document enters them"},
		{"a garbled ledger", proper, func(r repository) { r.write("results/ledger/"+predictionsFile, "{\n") }, "readable", CheckFails, predictionsFile + ":1"},
		{"a run of no spec", proper, func(r repository) { r.write("results/reference/unheard-of/run.json", "{}") },
			"belongs to a spec", CheckFails, `"unheard-of"`},
	}
	original := newRepository(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := original.copied(t, c.source)
			c.damage(r)
			checks, err := Verify(r.config())
			if err != nil {
				t.Fatal(err)
			}
			for _, got := range checks {
				if got.Status != CheckHolds && c.check == "" {
					t.Errorf("%+v", got)
				}
			}
			hit := slices.ContainsFunc(checks, func(got EvidenceCheck) bool {
				return got.Check == c.check && got.Status == c.status && strings.Contains(got.Detail, c.detail)
			})
			if c.check != "" && !hit {
				t.Errorf("%q is not %s with %q: %+v", c.check, c.status, c.detail, checks)
			}
		})
	}
}

func TestInadmissibleEvidenceDecidesNothing(t *testing.T) {
	r := newRepository(t).copied(t, func(_, with string) results.Source { return results.Source{Revision: with} })
	text, err := os.ReadFile(r.config().Document)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(r.path("results/reference/" + evidenceSpec + "/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, page...)
	for _, part := range []string{"open (not admissible as evidence: the tree had uncommitted changes) |"} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the document lacks %q", part)
		}
	}
	for _, verdict := range []string{"| reproduced | 0", "| reproduced | 1", "| 8 | reproduced |", "| baseline |", "| conforms | [write-100mbs]"} {
		if strings.Contains(string(text), verdict) {
			t.Errorf("the run decides a claim: %q", verdict)
		}
	}
}

func TestAdoptedRunsKeepWhatEvidenceNeeds(t *testing.T) {
	text := strings.Replace(fixture.SmallSpec, `id = "small"`, `id = "write-100mbs"`, 1) + `
[[controls]]
kind = "positive"
cell = { model = "reactor", consumers = "none" }
planted = { rate = 1000 }
metric = "rate_held"
relation = "<="
threshold = 0.5
[[controls]]
kind = "negative"
`
	spec := parsed(t, text)
	run := fixture.Run(t, fixture.Source, filepath.Join(t.TempDir(), "run"), spec.ID, spec.Text, cellsOf(t, spec, true), 8, heldUnlessPlanted)
	reference := t.TempDir()
	if _, _, err := Adopt(run, reference, false, ""); !errors.Is(err, results.ErrNoManifest) {
		t.Errorf("an interrupted run is adopted: %v", err)
	}
	if err := run.Seal(); err != nil {
		t.Fatal(err)
	}
	adopted, reasons, err := Adopt(run, reference, false, "")
	if err != nil || len(reasons) != 3 || !strings.Contains(reasons[2], "is no longer the spec's: batch-bytes") {
		t.Fatalf("%v, %v", reasons, err)
	}
	if err := adopted.CheckManifest(); err != nil {
		t.Error(err)
	}
	findings, err := verdict.Judge(spec, adopted)
	if err != nil || findings[0].Verdict() != results.Reproduced {
		t.Errorf("%+v, %v", findings, err)
	}
	if _, _, err := Adopt(run, reference, false, ""); err == nil {
		t.Error("evidence was replaced unasked")
	}
	page := filepath.Join(adopted.Dir, pageFile)
	if err := os.WriteFile(page, []byte("By hand."), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Adopt(run, reference, true, ""); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(page); err != nil || string(text) != "By hand." {
		t.Errorf("the page reads %q after the run was replaced, %v", text, err)
	}
	if entries, err := os.ReadDir(reference); err != nil || len(entries) != 1 {
		t.Errorf("%v are left, %v", entries, err)
	}
}

// A run without a planted effect, or without a repeated cell for each prediction, is none,
// though the spec names controls: those may have been left out.
func TestRunsWithoutControlsAreNoEvidence(t *testing.T) {
	controlled := committedSpec(t, evidenceSpec)
	plain := parsed(t, strings.Replace(fixture.SmallSpec, `id = "small"`, `id = "write-100mbs"`, 1))
	reasoned := parsed(t, strings.Replace(plain.Text, "seed = 7", "seed = 7\nno-control = \"there is nothing to plant\"", 1))
	for want, of := range map[string]struct {
		spec  *experiments.Spec
		cells []results.PlannedCell
	}{
		"no positive control: no effect was planted":      {controlled, cellsOf(t, controlled, true)[:3]},
		"no positive control":                             {plain, cellsOf(t, plain, true)},
		"no negative control: no cell was measured twice": {reasoned, cellsOf(t, reasoned, false)},
	} {
		run := fixture.Run(t, fixture.Source, filepath.Join(t.TempDir(), "run"), of.spec.ID, of.spec.Text, of.cells, 1,
			func(results.PlannedCell, int) (record.Outcome, float64, float64) { return record.Valid, 0.99, 1e6 })
		if err := errors.Join(run.Close(), run.Seal()); err != nil {
			t.Fatal(err)
		}
		reference := t.TempDir()
		if _, _, err := Adopt(run, reference, false, ""); err == nil || !strings.Contains(err.Error(), "is no evidence: "+want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if left, err := os.ReadDir(reference); err != nil || len(left) > 0 {
			t.Errorf("%v is left, %v", left, err)
		}
	}
}

func TestEvidenceKeepsWhatPredictionsUseAndTheSpecLists(t *testing.T) {
	text := strings.Replace(fixture.SmallSpec, `seed = 7`, "seed = 7\nevidence = [\"Total\", \"LocalTime/Fetch\"]", 1)
	spec := parsed(t, text+`
[[predictions]]
claim = "`+parsed(t, fixture.SmallSpec).Claims[0]+`"
part = "rate held"
metric = "BackPressure/Fetch p99"
each = true
relation = "<="
threshold = 1
`)
	kept := KeptOf(spec)
	wanted := func(key hdr.Key) bool { return kept.Trials(key) || kept.Cells(key) }
	for key, want := range map[hdr.Key]bool{
		{Stage: "BackPressure", API: "Fetch"}: true, // of a prediction
		{Stage: "Total", API: "Produce"}:      true, // listed
		{Stage: "LocalTime", API: "Fetch"}:    true,
		{Stage: "LocalTime", API: "Produce"}:  false,
		{Stage: "Receive", API: "Produce"}:    false,
		{Stage: "Total", API: "Echo"}:         true,
		{Stage: "LoopLag", API: "loops"}:      false, // in no table
	} {
		if got := wanted(key); got != want {
			t.Errorf("%v is kept: %v, want %v", key, got, want)
		}
	}
}

func parsed(t *testing.T, text string) *experiments.Spec {
	t.Helper()
	spec, err := experiments.Parse("small.toml", text)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func cellsOf(t *testing.T, spec *experiments.Spec, full bool) []results.PlannedCell {
	t.Helper()
	plan, err := experiments.NewPlan(experiments.PlanConfig{Specs: []*experiments.Spec{spec}, Full: full,
		Tables: experiments.KnobTables{Server: fixture.ServerKnobs(), Load: fixture.LoadKnobs(), Disk: fixture.DiskKnobs()}})
	if err != nil {
		t.Fatal(err)
	}
	return plan.Experiments[0].Cells
}

// simulated stores a run of the spec with made-up measurements.
func simulated(t *testing.T, dir string, spec *experiments.Spec, blocks int, measure fixture.OutcomeAt) *results.Run {
	t.Helper()
	return fixture.Run(t, fixture.Source, dir, spec.ID, spec.Text, cellsOf(t, spec, false), blocks, measure)
}
