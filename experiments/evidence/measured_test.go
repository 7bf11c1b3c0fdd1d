package evidence

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/internal/need"
	"c10klab/results"
)

// madeBy is where a proper record comes from; what changes it makes it another.
func madeBy(record string, changes ...func(*results.Provenance)) *results.Provenance {
	made := &results.Provenance{Source: results.Source{Revision: strings.Repeat("ab", 20), Clean: true}, Predictions: experiments.PredictionsOf(record)}
	for _, change := range changes {
		change(made)
	}
	return made
}

func storeRecord(t *testing.T, dir, name string, made *results.Provenance, measured any) {
	t.Helper()
	text, err := json.Marshal(measured)
	if err == nil {
		err = results.BenchmarkRecord{Provenance: made, Measured: text}.Keep(dir, name)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// appends are a record of BenchmarkAppend with the cells that K3 is decided by.
func appends(perSecond, ofWrite float64, n int) []map[string]any {
	cell := func(batchBytes int, reaches string) map[string]any {
		return map[string]any{"BatchBytes": batchBytes, "Reaches": reaches, "RecordsPerSecond": rounds(n, perSecond), "OfWrite": rounds(n, ofWrite)}
	}
	other := cell(4096, "page cache")
	other["RecordsPerSecond"] = rounds(n, 1)
	return []map[string]any{other, cell(16384, "page cache"), cell(16384, "device, beyond the dirty limit")}
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
	if i < 0 || len(claims[i].Measured) == 0 {
		t.Fatalf("no benchmark decides %s", id)
	}
	return claims[i]
}

func TestBenchmarkDecidesAClaimByItsRounds(t *testing.T) {
	for name, test := range map[string]struct {
		record  []map[string]any
		verdict results.Verdict
	}{
		"fast enough":                    {appends(2e6, 0.8, 21), results.Reproduced},
		"too few records a second":       {appends(5e5, 0.8, 21), results.Refuted},
		"slow beside bare writes":        {appends(2e6, 0.2, 21), results.Refuted},
		"too few rounds to say anything": {appends(2e6, 0.8, 5), results.Undecided},
	} {
		dir := t.TempDir()
		storeRecord(t, dir, "append", madeBy("append"), test.record)
		if word, _ := wordOf(t, "records appended a second", dir); word != test.verdict {
			t.Errorf("%s: %s, want %s", name, word, test.verdict)
		}
	}
}

// wordOf is what the records in dir say of a part of K3.
func wordOf(t *testing.T, part, dir string) (results.Verdict, verdict.Comparison) {
	t.Helper()
	findings, err := measuredFindings(claimOf(t, "K3"), dir)
	if err != nil {
		t.Fatal(err)
	}
	word, deciding, concerned := verdict.OfPart("K3", experiments.Part{Name: part, Kind: experiments.Assertion}, findings)
	if !concerned {
		return word, verdict.Comparison{}
	}
	return word, deciding.Deciding()
}

// Values that would decide do not, where nobody can know what they come from or whether they
// were seen before they were predicted.
func TestRecordThatMayNotDecideLeavesItsPartsOpen(t *testing.T) {
	file := experiments.PredictionsOf("append").Text
	predicted := func(old, changed string) func(*results.Provenance) {
		return func(made *results.Provenance) {
			if !strings.Contains(file, old) {
				t.Fatalf("%s is not predicted", old)
			}
			spec := results.NewSpec("append", strings.ReplaceAll(file, old, changed), 8)
			made.Predictions = &spec
		}
	}
	for name, test := range map[string]struct {
		made   *results.Provenance
		reason string
	}{
		"no provenance":           {nil, "no provenance: made before it was kept"},
		"an unclean tree":         {madeBy("append", func(made *results.Provenance) { made.Source.Clean = false }), "the tree had uncommitted changes"},
		"an unknown revision":     {madeBy("append", func(made *results.Provenance) { made.Source.Revision = results.UnknownRevision }), "the revision is unknown"},
		"no predictions":          {madeBy("append", func(made *results.Provenance) { made.Predictions = nil }), "predicted after it was measured"},
		"another threshold":       {madeBy("append", predicted("threshold = 1e6", "threshold = 2e6")), "predicted after it was measured"},
		"a threshold given up":    {madeBy("append", predicted("threshold = 0.5", "threshold = 0.9")), "no longer predicted of it: speed of the same against bare write(2) calls of the same bytes >= 0.9"},
		"a reason in other words": {madeBy("append", predicted("why = \"", "why = \"so: ")), ""},
	} {
		dir := t.TempDir()
		if storeRecord(t, dir, "append", test.made, appends(2e6, 0.8, 21)); test.made == nil {
			text, _ := json.Marshal(appends(2e6, 0.8, 21))
			if err := os.WriteFile(filepath.Join(dir, "append.json"), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		word, c := wordOf(t, "records appended a second", dir)
		if open := test.reason != ""; open != (word == results.Undecided) || open != c.Inadmissible || !strings.Contains(c.Reason, test.reason) {
			t.Errorf("%s: %s (%s), want %q", name, word, c.Reason, test.reason)
		}
	}
}

func TestClaimWithoutItsBenchmarksRecordIsOpen(t *testing.T) {
	findings, err := measuredFindings(claimOf(t, "K4"), t.TempDir())
	if err != nil || len(findings) != 0 {
		t.Errorf("%v, %v; want no findings", findings, err)
	}
}

func TestDamagedBenchmarkRecordIsNamed(t *testing.T) {
	const cell = `{"LogBytes":107374182400,"IntervalBytes":4096,"Targets":`
	for name, measured := range map[string]string{
		"without the cell":  `[` + cell + `"other","OffsetNs":[1],"IndexBytesPerGiB":[1]}]`,
		"without rounds":    `[` + cell + `"fresh"},` + cell + `"200 repeated"}]`,
		"of another format": `{"rates":[1]}`,
	} {
		dir := t.TempDir()
		storeRecord(t, dir, "lookup", madeBy("lookup"), json.RawMessage(measured))
		if _, err := measuredFindings(claimOf(t, "K4"), dir); err == nil || !strings.Contains(err.Error(), "lookup.json") {
			t.Errorf("a record %s: error %v", name, err)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "lookup.json"), []byte(`[`+cell), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := measuredFindings(claimOf(t, "K4"), dir); !errors.Is(err, results.ErrGarbled) {
		t.Errorf("a record that is cut off: error %v", err)
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
	var functions, kept []string
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, isCall := n.(*ast.CallExpr); isCall && len(call.Args) == 3 {
				if name, isLiteral := call.Args[1].(*ast.BasicLit); isLiteral && types.ExprString(call.Fun) == "keep" {
					kept = append(kept, strings.Trim(name.Value, `"`))
				}
			}
			return true
		})
		for _, d := range file.Decls {
			if f, isFunc := d.(*ast.FuncDecl); isFunc {
				functions = append(functions, f.Name.Name)
			}
		}
	}
	for _, c := range claims {
		for _, m := range c.Measured {
			if !slices.Contains(functions, m.Benchmark) {
				t.Errorf("%s: there is no %s", c.ID, m.Benchmark)
			}
			if !slices.Contains(kept, m.Record) {
				t.Errorf("%s: nothing keeps a record %s", c.ID, m.Record)
			}
		}
	}
}

// newBenchmarked commits predictions of benchmarks and stores a record from that revision.
func newBenchmarked(t *testing.T, change func(r repository, made *results.Provenance)) repository {
	t.Helper()
	need.Program(t, "git", "git")
	r := repository{t, t.TempDir()}
	r.git("init", "-q")
	r.git("commit", "-q", "--allow-empty", "-m", "before")
	r.write(experiments.BenchmarksFile, experiments.PredictionsOf("append").Text)
	r.git("add", ".")
	r.git("commit", "-q", "-m", "with")
	r.git("commit", "-q", "--allow-empty", "-m", "later")
	made := madeBy("append")
	made.Source.Revision, made.Stated = r.git("rev-parse", "HEAD"), r.git("rev-parse", "HEAD~1")
	change(r, made)
	r.write("results/reference/none", "")
	storeRecord(t, mkdir(t, r.path("results/benchmarks")), "append", made, appends(2e6, 0.8, 21))
	return r
}

func mkdir(t *testing.T, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestVerifyHoldsRecordsOfBenchmarksToTheHistory(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(r repository, made *results.Provenance)
		damage func(r repository)
		check  string // that does not hold; empty: all do
		status CheckStatus
		detail string
	}{
		{"a proper record", nil, nil, "", "", ""},
		{"a record before its predictions", func(r repository, made *results.Provenance) {
			made.Source.Revision = r.git("rev-parse", "HEAD~2")
		}, nil, "prediction committed before the run", CheckFails, "does not come before"},
		{"other predictions than were stated", func(_ repository, made *results.Provenance) {
			made.Predictions.Text += "# more\n"
		}, nil, "prediction committed before the run", CheckFails, "was not made by " + experiments.BenchmarksFile},
		{"a revision of another history", func(_ repository, made *results.Provenance) {
			made.Source.Revision = strings.Repeat("ab", 20)
		}, nil, "prediction committed before the run", CheckFails, "is not in the history"},
		{"an unclean tree", func(_ repository, made *results.Provenance) { made.Source.Clean = false },
			nil, "source admits it as evidence", CheckInadmissible, "uncommitted changes"},
		{"a record that was edited", nil, func(r repository) {
			text, _ := os.ReadFile(r.path("results/benchmarks/append.json"))
			r.write("results/benchmarks/append.json", strings.Replace(string(text), "2000000", "3000000", 1))
		}, "file is that of the manifest", CheckFails, "the file was changed"},
		{"a manifest that lacks it", nil, func(r repository) { r.write("results/benchmarks/manifest.sha256", "") },
			"file is that of the manifest", CheckFails, "not in the manifest"},
		{"a record that is cut off", nil, func(r repository) { r.write("results/benchmarks/append.json", `{"provenance":`) },
			"file is that of the manifest", CheckFails, "append.json"},
		{"a record of earlier days", nil, func(r repository) { r.write("results/benchmarks/append.json", "[]") },
			"provenance", CheckInadmissible, "no provenance: made before it was kept"},
	} {
		change := c.change
		if change == nil {
			change = func(repository, *results.Provenance) {}
		}
		r := newBenchmarked(t, change)
		if c.damage != nil {
			c.damage(r)
		}
		checks := verifyRecords(r.path("results/benchmarks"), openHistory(r.dir))
		hit := slices.ContainsFunc(checks, func(got EvidenceCheck) bool {
			return got.Check == c.check && got.Status == c.status && strings.Contains(got.Detail, c.detail)
		})
		for _, got := range checks {
			if got.Status != CheckHolds && c.check == "" {
				t.Errorf("%s: %+v", c.name, got)
			}
		}
		if len(checks) == 0 || c.check != "" && !hit {
			t.Errorf("%s: %q is not %s with %q: %+v", c.name, c.check, c.status, c.detail, checks)
		}
	}
}

// A second benchmark's record does not vouch for the first's.
func TestKeptRecordEntersItsOwnHashAlone(t *testing.T) {
	dir := t.TempDir()
	storeRecord(t, dir, "append", madeBy("append"), appends(2e6, 0.8, 21))
	file := filepath.Join(dir, "append.json")
	if err := results.CheckRecord(file); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(file, []byte("[]"), 0o644); err != nil {
		t.Fatal(err)
	}
	storeRecord(t, dir, "echo", madeBy("echo"), 1)
	if err := results.CheckRecord(file); !errors.Is(err, results.ErrChanged) {
		t.Errorf("an edited record, after another was kept: %v", err)
	}
}

// What is uncommitted where it is no source does not make a tree unclean.
func TestRecordsThemselvesAreNoSource(t *testing.T) {
	r := newBenchmarked(t, func(repository, *results.Provenance) {})
	r.git("add", "results/reference")
	r.git("commit", "-q", "-m", "reference")
	of := func(but ...string) bool { return results.ReadSource(r.path("experiments"), but...).Clean }
	if of() || !of("results/benchmarks") {
		t.Errorf("clean with a record: %v, but for records: %v", of(), of("results/benchmarks"))
	}
	r.write("experiments/new.go", "")
	if of("results/benchmarks") {
		t.Error("clean with an uncommitted file of code")
	}
}

func TestTwoModesAreNamedWhereTheyArePlain(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	around := func(n int, mean float64) []float64 {
		values := make([]float64, n)
		for i := range values {
			values[i] = mean + random.NormFloat64()
		}
		return values
	}
	if got, want := modes("%.0f", slices.Concat(around(27, 220), around(14, 168))), "; two modes: 14 of 41 near 168, 27 near 220"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	named := 0
	for range 2000 {
		if modes("%.0f", around(41, 220)) != "" {
			named++
		}
	}
	if named > 10 {
		t.Errorf("two modes were named in %d of 2000 samples that have one", named)
	}
	if got := modes("%.0f", slices.Concat(around(40, 220), []float64{168})); got != "" {
		t.Errorf("one odd round is called a mode: %q", got)
	}
}
