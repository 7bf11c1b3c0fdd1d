package results

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"c10klab/internal/measure"
	"c10klab/internal/record"
)

// Fisher's exact test by known answers: of 45 trials 5 are limited, all of them among 9.
func TestTheChanceOfALimitedCellIsExact(t *testing.T) {
	for _, c := range []struct {
		k, n, limited, all int
		want               float64
	}{
		{5, 9, 5, 45, 126.0 / 1221759}, {0, 9, 5, 45, 1}, {1, 9, 1, 45, 0.2}, {9, 9, 9, 9, 1}, {3, 4, 4, 8, 17.0 / 70},
	} {
		if got := atLeast(c.k, c.n, c.limited, c.all); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%d of %d, %d of %d in all: %g, want %g", c.k, c.n, c.limited, c.all, got, c.want)
		}
	}
}

// runOf stores trials of three cells, the last of which is the first one's twin, in so many blocks;
// outcome says what limits each.
func runOf(t *testing.T, blocks int, outcome func(cell, block int) record.Outcome) *Run {
	t.Helper()
	cells := []PlannedCell{planned("reactor", "none"), planned("loop-per-thread", "none"), planned("reactor", "none")}
	cells[2].ID, cells[2].TwinOf = cells[0].ID+".again", cells[0].ID
	r := newRun(t, cells...)
	for block := range blocks {
		for i, cell := range cells {
			commit(t, r, cell, block+1, measurement(outcome(i, block+1), 1000, 1e6))
		}
	}
	return r
}

func TestUnevenlyLimitedTrialsAreAProblem(t *testing.T) {
	for _, c := range []struct {
		name    string
		limited func(cell, block int) bool
		uneven  bool
		note    string
	}{
		{"none", func(int, int) bool { return false }, false, ""},
		{"whole blocks", func(_, block int) bool { return block <= 3 }, false, "6 of 16 in x.reactor.none, 3 of 8 in x.loop-per-thread.none (p = 1.00 "},
		{"a cell and its twin", func(cell, block int) bool { return cell != 1 && block <= 5 }, true, "10 of 16 in x.reactor.none, none in 1 other cell (p = 0.008 "},
	} {
		r := runOf(t, 8, func(cell, block int) record.Outcome {
			if c.limited(cell, block) {
				return record.GeneratorLimited
			}
			return record.Valid
		})
		cells := r.CellOutcomes()
		if note := LimitedNote(cells); !strings.Contains(note, c.note) || (note == "") != (c.note == "") {
			t.Errorf("%s: note %q, want %q", c.name, note, c.note)
		}
		problems := fmt.Sprint(cells[0].Problems, cells[1].Problems)
		if uneven := strings.Contains(problems, "limited trials are not spread evenly: 10 of 16 here, 10 of 24 in all cells"); uneven != c.uneven {
			t.Errorf("%s: problems %s", c.name, problems)
		}
	}
}

// A block's values are those of its repetition for all cells, and of one cell's second
// attempt where earlier versions repeated that alone; with limited trials they are the first ones.
func TestABlocksValuesAreThoseOfItsRepetition(t *testing.T) {
	for _, repetition := range []bool{true, false} {
		r := runOf(t, 2, func(cell, block int) record.Outcome {
			if cell == 0 && block == 1 {
				return record.EnvironmentLimited
			}
			return record.Valid
		})
		for i, cell := range r.Info.Cells {
			if !repetition && i > 0 {
				break
			}
			m := measurement(record.Valid, 1000, 1e6)
			m.AckedMBps = 50
			err := r.Commit(record.Trial{Experiment: cell.Experiment, Cell: cell.ID, Block: 1, Attempt: 2, Repetition: repetition,
				Outcome: record.Valid, Started: time.Unix(9, 0), Measurement: m})
			if err != nil {
				t.Fatal(err)
			}
		}
		rate := measure.Rate.Metric()
		readings := NewReadings(r, rate)
		for name, c := range map[string]struct {
			readings *Readings
			want     [2]map[int]float64
		}{
			"standing": {readings, [2]map[int]float64{{1: 50, 2: 99}, {1: 50, 2: 99}}},
			"first":    {readings.WithLimited(), [2]map[int]float64{{1: 99, 2: 99}, {1: 99, 2: 99}}},
		} {
			if name == "standing" && !repetition {
				c.want[1][1] = 99
			}
			for i, want := range c.want {
				got, err := c.readings.Of(rate, r.Info.Cells[i].ID, false)
				if err != nil || fmt.Sprint(got.ByBlock) != fmt.Sprint(want) {
					t.Errorf("repetition %v, %s: cell %d has %v, want %v (%v)", repetition, name, i, got.ByBlock, want, err)
				}
			}
		}
	}
}
