package experiments

import (
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Claim is one row of the claims register: something that the source documents
// assert or ask, under an id that never changes. Experiments decide it by the specs
// that name it, unless tests or a benchmark do.
type Claim struct {
	ID       string `toml:"id"`
	Question string `toml:"question"`
	// Tests decide a claim about structure: it is reproduced while they pass.
	Tests []Test `toml:"tests"`
	// Benchmark of internal/speed decides a claim about one part alone.
	Benchmark string `toml:"benchmark"`
}

// Test names a test function of this module, in the register as "FILE NAME".
type Test struct {
	File string // from the module's root
	Name string
}

// UnmarshalText implements encoding.TextUnmarshaler.
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
	if c.Benchmark != "" { // its record goes where C10KLAB_RECORD says
		commands = append(commands, fmt.Sprintf("`go test -run '^$' -benchtime 1x -bench '^%s$' ./internal/speed`", c.Benchmark))
	}
	return commands
}

//go:embed claims.toml
var claimsText string

// Claims returns the register in its order.
func Claims() ([]Claim, error) {
	var register struct {
		Claims []Claim `toml:"claims"`
	}
	meta, err := toml.Decode(claimsText, &register)
	if err == nil && len(meta.Undecoded()) > 0 {
		err = fmt.Errorf("unknown key %q", meta.Undecoded()[0])
	}
	if err != nil {
		return nil, fmt.Errorf("read claims.toml: %w", err)
	}
	return register.Claims, nil
}

// decidedWithoutARun says how a claim is decided that tests or a benchmark decide;
// empty: it is none of these.
func decidedWithoutARun(claim string) (how string, err error) {
	claims, err := Claims()
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(claims, func(c Claim) bool { return c.ID == claim })
	switch {
	case i < 0:
		return "", nil
	case len(claims[i].Tests) > 0:
		return "tests decide it: " + strings.Join(claims[i].Commands(), ", "), nil
	case claims[i].Benchmark != "":
		return "a benchmark decides it: " + claims[i].Commands()[0], nil
	}
	return "", nil
}
