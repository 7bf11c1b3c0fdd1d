package judge

import (
	"fmt"
	"os"
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
	for _, r := range Rules {
		then := string(r.Then)
		if r.Then == record.Valid {
			then = "evidence"
		}
		if row := fmt.Sprintf("| %s | %s | %s |", r.Name, r.Limit, then); !strings.Contains(string(text), row+"\n") {
			t.Errorf("%s lacks the row %q", path, row)
		}
	}
}
