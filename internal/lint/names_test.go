package lint

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"c10klab/internal/measure"
)

// Spans are declared in internal/measure, and other code names them by its variables: a
// name that is written twice is two things that must be kept equal. Stored data and tests
// say what they are about.
func TestNamesOfSpansAreWrittenOnce(t *testing.T) {
	names := measure.NamesOf(measure.Spans(nil))
	eachSource(t, func(path string, file *ast.File) {
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, filepath.Join("internal", "measure")) || strings.Contains(path, "testdata") {
			return
		}
		tags := map[*ast.BasicLit]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Field:
				tags[n.Tag] = true
			case *ast.BasicLit:
				text, err := strconv.Unquote(n.Value)
				if n.Kind != token.STRING || err != nil || tags[n] {
					return true
				}
				for _, name := range names {
					if rest, found := strings.CutPrefix(text, name); found && (rest == "" || rest[0] == '/' || strings.HasPrefix(rest, " p")) {
						t.Errorf("%s writes %q: name it by a variable of internal/measure", path, text)
					}
				}
			}
			return true
		})
	})
}
