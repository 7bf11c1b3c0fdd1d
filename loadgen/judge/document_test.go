package judge

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"c10klab/internal/record"
)

func TestTheDocumentedTableIsTheOneRunsAreJudgedBy(t *testing.T) {
	const path = "../../docs/loadgen.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := rules(soundFacts())
	for _, r := range all {
		then := string(r.then)
		if r.then == record.Valid {
			then = "evidence"
		}
		if row := fmt.Sprintf("| %s | %s | %s |", r.name, r.limit, then); !strings.Contains(string(text), row+"\n") {
			t.Errorf("%s lacks the row %q", path, row)
		}
	}
	_, table, _ := strings.Cut(string(text), "| rule | at most | else |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for row := range strings.Lines(table) {
		name, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " | ")
		if !strings.HasSuffix(name, "(by the runner)") && !slices.ContainsFunc(all, func(r rule) bool { return r.name == name }) {
			t.Errorf("%s has a rule %q that no run is judged by", path, name)
		}
	}
}
