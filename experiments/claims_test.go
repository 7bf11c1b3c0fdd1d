package experiments

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"testing"
)

// A claim whose deciding test was renamed or removed is not decided.
func TestTestsThatDecideClaimsExist(t *testing.T) {
	claims, err := Claims()
	if err != nil {
		t.Fatal(err)
	}
	decided := 0
	for _, s := range claims {
		decided += min(1, len(s.Tests))
		for _, test := range s.Tests {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", filepath.FromSlash(test.File)), nil, 0)
			if err != nil {
				t.Errorf("%s: %v", s.ID, err)
				continue
			}
			if !slices.ContainsFunc(file.Decls, func(d ast.Decl) bool {
				f, isFunc := d.(*ast.FuncDecl)
				return isFunc && f.Recv == nil && f.Name.Name == test.Name
			}) {
				t.Errorf("%s: %s has no function %s", s.ID, test.File, test.Name)
			}
		}
	}
	if decided == 0 {
		t.Error("tests decide no claim")
	}
}

// Each claim that a stored run decides is threatened by more than what threatens all, and a
// register that forgets what is not claimed, or a threat that names no claim, is refused.
func TestThreatsNameClaims(t *testing.T) {
	threats, err := Threats()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"N1", "N2", "N3", "N10", "N11", "N15", "N22", "N23", "K8", "M3", "M8"} {
		if !slices.ContainsFunc(threats, func(x Threat) bool { return slices.Contains(x.Claims, id) }) {
			t.Errorf("no threat names %s, which runs decide", id)
		}
	}
	sound := Claim{ID: "A1", NotClaimed: "more", Parts: []Part{{Name: "a"}}}
	silent, twice := sound, sound
	silent.NotClaimed, twice.Parts = "", []Part{{Name: "a"}, {Name: "a"}}
	for name, r := range map[string]register{
		"nothing is not claimed": {Claims: []Claim{silent}}, "a part twice": {Claims: []Claim{twice}},
		"a threat to nobody": {Claims: []Claim{sound}, Threats: []Threat{{Name: "x", Claims: []string{"A2"}}}},
	} {
		if r.check() == nil {
			t.Errorf("%s: the register is taken", name)
		}
	}
	if err := (register{[]Claim{sound}, []Threat{{Name: "x", Claims: []string{"A1", "*"}}}}).check(); err != nil {
		t.Error(err)
	}
}
