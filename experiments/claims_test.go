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
