package measure

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the registry's tables into the documents anew")

// The glossary's tables of spans and numbers are the registry's.
func TestTheGlossaryShowsTheRegistry(t *testing.T) {
	const path = "../../docs/glossary.md"
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const none = "–"
	spans := "| span | meaning | waits behind | clock | Kafka's name |\n|---|---|---|---|---|\n"
	for _, s := range Spans(nil) {
		spans += fmt.Sprintf("| %s | %s | %s | %s | %s |\n", s.Name, s.Meaning, cmp.Or(s.WaitsBehind, none), s.Clock, cmp.Or(s.Kafka, none))
	}
	numbers := "| number | unit | meaning |\n|---|---|---|\n"
	for _, n := range Numbers(0) {
		numbers += fmt.Sprintf("| `%s` | %s | %s |\n", n.Name, cmp.Or(n.Unit, none), n.Meaning)
	}
	want := string(written)
	for id, table := range map[string]string{"spans": spans, "numbers": numbers} {
		begin, end := "<!-- begin generated: "+id+" -->\n", "\n<!-- end generated: "+id+" -->"
		before, rest, found := strings.Cut(want, begin)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Fatalf("%s has no place for the table of %s", path, id)
		}
		want = before + begin + "\n" + table + end + after
	}
	if want == string(written) {
		return
	}
	if !*update {
		t.Fatalf("the tables of %s are not the registry's; go test ./internal/measure -run TestTheGlossary -update writes them", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
