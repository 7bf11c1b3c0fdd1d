package experiments

import (
	_ "embed"
	"fmt"

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
