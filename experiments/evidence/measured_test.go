package evidence

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/results"
)

func storeRecord(t *testing.T, dir, file string, cells any) {
	t.Helper()
	text, err := json.Marshal(cells)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, file), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// rounds repeats a value, a little more each time.
func rounds(n int, value float64) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = value * (1 + float64(i)/1000)
	}
	return values
}

func claimOf(t *testing.T, id string) experiments.Claim {
	t.Helper()
	claims, err := experiments.Claims()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(claims, func(c experiments.Claim) bool { return c.ID == id })
	if i < 0 || claims[i].Benchmark == "" {
		t.Fatalf("no benchmark decides %s", id)
	}
	return claims[i]
}

func TestBenchmarkDecidesAClaimByItsRounds(t *testing.T) {
	const batches = 1000
	cell := func(storeNs, writeNs float64, n int) []appendCell {
		return []appendCell{
			{BatchBytes: 4000, Records: 40, RoundBytes: 4000 * batches, StoreNs: rounds(n, 1), WriteNs: rounds(n, 1)},
			{BatchBytes: 16000, Records: 150, RoundBytes: 16000 * batches, StoreNs: rounds(n, storeNs), WriteNs: rounds(n, writeNs)},
		}
	}
	for name, test := range map[string]struct {
		cells   []appendCell
		verdict results.Verdict
	}{
		"fast enough":                    {cell(1e8, 8e7, 21), results.Reproduced},
		"too few records a second":       {cell(1e9, 8e8, 21), results.Refuted},
		"slow beside bare writes":        {cell(1e8, 2e7, 21), results.Refuted},
		"too few rounds to say anything": {cell(1e8, 8e7, 5), results.Undecided},
	} {
		dir := t.TempDir()
		storeRecord(t, dir, "append.json", test.cells)
		findings, err := benchmarkFindings(claimOf(t, "K3"), dir)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if verdict, _, _ := verdict.OfPart("K3", claimOf(t, "K3").Parts[0], findings); verdict != test.verdict {
			t.Errorf("%s: %s, want %s", name, verdict, test.verdict)
		}
	}
}

func TestClaimWithoutItsBenchmarksRecordIsOpen(t *testing.T) {
	findings, err := benchmarkFindings(claimOf(t, "K4"), t.TempDir())
	if err != nil || len(findings) != 0 {
		t.Errorf("%v, %v; want no findings", findings, err)
	}
}

func TestDamagedBenchmarkRecordIsNamed(t *testing.T) {
	for name, text := range map[string]string{
		"cut off":           `[{"LogBytes":107374182400,`,
		"without the cell":  `[{"LogBytes":1073741824,"IntervalBytes":4096,"IndexBytes":1,"OffsetNs":[1]}]`,
		"of another format": `{"rates":[1]}`,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "lookup.json"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := benchmarkFindings(claimOf(t, "K4"), dir); err == nil || !strings.Contains(err.Error(), "lookup.json") {
			t.Errorf("a record %s: error %v", name, err)
		}
	}
}

// A claim whose deciding benchmark was renamed or removed could not be measured again.
func TestBenchmarksThatDecideClaimsExist(t *testing.T) {
	claims, err := experiments.Claims()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../internal/speed/*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("benchmarks: %v, %v", files, err)
	}
	var functions []string
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, isFunc := d.(*ast.FuncDecl); isFunc {
				functions = append(functions, f.Name.Name)
			}
		}
	}
	for name := range benchmarks {
		if !slices.ContainsFunc(claims, func(c experiments.Claim) bool { return c.Benchmark == name }) {
			t.Errorf("no claim of the register is decided by %s", name)
		}
	}
	for _, c := range claims {
		if c.Benchmark != "" && !slices.Contains(functions, c.Benchmark) {
			t.Errorf("%s: there is no %s", c.ID, c.Benchmark)
		}
	}
}
