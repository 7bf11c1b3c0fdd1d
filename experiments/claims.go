package experiments

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// Claim is one row of the claims register: something that the source documents
// assert or ask, under an id that never changes.
type Claim struct {
	ID       string `toml:"id"`
	Question string `toml:"question"`
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
// false: it is none of these.
func decidedWithoutARun(claim string) (how string, decided bool) {
	for _, s := range StructuralClaims {
		if s.ID == claim {
			return "tests decide it: " + strings.Join(s.commands(), ", "), true
		}
	}
	for _, m := range measuredClaims {
		if m.id == claim {
			return "a benchmark decides it: " + m.command(), true
		}
	}
	return "", false
}
