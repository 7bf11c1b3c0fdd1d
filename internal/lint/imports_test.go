// Package lint checks rules of the whole repository that the compiler does not.
package lint

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "c10klab/"

// allowed is the whitelist of imports within the module, tests included. The
// rules behind it: models never learn Kafka or what files mean, storage never
// learns models, experiments start processes and link neither side.
var allowed = map[string][]string{
	"internal/knob":      {},
	"internal/clock":     {},
	"internal/sample":    {},
	"internal/need":      {},
	"internal/lint":      {},
	"internal/hdr":       {},
	"internal/queueing":  {},
	"internal/osthread":  {"internal/clock", "internal/poll", "internal/need"},
	"internal/batch":     {},
	"internal/poll":      {"internal/clock", "internal/need"},
	"internal/kafka":     {"internal/batch"},
	"internal/record":    {"internal/hdr", "internal/osthread", "internal/sample"},
	"internal/measure":   {"internal/hdr", "internal/knob", "internal/record"},
	"internal/stage":     {"internal/hdr", "internal/measure", "internal/clock", "internal/knob", "internal/sample"},
	"internal/speed":     {"internal/kafka", "internal/queueing", "internal/need", "internal/record", "internal/hdr", "internal/clock", "internal/slowdisk", "internal/batch", "internal/knob", "storage", "models"},
	"internal/slowdisk":  {"internal/knob", "internal/clock", "internal/record", "internal/hdr", "internal/need"},
	"internal/vfs":       {},
	"internal/commitlog": {"internal/vfs"},
	"storage":            {"internal/batch", "internal/knob", "internal/need", "internal/vfs", "internal/commitlog"},
	"models":             {"internal/measure", "internal/stage", "internal/osthread", "internal/poll", "internal/knob", "internal/clock", "internal/need", "internal/hdr"},
	"internal/broker":    {"models", "internal/stage", "internal/kafka", "storage", "internal/knob", "internal/batch", "internal/clock", "internal/need", "internal/vfs"},
	"internal/admin":     {"internal/measure", "models", "internal/stage", "storage", "internal/knob", "internal/clock", "internal/record", "internal/hdr", "internal/sample", "internal/batch", "internal/need"},
	"loadgen":            {"internal/measure", "internal/kafka", "internal/queueing", "internal/hdr", "internal/osthread", "internal/poll", "internal/knob", "internal/batch", "internal/clock", "internal/record", "internal/sample"},
	"results":            {"internal/measure", "internal/hdr", "internal/record", "internal/need"},
	"plots":              {"internal/measure", "results", "internal/hdr", "internal/record"},
	"internal/report":    {"internal/measure", "experiments", "plots", "results", "internal/hdr", "internal/record", "internal/need"},
	"experiments":        {"internal/measure", "results", "plots", "internal/need", "internal/knob", "internal/hdr", "internal/record", "internal/osthread"},
}

type listedPackage struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "../../...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listedPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listedPackage
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages
		case err != nil:
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func TestImportsStayWithinTheHousePlan(t *testing.T) {
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(name, "cmd/") || strings.Contains(name, "/testdata/") {
			continue // cmd may import all
		}
		may, listed := allowed[name]
		if !listed {
			t.Errorf("package %s is not in the house plan", name)
			continue
		}
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			ours, isOurs := strings.CutPrefix(imported, module)
			if isOurs && ours != name && !slices.Contains(may, ours) {
				t.Errorf("%s imports %s", name, ours)
			}
		}
	}
}
