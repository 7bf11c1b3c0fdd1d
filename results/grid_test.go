package results

import (
	"slices"
	"testing"
)

func TestNumbersStayWithTheirUnits(t *testing.T) {
	want := []string{"it took", "1.48 ms over", "8 blocks"}
	if got := Wrap("it took 1.48 ms over 8 blocks", 12); !slices.Equal(got, want) {
		t.Errorf("broken into %q, want %q", got, want)
	}
}

func TestColumnsWithoutRoomGoOnBeneathWithTheirRowsNames(t *testing.T) {
	table := Table{Title: "T", Columns: []Column{{Name: "model"}, {Name: "rate"}, {Name: "p50", Group: "time ms", Number: true},
		{Name: "p99", Group: "time ms", Number: true}, {Name: "bytes", Number: true}, {Name: "outcome"}}}
	table.Add("", "reactor", "5", 1, 20, 300, "valid")
	table.Add("", "pool", "5", 2, 30, 4000, "saturated")
	const want = `T (rate=5)

         time ms
model    p50  p99  bytes
reactor    1   20    300
pool       2   30   4000

model    outcome
reactor  valid
pool     saturated
`
	if got := table.Text("", 26); got != want {
		t.Errorf("drawn as\n%s", got)
	}
}
