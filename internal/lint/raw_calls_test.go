package lint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// rawCalls is the closed list of system calls that may skip the Go scheduler, each
// in a form that cannot block. Sendfile, file reads and writes, and fsync never are
// among them; read and write are those of an eventfd.
var rawCalls = map[string]bool{
	"SYS_RECVFROM": true, "SYS_RECVMSG": true, "SYS_SENDTO": true, "SYS_SENDMSG": true,
	"SYS_EPOLL_PWAIT": true, "SYS_EPOLL_CTL": true, "SYS_FUTEX": true, "SYS_SCHED_YIELD": true,
	"eventfd.go SYS_READ": true, "eventfd.go SYS_WRITE": true,
	// A call that tells the runtime beforehand that it will block.
	"blocking.go trap": true,
}

func TestRawSystemCallsAreTheClosedList(t *testing.T) {
	found := 0
	eachSource(t, func(path string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 || !strings.HasPrefix(lastName(call.Fun), "Raw") || !strings.Contains(lastName(call.Fun), "Syscall") {
				return true
			}
			found++
			number := lastName(call.Args[0])
			if filepath.Dir(path) != filepath.Join("internal", "poll") || !rawCalls[number] && !rawCalls[filepath.Base(path)+" "+number] {
				t.Errorf("%s makes a raw call of %s", path, number)
			}
			return true
		})
	})
	if found == 0 {
		t.Error("no raw call was found")
	}
}

// eachSource parses every Go file of the module, with its path from the root.
func eachSource(t *testing.T, visit func(path string, file *ast.File)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		visit(relative, file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// lastName is the last identifier of a possibly qualified name.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
