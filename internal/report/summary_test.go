package report

import (
	"strings"
	"testing"

	"c10klab/internal/measure"
	"c10klab/internal/record"
	"c10klab/results"
)

func cellsWith(knob string, levels ...string) []results.Cell {
	var cells []results.Cell
	for _, level := range levels {
		cells = append(cells, results.Cell{ID: level, Knobs: map[string]string{knob: level, "consumers": "none"}, Outcome: record.Valid, Basis: record.Valid})
	}
	return cells
}

func byBlock(values ...float64) results.BlockValues {
	m := map[int]float64{}
	for i, v := range values {
		m[i+1] = v
	}
	return results.BlockValues{ByBlock: m}
}

func TestAWinnerIsSaidWithHowSureItIs(t *testing.T) {
	cells := cellsWith("model", "a", "b", "c")
	values := map[string]results.BlockValues{
		"a": byBlock(10, 11, 10, 12, 10, 11, 10, 12),
		"b": byBlock(11, 10, 11, 11, 12, 10, 11, 13),
		"c": byBlock(30, 33, 31, 36, 30, 33, 30, 36),
	}
	tail := tailContests(measure.ResponseTime.Key(measure.Produce))[0]
	tail.values = values
	s, found := winner(tail, group{cells: cells}, "model")
	if !found || !strings.HasPrefix(s.Head, "a has the shortest p99") {
		t.Errorf("head %q", s.Head)
	}
	for _, wanted := range []string{"b cannot be told from it", "c has 3.00 × that, interval 3.00 to 3.10 (99 % sure)"} {
		if !strings.Contains(s.Text, wanted) {
			t.Errorf("text %q lacks %q", s.Text, wanted)
		}
	}
	tail.values = map[string]results.BlockValues{"a": byBlock(10), "b": byBlock(20)}
	if s, _ := winner(tail, group{cells: cells}, "model"); !strings.Contains(s.Text, "b has 2.00 × that in 1 block, too few to be sure") {
		t.Errorf("of one block: %q", s.Text)
	}
	tail.values = map[string]results.BlockValues{"a": byBlock(10)}
	if _, found := winner(tail, group{cells: cells}, "model"); found {
		t.Error("a winner over nobody")
	}
}

func TestMoreIsBetterForRates(t *testing.T) {
	cells := cellsWith("send", "inline", "pool")
	rates := readContest()
	rates.values = map[string]results.BlockValues{"inline": byBlock(100), "pool": byBlock(300)}
	s, _ := winner(rates, group{cells: cells}, "send")
	if !rates.higher || !strings.HasPrefix(s.Head, "pool has the highest rate of reads: 300 MB/s") {
		t.Errorf("head %q", s.Head)
	}
}

func TestTheContestIsAmongModelsThenSends(t *testing.T) {
	both := append(cellsWith("model", "a", "b"), results.Cell{Knobs: map[string]string{"model": "a", "send": "pool", "consumers": "none"}})
	for want, cells := range map[string][]results.Cell{
		"model": both, "send": cellsWith("send", "inline", "pool"), "handlers": cellsWith("handlers", "8", "16"), "consumers": cellsWith("consumers", "none"),
	} {
		if got := contestedKnob(cells); got != want {
			t.Errorf("contested %q, want %q", got, want)
		}
	}
}
