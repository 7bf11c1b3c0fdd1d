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
	for _, s := range StructuralClaims {
		if !slices.ContainsFunc(claims, func(c Claim) bool { return c.ID == s.ID }) {
			t.Errorf("%s is not in the register", s.ID)
		}
		if len(s.Tests) == 0 {
			t.Errorf("no test decides %s", s.ID)
		}
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
}
