package experiments

import (
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"c10klab/internal/knob"
)

// Claim is one row of the claims register: something that the source notes
// assert or ask, under an id that never changes. Experiments decide it by the specs
// that name it, unless tests or a benchmark do.
type Claim struct {
	ID       string `toml:"id"`
	Question string `toml:"question"`
	// NotClaimed ends a sentence that begins with "Not claimed:": what a verdict must not be taken for.
	NotClaimed string `toml:"not-claimed"`
	Parts      []Part `toml:"parts"` // at least one; each has a verdict
	Tests      []Test `toml:"tests"` // decide a claim about structure: it is reproduced while they pass
	// Measured is what benchmarks decide of a claim, each by its record.
	Measured []Measured `toml:"-"`
}

// Threat is what may make verdicts wrong, or keep them from holding elsewhere.
type Threat struct {
	Name    string
	Effect  string // and in which direction
	ShownBy string `toml:"shown-by"`
	Tried   string
	Claims  []string // "*" for all that a run decides
}

// Threatens reports whether a claim is among those it names.
func (t Threat) Threatens(claim string) bool {
	return slices.Contains(t.Claims, claim) || slices.Contains(t.Claims, "*")
}

// Part is what a claim is decided by, one condition apart from the others. Its name never
// changes its meaning: another way of deciding the same is another part.
type Part struct {
	Name  string
	Kind  PartKind
	Needs string // what it takes to decide a part that cannot be decided here, or the part that decides a retired one
}

// PartKind says which words the verdict of a part can be.
type PartKind string

const (
	Assertion       PartKind = "assertion"           // is reproduced or refuted
	ControlPart     PartKind = "control"             // is reproduced or refuted, and no effect: it comes last
	Question        PartKind = "question"            // is answered by a curve or a table
	Structure       PartKind = "structure"           // conforms as long as tests pass, or counts are what they should be
	Baseline        PartKind = "baseline"            // hardly can fail: others are held against it
	NotTransferable PartKind = "not transferable"    // has no counterpart here
	NotMeasurable   PartKind = "not measurable here" // needs what is not here
	Retired         PartKind = "retired"             // is decided otherwise now, by another part
)

var partKinds = []PartKind{Assertion, ControlPart, Question, Structure, Baseline, NotTransferable, NotMeasurable, Retired}

// Decidable reports whether a run can decide the part.
func (p Part) Decidable() bool {
	return p.Kind != NotTransferable && p.Kind != NotMeasurable && p.Kind != Retired
}

// UnmarshalTOML implements toml.Unmarshaler: a part is its name, or a table.
func (p *Part) UnmarshalTOML(value any) error {
	p.Kind = Assertion
	switch value := value.(type) {
	case string:
		p.Name = value
	case map[string]any:
		fields := map[string]*string{"name": &p.Name, "kind": (*string)(&p.Kind), "needs": &p.Needs}
		for key, text := range value {
			if fields[key] == nil {
				return fmt.Errorf("part %v: unknown key %q", value, key)
			}
			*fields[key], _ = text.(string)
		}
	}
	switch {
	case p.Name == "":
		return fmt.Errorf("part %v has no name", value)
	case !slices.Contains(partKinds, p.Kind):
		return fmt.Errorf("part %q: kind %q is none of %q", p.Name, p.Kind, partKinds)
	case p.Decidable() != (p.Needs == ""):
		return fmt.Errorf("part %q: what it needs goes with %q, %q and %q, and with nothing else", p.Name, NotTransferable, NotMeasurable, Retired)
	}
	return nil
}

// part finds the part that a prediction names; the only one if it names none.
func (c Claim) part(name string) (Part, error) {
	names := make([]string, len(c.Parts))
	for i, p := range c.Parts {
		names[i] = p.Name
		if p.Name == name || name == "" && len(c.Parts) == 1 {
			return p, nil
		}
	}
	if name == "" {
		return Part{}, fmt.Errorf("part is missing: claim %s has the parts %q", c.ID, names)
	}
	return Part{}, fmt.Errorf("claim %s has no part %q%s", c.ID, name, knob.DidYouMean(name, names))
}

func FindClaim(id string) (c Claim, known bool) {
	claims, err := Claims()
	i := slices.IndexFunc(claims, func(c Claim) bool { return c.ID == id })
	if err != nil || i < 0 {
		return Claim{}, false
	}
	return claims[i], true
}

// Concerned are the claims that a spec is about: those of the register that it names, or its own, whose
// parts are those that its predictions name.
func (s *Spec) Concerned() []Claim {
	claims := make([]Claim, len(s.Claims))
	for i, id := range s.Claims {
		registered := false
		if claims[i], registered = FindClaim(id); registered {
			continue
		}
		claims[i] = Claim{ID: id, Question: s.Question}
		for _, p := range s.Predictions {
			if part := (Part{Name: p.Part, Kind: Assertion}); p.Claim == id && !slices.Contains(claims[i].Parts, part) {
				claims[i].Parts = append(claims[i].Parts, part)
			}
		}
	}
	return claims
}

// Test names a test function of this module, in the register as "FILE NAME".
type Test struct {
	File string // from the module's root
	Name string
}

func (t *Test) UnmarshalText(text []byte) error {
	var found bool
	if t.File, t.Name, found = strings.Cut(string(text), " "); !found {
		return fmt.Errorf("test %q is not FILE NAME", text)
	}
	return nil
}

// Commands decide the claim anew, without a run; none if that takes one.
func (c Claim) Commands() []string {
	var commands []string
	for _, test := range c.Tests {
		commands = append(commands, fmt.Sprintf("`go test ./%s -run '^%s$'`", path.Dir(test.File), test.Name))
	}
	for _, m := range c.Measured {
		if command := m.Command(); !slices.Contains(commands, command) {
			commands = append(commands, command)
		}
	}
	return commands
}

//go:embed claims.toml
var claimsText string

// register is claims.toml.
type register struct {
	Claims  []Claim
	Threats []Threat
}

// Claims returns the register in its order.
func Claims() ([]Claim, error) {
	r, err := readRegister()
	return r.Claims, err
}

// Threats returns the threats to the validity of verdicts.
func Threats() ([]Threat, error) {
	r, err := readRegister()
	return r.Threats, err
}

func readRegister() (r register, err error) {
	meta, err := toml.Decode(claimsText, &r)
	switch undecoded := meta.Undecoded(); {
	case err != nil:
	case len(undecoded) > 0:
		err = fmt.Errorf("unknown key %q", undecoded[0])
	default:
		err = r.check()
	}
	if err != nil {
		return register{}, fmt.Errorf("read claims.toml: %w", err)
	}
	return r, addMeasured(r.Claims)
}

func (r register) check() error {
	known := map[string]bool{"*": true}
	for _, c := range r.Claims {
		known[c.ID] = true
		parts := map[string]bool{}
		for _, p := range c.Parts {
			if parts[p.Name] {
				return fmt.Errorf("claim %s has two parts %q", c.ID, p.Name)
			}
			parts[p.Name] = true
		}
		if len(parts) == 0 || c.NotClaimed == "" {
			return fmt.Errorf("claim %s lacks parts or what is not claimed", c.ID)
		}
	}
	for _, t := range r.Threats {
		if i := slices.IndexFunc(t.Claims, func(id string) bool { return !known[id] }); i >= 0 {
			return fmt.Errorf("threat %q: no claim is named %q", t.Name, t.Claims[i])
		}
	}
	return nil
}

// decidedWithoutARun says how tests or a benchmark decide a claim; empty: they do not.
func decidedWithoutARun(claim string) string {
	switch c, _ := FindClaim(claim); {
	case len(c.Tests) > 0:
		return "tests decide it: " + strings.Join(c.Commands(), ", ")
	case len(c.Measured) > 0:
		return "benchmarks decide it: " + strings.Join(c.Commands(), ", ")
	}
	return ""
}
