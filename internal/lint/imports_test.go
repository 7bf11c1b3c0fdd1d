// Package lint checks rules of the whole repository that the compiler does not.
package lint

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "c10klab/"

// tableOfPackages is the whitelist of imports within the module, in words that readers
// of the documents see too.
const tableOfPackages = "../../docs/packages.md"

// importsAll is what the table says of a package that may import any other.
const importsAll = "all"

// room is a package's row of the table.
type room struct {
	may, testsMay []string // import paths within the module
	all           bool
}

// readRooms reads the table: path, meaning, imports, further imports of tests. Imports are
// paths within the module, of which "internal/" may be left out.
func readRooms(t *testing.T, exists func(path string) bool) map[string]room {
	t.Helper()
	text, err := os.ReadFile(tableOfPackages)
	if err != nil {
		t.Fatal(err)
	}
	rooms := map[string]room{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 4 || !strings.HasPrefix(strings.TrimSpace(cells[0]), "`") {
			continue
		}
		path := strings.Trim(strings.TrimSpace(cells[0]), "`")
		if !exists(path) {
			t.Errorf("%s has a row for %s, which is no package", tableOfPackages, path)
		}
		var r room
		if r.all = strings.TrimSpace(cells[2]) == importsAll; !r.all {
			r.may, r.testsMay = readImports(t, path, cells[2], exists), readImports(t, path, cells[3], exists)
		}
		rooms[path] = r
	}
	return rooms
}

func readImports(t *testing.T, path, cell string, exists func(path string) bool) (imports []string) {
	for _, name := range strings.Fields(cell) {
		switch {
		case name == "–":
		case exists(name):
			imports = append(imports, name)
		case exists("internal/" + name):
			imports = append(imports, "internal/"+name)
		default:
			t.Errorf("the row of %s names %s, which is no package", path, name)
		}
	}
	return imports
}

type listedPackage struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

// listPackages lists the module's packages by path within it.
func listPackages(t *testing.T) map[string]listedPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "../../...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := map[string]listedPackage{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listedPackage
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages
		case err != nil:
			t.Fatal(err)
		}
		if path := strings.TrimPrefix(p.ImportPath, module); !strings.Contains(path, "/testdata/") {
			packages[path] = p
		}
	}
}

// ours are the module's packages among imports, but for the importing one.
func ours(self string, imports ...[]string) (paths []string) {
	for _, imported := range slices.Concat(imports...) {
		path, isOurs := strings.CutPrefix(imported, module)
		if isOurs && path != self && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

func TestTableOfPackagesSaysWhatImportsWhat(t *testing.T) {
	packages := listPackages(t)
	rooms := readRooms(t, func(path string) bool { _, found := packages[path]; return found })
	for path, p := range packages {
		r, listed := rooms[path]
		switch {
		case !listed:
			t.Errorf("%s has no row for %s", tableOfPackages, path)
			continue
		case r.all:
			continue
		}
		code := ours(path, p.Imports)
		tests := slices.DeleteFunc(ours(path, p.TestImports, p.XTestImports), func(i string) bool { return slices.Contains(code, i) })
		compare(t, path, code, r.may)
		compare(t, path+"'s tests", tests, r.testsMay)
	}
}

// compare tells what is imported beyond the table, and what the table allows that is not.
func compare(t *testing.T, who string, imported, may []string) {
	t.Helper()
	for _, i := range imported {
		if !slices.Contains(may, i) {
			t.Errorf("%s: imports %s, which its row of %s does not allow", who, i, tableOfPackages)
		}
	}
	for _, m := range may {
		if !slices.Contains(imported, m) {
			t.Errorf("%s: its row of %s allows %s, which it does not import", who, tableOfPackages, m)
		}
	}
}
