package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/results"
)

// The ledgers lie beside the reference runs. Each line is a JSON document, and lines are
// only ever added: verify holds every version in the history to be the beginning of the next.
const (
	ledgerDir       = "ledger"
	occasionsFile   = "occasions.jsonl"
	predictionsFile = "predictions.jsonl"
)

func ledgerPath(referenceDir, file string) string {
	return filepath.Join(filepath.Dir(referenceDir), ledgerDir, file)
}

// Occasion is a run that was made for evidence, whatever came of it. It outlives the stored
// run, which a later one replaces.
type Occasion struct {
	Spec         string    `json:"spec"`
	Started      time.Time `json:"started"`
	Revision     string    `json:"revision"`
	Clean        bool      `json:"clean"` // no uncommitted changes
	BinarySHA256 string    `json:"binary_sha256"`
	Processor    string    `json:"processor"`
	Cores        int       `json:"cores"`
	Kernel       string    `json:"kernel"`
	Blocks       int       `json:"blocks"`
	Note         string    `json:"note,omitempty"`
	Found        []Found   `json:"found"`
}

// Found is one comparison of an occasion. Those of runs that were replaced before there was
// a ledger are known to three places, as the documents of their time show them.
type Found struct {
	Claim      string          `json:"claim"`
	Part       string          `json:"part"`
	Prediction string          `json:"prediction"`
	Cells      string          `json:"cells"`
	N          int             `json:"n"`
	Median     float64         `json:"median"`
	Lo         float64         `json:"lo"`
	Hi         float64         `json:"hi"`
	Verdict    results.Verdict `json:"verdict"`
	// then is the verdict by the rules of the run's day, which an older line has.
	then results.Verdict
}

// Wording says when a prediction was stated or withdrawn, and which runs of its experiment
// had been seen by then.
type Wording struct {
	Date       time.Time   `json:"date"`
	Revision   string      `json:"revision,omitempty"` // of what was entered afterwards, from the history
	Spec       string      `json:"spec"`
	Claim      string      `json:"claim"`
	Part       string      `json:"part"`
	Prediction string      `json:"prediction"`
	Withdrawn  bool        `json:"withdrawn,omitempty"`
	Seen       []time.Time `json:"seen,omitempty"` // starts of runs
	Note       string      `json:"note,omitempty"`
}

// ledgers are both files as they were read.
type ledgers struct {
	occasions []Occasion
	wordings  []Wording
}

func readLedgers(referenceDir string) (l ledgers, err error) {
	if _, err := os.ReadDir(referenceDir); err != nil { // else a mistyped one would leave every claim open
		return l, fmt.Errorf("the directory of stored runs: %w", err)
	}
	if l.occasions, err = readLines[Occasion](ledgerPath(referenceDir, occasionsFile)); err == nil {
		l.wordings, err = readLines[Wording](ledgerPath(referenceDir, predictionsFile))
	}
	return l, err
}

// readLines reads a file of documents; one that is not there has none.
func readLines[T any](path string) ([]T, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	var all []T
	for line := range bytes.Lines(text) {
		var one T
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&one); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, len(all)+1, err)
		}
		all = append(all, one)
	}
	return all, nil
}

// addLines adds documents at the end of a ledger, none of which may lack its newline.
func addLines[T any](path string, documents ...T) error {
	if len(documents) == 0 {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read ledger: %w", err)
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		return fmt.Errorf("%s: the last line is cut off", path)
	}
	b := bytes.NewBuffer(text)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	for _, one := range documents {
		if err := e.Encode(one); err != nil {
			return fmt.Errorf("write ledger: %w", err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return results.WriteFile(path, b.Bytes())
}

// occasionOf is a run with what it says of each prediction by its own spec.
func occasionOf(run *results.Run, findings []verdict.Finding) Occasion {
	info := run.Info
	o := Occasion{
		Spec: info.Specs[0].ID, Started: info.Started, Revision: info.Source.Revision, Clean: info.Source.Clean, BinarySHA256: info.BinarySHA256,
		Processor: info.Host.CPUModel, Cores: info.Host.Cores, Kernel: info.Host.Kernel, Blocks: info.Specs[0].Repeats,
	}
	for _, f := range findings {
		for _, c := range f.Comparisons {
			o.Found = append(o.Found, Found{Claim: f.Prediction.Claim, Part: f.Prediction.Part, Prediction: f.Prediction.String(), Cells: c.Cells,
				N: c.Estimate.N, Median: c.Estimate.Median, Lo: c.Estimate.Lo, Hi: c.Estimate.Hi, Verdict: c.Verdict, then: c.Then})
		}
	}
	return o
}

// EnterOccasion adds a run to the ledger of occasions unless it is there already.
func EnterOccasion(run *results.Run, referenceDir, note string) error {
	judged, err := verdict.JudgeRun(run)
	if err != nil {
		return err
	}
	if len(judged) != 1 {
		return fmt.Errorf("%s holds %d experiments: evidence is one run for each", run.Dir, len(judged))
	}
	o := occasionOf(run, judged[0].Findings)
	o.Note = note
	path := ledgerPath(referenceDir, occasionsFile)
	entered, err := readLines[Occasion](path)
	if err != nil || slices.ContainsFunc(entered, o.same) {
		return err
	}
	return addLines(path, o)
}

func (o Occasion) same(other Occasion) bool {
	return o.Spec == other.Spec && o.Started.Equal(other.Started)
}

// EnterWordings adds what the specs predict anew and no longer to the ledger of predictions,
// and returns it.
func EnterWordings(specs []*experiments.Spec, referenceDir string, now time.Time) ([]Wording, error) {
	l, err := readLedgers(referenceDir)
	if err != nil {
		return nil, err
	}
	due := l.due(specs, now)
	return due, addLines(ledgerPath(referenceDir, predictionsFile), due...)
}

// due are the wordings that the ledger lacks, withdrawn ones first.
func (l ledgers) due(specs []*experiments.Spec, now time.Time) []Wording {
	stands := map[string]Wording{}
	var order []string
	for _, w := range l.wordings {
		if key := w.key(); w.Withdrawn {
			delete(stands, key)
		} else {
			stands[key] = w
			order = append(order, key)
		}
	}
	var stated []Wording
	for _, s := range specs {
		for _, p := range s.Predictions {
			w := Wording{Date: now, Spec: s.ID, Claim: p.Claim, Part: p.Part, Prediction: p.String(), Seen: l.runsOf(s.ID, now)}
			if _, known := stands[w.key()]; !known {
				stated = append(stated, w)
			}
			delete(stands, w.key())
		}
	}
	var due []Wording
	for _, key := range order {
		if w, left := stands[key]; left {
			w.Date, w.Revision, w.Withdrawn, w.Note, w.Seen = now, "", true, "", l.runsOf(w.Spec, now)
			due = append(due, w)
			delete(stands, key)
		}
	}
	return append(due, stated...)
}

func (w Wording) key() string {
	return strings.Join([]string{w.Spec, w.Claim, w.Part, w.Prediction}, "\x00")
}

// statedBefore reports whether a spec predicted something before an instant, whether or not
// it was withdrawn since.
func (l ledgers) statedBefore(spec string, p experiments.Prediction, at time.Time) bool {
	return slices.ContainsFunc(l.wordings, func(w Wording) bool {
		return w.Spec == spec && w.Claim == p.Claim && w.Prediction == p.String() && !w.Withdrawn && w.Date.Before(at)
	})
}

// runsOf are the starts of a spec's runs before an instant.
func (l ledgers) runsOf(spec string, before time.Time) (starts []time.Time) {
	for _, o := range l.occasions {
		if o.Spec == spec && o.Started.Before(before) {
			starts = append(starts, o.Started)
		}
	}
	return starts
}

// concerning are the occasions that say something of a part by predictions that a spec still
// makes, each with what it says of them. Runs of an unclean tree are not admissible.
func (l ledgers) concerning(claim, part string, specs []*experiments.Spec) (own []Occasion) {
	for _, o := range l.occasions {
		found := o.Found
		o.Found = nil
		for _, f := range found {
			if o.Clean && f.Claim == claim && f.Part == part && f.Verdict != results.Undecided && predicts(specs, o.Spec, f) {
				o.Found = append(o.Found, f)
			}
		}
		if len(o.Found) > 0 {
			own = append(own, o)
		}
	}
	return own
}

func predicts(specs []*experiments.Spec, id string, f Found) bool {
	return slices.ContainsFunc(specs, func(s *experiments.Spec) bool {
		return s.ID == id && slices.ContainsFunc(s.Predictions, func(p experiments.Prediction) bool {
			return p.Claim == f.Claim && p.Part == f.Part && p.String() == f.Prediction
		})
	})
}

// word is what an occasion alone says of the comparisons that it has.
func (o Occasion) word() results.Verdict {
	var verdicts []results.Verdict
	for _, f := range o.Found {
		verdicts = append(verdicts, f.Verdict)
	}
	return verdict.Together(verdicts)
}

// agree reports whether all occasions of each experiment say the same.
func agree(occasions []Occasion) bool {
	said := map[string]results.Verdict{}
	for _, o := range occasions {
		if word, other := said[o.Spec]; other && word != o.word() {
			return false
		}
		said[o.Spec] = o.word()
	}
	return true
}

// occasionsText says how many there are, and on how many kinds of machines.
func occasionsText(occasions []Occasion) string {
	var machines []string
	for _, o := range occasions {
		if m := fmt.Sprintf("%s, %d cores", o.Processor, o.Cores); !slices.Contains(machines, m) {
			machines = append(machines, m)
		}
	}
	switch {
	case len(occasions) == 0:
		return none
	case len(machines) == 1:
		return fmt.Sprint(len(occasions))
	}
	return fmt.Sprintf("%d on %d kinds of machine", len(occasions), len(machines))
}

// verifyLedgers checks that stored runs and present predictions are entered, and by git that
// nothing that was ever entered has been changed or removed.
func verifyLedgers(referenceDir string, specs []*experiments.Spec, all []evidence, history history) []EvidenceCheck {
	dir := filepath.Join(filepath.Dir(referenceDir), ledgerDir)
	l, err := readLedgers(referenceDir)
	if err != nil {
		return []EvidenceCheck{outcomeOf(dir, "readable", err)}
	}
	var checks []EvidenceCheck
	for _, e := range all {
		checks = append(checks, outcomeOf(e.spec.ID, "run and verdicts are in the ledger", l.holds(e.occasion)))
	}
	if due := l.due(specs, time.Now()); len(due) > 0 {
		err = fmt.Errorf("%d changes of predictions are not entered, the first of %s: %s; c10klab document enters them", len(due), due[0].Spec, due[0].Prediction)
	}
	checks = append(checks, outcomeOf(dir, "every wording of a prediction is entered", err))
	for _, file := range []string{occasionsFile, predictionsFile} {
		checks = append(checks, history.verifyAppended(ledgerPath(referenceDir, file)))
	}
	return checks
}

// holds reports why the ledger does not have a stored run with the verdicts that it has now.
func (l ledgers) holds(now Occasion) error {
	i := slices.IndexFunc(l.occasions, now.same)
	if i < 0 {
		return fmt.Errorf("the run of %s is not entered", now.Started.Format(time.RFC3339))
	}
	entered := l.occasions[i]
	for k, f := range now.Found {
		if k >= len(entered.Found) {
			return fmt.Errorf("%s is not entered", f.Prediction)
		}
		if was := entered.Found[k]; was.N != f.N || was.Median != f.Median || was.Lo != f.Lo || was.Hi != f.Hi || was.Verdict != f.Verdict && was.Verdict != f.then {
			return fmt.Errorf("%s (%s): entered as %v [%v, %v], %s; the run says %v [%v, %v], %s",
				f.Prediction, f.Cells, was.Median, was.Lo, was.Hi, was.Verdict, f.Median, f.Lo, f.Hi, f.Verdict)
		}
	}
	return nil
}

// verifyAppended checks that every version of a file in the history, and the present one
// after the last, begins with the one before.
func (h history) verifyAppended(path string) EvidenceCheck {
	c := EvidenceCheck{path, "lines were only ever added", CheckSkipped, h.missing}
	if h.missing != "" {
		return c
	}
	return outcomeOf(path, c.Check, h.appended(path))
}

func (h history) appended(path string) error {
	inside, err := filepath.Rel(h.dir, path)
	if err != nil {
		return err
	}
	inside = filepath.ToSlash(inside)
	revisions, err := h.git("log", "--reverse", "--format=%H", "--", inside)
	if err != nil {
		return fmt.Errorf("ask the history of %s: %w", inside, err)
	}
	var before []byte
	for _, revision := range strings.Fields(revisions) {
		text, err := h.show(revision, inside)
		if err != nil || !bytes.HasPrefix(text, before) {
			return fmt.Errorf("revision %.7s changed or removed lines", revision)
		}
		before = text
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.HasPrefix(now, before) {
		return errors.New("lines are changed or removed in the working tree")
	}
	return nil
}

// othersTable has what the other occasions of a run's experiment found; empty: there are none.
func (l ledgers) othersTable(run *results.Run) string {
	t := results.Table{Columns: results.TextColumns("run", "processor", "revision", "claim", "prediction", "cells", "median [interval]", "blocks", "verdict", "note")}
	t.Columns[7].Number = true
	for _, o := range l.occasions {
		if o.Spec != run.Info.Specs[0].ID || o.Started.Equal(run.Info.Started) {
			continue
		}
		revision := fmt.Sprintf("%.7s", o.Revision)
		if !o.Clean {
			revision += " (unclean: not admissible)"
		}
		for _, f := range o.Found {
			e := results.Estimate{N: f.N, Median: f.Median, Lo: f.Lo, Hi: f.Hi, Coverage: 1}
			t.Add("", o.Started.Format("2006-01-02 15:04"), o.Processor, revision, f.Claim+", "+f.Part, f.Prediction, f.Cells, e.String(), f.N, f.Verdict, o.Note)
		}
	}
	if len(t.Rows) == 0 {
		return ""
	}
	return t.Markdown()
}

// changes tells of the wordings that a spec's predictions had and how they came to change;
// the first statements of predictions that still stand are none.
func (l ledgers) changes(spec string) (lines []string) {
	first := time.Time{}
	for _, w := range l.wordings {
		if w.Spec != spec {
			continue
		}
		if first.IsZero() {
			first = w.Date
		}
		if w.Date.Equal(first) && w.Note == "" {
			continue
		}
		did := "stated"
		if w.Withdrawn {
			did = "withdrawn"
		}
		line := fmt.Sprintf("%s, %s %s: %s", w.Date.Format("2006-01-02 15:04"), w.Claim, did, w.Prediction)
		switch n := len(w.Seen); {
		case n == 1:
			line += fmt.Sprintf("; the run of %s had been seen", w.Seen[0].Format("2006-01-02 15:04"))
		case n > 1:
			line += fmt.Sprintf("; %d runs had been seen, the last of %s", n, w.Seen[n-1].Format("2006-01-02 15:04"))
		}
		if w.Note != "" {
			line += ". " + w.Note
		}
		lines = append(lines, line)
	}
	return lines
}
