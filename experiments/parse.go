package experiments

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"c10klab/internal/knob"
	"c10klab/internal/measure"
	"c10klab/internal/record"
	"c10klab/results"
)

// scalar is a knob's value in TOML of any scalar type, kept as text.
type scalar string

func (s *scalar) UnmarshalTOML(value any) error {
	switch value.(type) {
	case string, int64, float64, bool:
		*s = scalar(fmt.Sprint(value))
		return nil
	}
	return fmt.Errorf("%v is not a string, number or truth value", value)
}

// levels are an axis's, as a list of scalars, or one alone.
type levels []string

func (l *levels) UnmarshalTOML(value any) error {
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	}
	for _, item := range list {
		var s scalar
		if err := s.UnmarshalTOML(item); err != nil {
			return err
		}
		*l = append(*l, string(s))
	}
	return nil
}

type scalars map[string]scalar

func (s *scalars) UnmarshalTOML(value any) error {
	*s = scalars{}
	return eachOf(value, func(name string, item any) error {
		var one scalar
		err := one.UnmarshalTOML(item)
		(*s)[name] = one
		return err
	})
}

// eachOf goes through a table. (The library takes anything else for an empty one.)
func eachOf(value any, take func(name string, item any) error) error {
	table, isTable := value.(map[string]any)
	if !isTable {
		return fmt.Errorf("%v is no table", value)
	}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if err := take(name, table[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// axesFile has the levels of each axis.
type axesFile map[string]levels

func (a *axesFile) UnmarshalTOML(value any) error {
	*a = axesFile{}
	return eachOf(value, func(name string, item any) error {
		var one levels
		err := one.UnmarshalTOML(item)
		(*a)[name] = one
		return err
	})
}

func (s scalars) text() map[string]string {
	text := make(map[string]string, len(s))
	for name, value := range s {
		text[name] = string(value)
	}
	return text
}

// specFile is a spec as TOML has it; a key that it lacks is an error.
type specFile struct {
	Spec
	Fixed       scalars
	Axes        axesFile
	Servers     []scalars
	Exclude     []scalars
	Quick, Full variantFile
	Predictions []predictionFile
	Controls    []controlFile
}

type variantFile struct {
	Repeats int
	Fixed   scalars
	Axes    axesFile
}

type predictionFile struct {
	Prediction
	Metric      string
	A, B, Where scalars
	Threshold   *float64
}

// Parse reads a spec strictly: an unknown key is an error. Errors begin with
// FILE:LINE where the line is known. Knobs are checked when a plan is made.
func Parse(file, text string) (*Spec, error) {
	s, err := parse(file, text)
	if err != nil {
		return nil, err
	}
	for i := range s.Predictions {
		claim, registered := FindClaim(s.Predictions[i].Claim)
		var part Part
		if registered {
			part, err = claim.part(s.Predictions[i].Part)
		} else {
			part.Name = s.Predictions[i].Part
		}
		if err != nil {
			return nil, s.errorAtTable("predictions", i, "prediction %d: %w", i+1, err)
		}
		if s.Predictions[i].Metric.IsMax() && part.Kind != Retired {
			return nil, s.errorAtTable("predictions", i, "prediction %d: %s: a maximum decides nothing, since one event makes it; predict the time above a bound, such as %s",
				i+1, s.Predictions[i].Metric, strings.TrimSuffix(s.Predictions[i].Metric.String(), "max")+"above 50ms")
		}
		s.Predictions[i].Part = part.Name
	}
	return s, nil
}

// ParseStored reads the spec of a stored run. Where the present spec of the same id makes
// the same prediction, its part counts, since runs are older than parts; a prediction
// that no spec makes any more is of the part that it names, if any.
func ParseStored(stored results.Spec) (*Spec, error) {
	s, err := parse("spec "+stored.ID+" of the run", stored.Text)
	if err != nil {
		return nil, err
	}
	specs, err := Specs()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(specs, func(now *Spec) bool { return now.ID == s.ID })
	if i < 0 {
		return s, nil
	}
	for k, p := range s.Predictions {
		if now, there := specs[i].prediction(p); there {
			s.Predictions[k].Part = now.Part
		}
	}
	return s, nil
}

// parse reads a spec without asking which part of a claim a prediction is of.
func parse(file, text string) (*Spec, error) {
	var raw specFile
	meta, err := toml.Decode(text, &raw)
	if syntax := (toml.ParseError{}); errors.As(err, &syntax) {
		return nil, fmt.Errorf("%s:%d: %s", file, syntax.Position.Line, syntax.Message)
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	s := &raw.Spec
	s.File, s.Text = file, text
	s.Fixed, s.Quick, s.Full = raw.Fixed.text(), raw.Quick.variant(), raw.Full.variant()
	for _, key := range meta.Keys() {
		if err := checkKey(key); err != nil {
			return nil, s.errorAt(key, "%w", err)
		}
	}
	if err := s.addServers(raw.Servers); err != nil {
		return nil, err
	}
	for _, key := range meta.Keys() {
		if len(key) == 2 && key[0] == "axes" {
			s.Axes = append(s.Axes, Axis{Knob: key[1], Levels: raw.Axes[key[1]]})
		}
	}
	for _, exclusion := range raw.Exclude {
		s.Exclude = append(s.Exclude, exclusion.text())
	}
	if err := s.checkClaims(); err != nil {
		return nil, err
	}
	s.fillVariants()
	for i, p := range raw.Predictions {
		prediction, err := p.prediction(s.Claims)
		if err != nil {
			return nil, s.errorAtTable("predictions", i, "prediction %d: %w", i+1, err)
		}
		s.Predictions = append(s.Predictions, prediction)
	}
	for i, c := range raw.Controls {
		control, err := c.control()
		if err != nil {
			return nil, s.errorAtTable("controls", i, "control %d: %w", i+1, err)
		}
		s.Controls = append(s.Controls, control)
	}
	return s, s.complete()
}

func (v variantFile) variant() Variant {
	axes := make(map[string][]string, len(v.Axes))
	for name, values := range v.Axes {
		axes[name] = values
	}
	return Variant{Repeats: v.Repeats, Fixed: v.Fixed.text(), Axes: axes}
}

func (p predictionFile) prediction(claims []string) (Prediction, error) {
	if p.Claim == "" && len(claims) == 1 {
		p.Claim = claims[0]
	}
	metric, err := measure.ParseMetric(p.Metric)
	if err == nil {
		err = p.check(claims)
	}
	if err != nil {
		return Prediction{}, err
	}
	made := p.Prediction
	made.Metric, made.Threshold = metric, *p.Threshold
	made.A, made.B, made.Where = p.A.text(), p.B.text(), p.Where.text()
	return made, nil
}

func (p predictionFile) check(claims []string) error {
	if !slices.Contains(claims, p.Claim) {
		return fmt.Errorf("claim %q is not among the experiment's claims%s", p.Claim, knob.DidYouMean(p.Claim, claims))
	}
	if err := p.checkKind(); err != nil {
		return err
	}
	if p.Outcome != "" && p.Outcome != string(record.Valid) && p.Outcome != string(record.Saturated) {
		return fmt.Errorf("outcome %q is neither %s nor %s", p.Outcome, record.Valid, record.Saturated)
	}
	return checkCondition(p.Relation, p.Threshold)
}

func checkCondition(relation results.Relation, threshold *float64) error {
	switch {
	case !slices.Contains(results.Relations, relation):
		return fmt.Errorf("relation %q is none of %v", relation, results.Relations)
	case threshold == nil:
		return errors.New("a threshold is missing")
	case math.IsNaN(*threshold) || math.IsInf(*threshold, 0):
		return fmt.Errorf("threshold %v is no number to compare with", *threshold)
	}
	return nil
}

func (p predictionFile) checkKind() error {
	kinds := 0
	for _, kind := range []bool{len(p.A)+len(p.B) > 0, p.Each, p.Along != ""} {
		if kind {
			kinds++
		}
	}
	switch {
	case kinds != 1 || (len(p.A) > 0) != (len(p.B) > 0):
		return errors.New("either variants a and b to compare, or each = true, or along = an axis")
	case len(p.A) > 0 && len(p.Where) > 0:
		return errors.New("where goes with each = true or along")
	case p.Difference && len(p.A) == 0:
		return errors.New("difference goes with variants a and b")
	case p.Outcome != "" && !p.Each:
		return errors.New("outcome goes with each = true")
	case !slices.Equal(slices.Sorted(maps.Keys(p.A)), slices.Sorted(maps.Keys(p.B))):
		return errors.New("variants a and b must name the same knobs")
	case len(p.A) > 0 && maps.Equal(p.A, p.B):
		return errors.New("variants a and b are the same")
	}
	return nil
}

// complete checks what the spec says by itself, without knowing any knob.
func (s *Spec) complete() error {
	required := []struct {
		key   string
		there bool
	}{
		{"id", s.ID != ""}, {"title", s.Title != ""}, {"question", s.Question != ""},
		{"axes", len(s.Axes) > 0}, {"quick.repeats", s.Quick.Repeats > 0}, {"full.repeats", s.Full.Repeats > 0},
	}
	for _, r := range required {
		if !r.there {
			return s.errorAt(toml.Key(strings.Split(r.key, ".")), "%s is missing", r.key)
		}
	}
	if safe := fileNamePart(s.ID); safe != s.ID {
		return s.errorAt(toml.Key{"id"}, "id %q: only letters, digits, - and _ are allowed", s.ID)
	}
	for _, entry := range s.Evidence {
		span, _, _ := strings.Cut(entry, "/")
		shown := measure.Spans(func(s *measure.Span) bool { return s.In != 0 })
		if names := measure.NamesOf(shown); !slices.Contains(names, span) {
			return s.errorAt(toml.Key{"evidence"}, "no table or figure shows a span %q%s", span, knob.DidYouMean(span, names))
		}
	}
	return s.checkNeeds()
}

// fillVariants makes what a spec leaves out: quick measures each cell once, and full is the
// quick one with the blocks that a verdict takes and some to spare.
func (s *Spec) fillVariants() {
	if lineOf(s.Text, toml.Key{"quick"}, 0) == 0 && s.Quick.Repeats == 0 {
		s.Quick.Repeats = 1
	}
	if s.Full.Repeats == 0 && len(s.Full.Fixed)+len(s.Full.Axes) == 0 && lineOf(s.Text, toml.Key{"full"}, 0) == 0 {
		s.Full = s.Quick
		s.Full.Repeats = blocksOfFull
	}
}

const blocksOfFull = 8

// checkClaims asks that the register has the claims; a spec that names none has one of its own, whose
// id is the spec's.
func (s *Spec) checkClaims() error {
	if len(s.Claims) == 0 {
		s.Claims = []string{s.ID}
		return nil
	}
	claims, err := Claims()
	if err != nil {
		return err
	}
	var known []string
	for _, c := range claims {
		known = append(known, c.ID)
	}
	for _, id := range s.Claims {
		if !slices.Contains(known, id) {
			return s.errorAt(toml.Key{"claims"}, "no claim is named %q%s; without claims an experiment decides its own predictions", id, knob.DidYouMean(id, known))
		}
	}
	return nil
}

// errorAt makes an error that begins with FILE:LINE of a key, or with FILE alone
// when the key is not written in a line of its own.
func (s *Spec) errorAt(key toml.Key, format string, args ...any) error {
	return s.errorOnLine(lineOf(s.Text, key, 0), format, args...)
}

// errorAtTable makes an error that begins with FILE:LINE of the header of the n-th
// table, from 0, of an array of tables.
func (s *Spec) errorAtTable(table string, n int, format string, args ...any) error {
	key := toml.Key{table}
	return s.errorOnLine(cmp.Or(lineOf(s.Text, key, n), lineOf(s.Text, key, 0)), format, args...)
}

func (s *Spec) errorOnLine(line int, format string, args ...any) error {
	place := s.File
	if line > 0 {
		place = fmt.Sprintf("%s:%d", s.File, line)
	}
	return fmt.Errorf("%s: %w", place, fmt.Errorf(format, args...))
}

// lineOf finds the line, from 1, on which a key or the header of a table is
// written for the n-th time, from 0; 0 if none is.
func lineOf(text string, key toml.Key, n int) int {
	var table []string
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		name, _, found := strings.Cut(line, "=")
		written := slices.Concat(table, keyParts(name))
		if strings.HasPrefix(line, "[") {
			header, _, _ := strings.Cut(strings.TrimLeft(line, "["), "]")
			table, written, found = keyParts(header), keyParts(header), true
		}
		if found && slices.Equal(written, key) {
			if n == 0 {
				return i + 1
			}
			n--
		}
	}
	return 0
}

func keyParts(dotted string) []string {
	parts := strings.Split(strings.TrimSpace(dotted), ".")
	for i, part := range parts {
		parts[i] = strings.Trim(strings.TrimSpace(part), `"'`)
	}
	return parts
}
