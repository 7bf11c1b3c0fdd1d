// Package experiments reads specs and plans what they declare. One TOML file in specs/ is
// one experiment: fixed knobs, axes whose product is the cells, and predictions.
package experiments

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"c10klab/internal/knob"
	"c10klab/internal/measure"
	"c10klab/results"
)

// Spec is one experiment.
type Spec struct {
	ID          string
	Title       string
	Claims      []string // ids of the claims register that it decides; alone its own id: those of its predictions
	Question    string
	Method      string
	Predictions []Prediction
	Controls    []Control
	NoControl   string            `toml:"no-control"` // why there is no positive control
	Fixed       map[string]string // knobs of every cell
	Axes        []Axis            // in the order of the file
	Exclude     []map[string]string
	Quick, Full Variant
	Seed        uint64
	Needs       []string
	// Evidence lists the spans that stored evidence keeps beside those of predictions, of
	// all that tables and figures show, as SPAN, or as SPAN/API for one of its APIs;
	// empty: all.
	Evidence []string

	File string `toml:"-"` // where it was read from, for errors
	Text string `toml:"-"` // the whole file
}

// Axis is a knob and its levels.
type Axis struct {
	Knob   string
	Levels []string
}

// Variant is what the quick or the full run changes: a positive number of
// blocks, knobs that replace fixed ones, and levels that replace an axis's.
type Variant struct {
	Repeats int
	Fixed   map[string]string
	Axes    map[string][]string
}

// Prediction is one condition that decides a part of a claim: on the ratio of the metric
// in variant A to that in variant B, or its difference, within blocks, for every pair of
// cells that agree in all other knobs; if Each, on the metric itself in every cell that
// matches Where; with Along, on Kendall's rank correlation of the metric with the
// levels of that axis (−1 to 1), for all cells that match Where and agree in all
// other knobs.
type Prediction struct {
	Claim  string
	Part   string // of the claim; empty in a stored run of which the present spec has no such prediction
	Metric measure.Metric
	A, B   map[string]string
	// Difference: of A less B instead of the ratio; the threshold is in the metric's unit,
	// of durations ns.
	Difference bool
	Each       bool
	Along      string
	Where      map[string]string
	Relation   results.Relation
	Threshold  float64
	// Outcome, if set, is what each cell's outcome must be too.
	Outcome string
	// RefutedBy says in the author's words what would refute it.
	RefutedBy string `toml:"refuted-by"`
}

// Same reports whether two predictions demand the same, whatever part they are of and
// whatever their authors say would refute them.
func (p Prediction) Same(q Prediction) bool {
	return p.Claim == q.Claim && p.String() == q.String()
}

// Decides names the claim and, where it has several, the part.
func (p Prediction) Decides() string {
	if c, known := FindClaim(p.Claim); p.Part == "" || known && len(c.Parts) == 1 {
		return p.Claim
	}
	return p.Claim + ": " + p.Part
}

func (p Prediction) String() string {
	condition := p.Condition()
	var text string
	switch {
	case p.Each:
		text = fmt.Sprintf("%s %s in each cell", p.Metric, condition)
	case p.Along != "":
		text = fmt.Sprintf("rank correlation of %s with %s %s", p.Metric, p.Along, condition)
	default:
		return fmt.Sprintf("%s of (%s) %s (%s) %s", p.Metric, Settings(p.A), p.Operator(), Settings(p.B), condition)
	}
	if len(p.Where) > 0 {
		text += " with " + Settings(p.Where)
	}
	if p.Outcome != "" {
		text += ", outcome " + p.Outcome
	}
	return text
}

// Operator stands between the two variants.
func (p Prediction) Operator() string {
	if p.Difference {
		return "−"
	}
	return "÷"
}

// Condition is the relation and the threshold.
func (p Prediction) Condition() string { return string(p.Relation) + " " + p.limit() }

func (p Prediction) limit() string {
	if p.Difference && p.Metric.IsDuration() {
		return time.Duration(p.Threshold).String()
	}
	return fmt.Sprintf("%g", p.Threshold)
}

// Refutation says what would refute the prediction: the author's words, or the
// rule that decides every prediction.
func (p Prediction) Refutation() string {
	if p.RefutedBy != "" {
		return p.RefutedBy
	}
	beyond := map[results.Relation]string{">=": "below", "<=": "above", "=": "on one side of"}[p.Relation]
	return fmt.Sprintf("an interval over blocks that lies wholly %s %s", beyond, p.limit())
}

//go:embed specs/*.toml
var embedded embed.FS

// Specs parses all embedded specs, ordered by id.
func Specs() ([]*Spec, error) {
	files, err := fs.Glob(embedded, "specs/*.toml")
	if err != nil {
		return nil, fmt.Errorf("list specs: %w", err)
	}
	var specs []*Spec
	for _, file := range files {
		text, err := embedded.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read spec: %w", err)
		}
		spec, err := Parse(path.Join("experiments", file), string(text))
		if err != nil {
			return nil, err
		}
		if _, registered := FindClaim(spec.Claims[0]); !registered {
			return nil, spec.errorAt(toml.Key{"id"}, "claims are missing: what is stored as evidence decides a claim of the register")
		}
		specs = append(specs, spec)
	}
	slices.SortFunc(specs, func(a, b *Spec) int { return strings.Compare(a.ID, b.ID) })
	return specs, nil
}

// Select finds the specs that names ask for, each the id of a spec or of a claim;
// each spec once.
func Select(specs []*Spec, names []string) ([]*Spec, error) {
	var selected []*Spec
	var known []string
	for _, s := range specs {
		known = append(append(known, s.ID), s.Claims...)
	}
	for _, name := range names {
		found := false
		for _, s := range specs {
			if s.ID != name && !slices.Contains(s.Claims, name) {
				continue
			}
			found = true
			if !slices.Contains(selected, s) {
				selected = append(selected, s)
			}
		}
		if found {
			continue
		}
		if how := decidedWithoutARun(name); how != "" {
			return nil, fmt.Errorf("%s has no experiment to run: %s", name, how)
		}
		return nil, fmt.Errorf("no experiment or claim with an experiment is named %q%s", name, knob.DidYouMean(name, known))
	}
	return selected, nil
}
