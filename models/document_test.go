package models

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the registry's tables into the documents anew")

// The tables of models and send strategies in the documents are the registry's.
func TestDocumentsShowTheRegistry(t *testing.T) {
	const path = "../docs/models.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for name, table := range map[string]Table{"models": ModelTable(), "sends": sendTable()} {
		begin, end := "<!-- begin generated: "+name+" -->\n", "<!-- end generated: "+name+" -->\n"
		before, rest, found := strings.Cut(want, begin)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Fatalf("%s has no place for the table of %s", path, name)
		}
		want = before + begin + table.markdown() + end + after
	}
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("the tables of models or sends in %s are not the registry's; go test ./models -run TestDocuments -update writes them", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// sendTable says who moves file bytes under each strategy, in which stage, who waits
// for the disk meanwhile, and how many threads it adds: S the knob send-threads.
func sendTable() Table {
	t := Table{Head: []string{"name", "file bytes are moved by", "in stage", "cold pages block", "threads"}}
	for _, s := range sends {
		none := "none"
		if s.Calls[StartThread] != "" {
			none = "one a send"
		}
		t.Rows = append(t.Rows, []string{s.Name, s.Meaning, s.Stage, s.Blocks, censusFormula(s.threads, none)})
	}
	return t
}

// markdown is the table with its names as code.
func (t Table) markdown() string {
	var text strings.Builder
	line := func(cells []string) { text.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(t.Head)
	text.WriteString(strings.Repeat("|---", len(t.Head)) + "|\n")
	for _, row := range t.Rows {
		line(append([]string{"`" + row[0] + "`"}, row[1:]...))
	}
	return text.String()
}
