package experiments

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

func claimOf(t *testing.T, id string) measuredClaim {
	t.Helper()
	i := slices.IndexFunc(measuredClaims, func(m measuredClaim) bool { return m.id == id })
	if i < 0 {
		t.Fatalf("no benchmark decides %s", id)
	}
	return measuredClaims[i]
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
		findings, err := claimOf(t, "K3").findings(dir)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if verdict, _, _ := ClaimVerdict(findings, "K3"); verdict != test.verdict {
			t.Errorf("%s: %s, want %s", name, verdict, test.verdict)
		}
	}
}

func TestClaimWithoutItsBenchmarksRecordIsOpen(t *testing.T) {
	findings, err := claimOf(t, "K4").findings(t.TempDir())
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
		if _, err := claimOf(t, "K4").findings(dir); err == nil || !strings.Contains(err.Error(), "lookup.json") {
			t.Errorf("a record %s: error %v", name, err)
		}
	}
}

// A claim whose deciding benchmark was renamed or removed could not be measured again.
func TestBenchmarksThatDecideClaimsExist(t *testing.T) {
	claims, err := Claims()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../internal/speed/*_test.go")
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
	for _, m := range measuredClaims {
		if !slices.ContainsFunc(claims, func(c Claim) bool { return c.ID == m.id }) {
			t.Errorf("%s is not in the register", m.id)
		}
		if !slices.Contains(functions, m.benchmark) {
			t.Errorf("%s: there is no %s", m.id, m.benchmark)
		}
	}
}

func TestSelectSaysWhatDecidesAClaimWithoutAnExperiment(t *testing.T) {
	for claim, want := range map[string]string{"K1": "TestCensusMatchesTheDocumentsTable", "K3": "BenchmarkAppend"} {
		if _, err := Select(nil, []string{claim}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one that names %s", claim, err, want)
		}
	}
}
