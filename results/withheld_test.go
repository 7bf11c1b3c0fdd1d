package results

import (
	"strings"
	"testing"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

// stalled is a trial of 2000 requests, of which a few fell due in one stall: too few
// samples for a p99.9, which five such trials support.
func stalled(lateness time.Duration) *record.Measurement {
	m := measurement(record.Valid, 0, 0)
	m.Checks = []record.Check{{Name: record.LatenessRule, Value: 0.01, Limit: 2, Unit: "ms", OK: true, Else: record.GeneratorLimited}}
	spread := func(usual, rare time.Duration) *hdr.Histogram {
		h := hdr.NewHistogram()
		h.RecordN(int64(usual), 1990)
		h.RecordN(int64(rare), 10)
		return h
	}
	m.Histograms = hdr.Bundle{
		{Stage: "Lateness", API: "Produce"}:     spread(10*time.Microsecond, lateness),
		{Stage: "ResponseTime", API: "Produce"}: spread(time.Millisecond, 20*time.Millisecond),
		{Stage: "EndToEnd", API: "Fetch"}:       spread(time.Millisecond, 20*time.Millisecond),
		{Stage: "LocalTime", API: "Produce"}:    spread(time.Millisecond, 20*time.Millisecond),
	}
	return m
}

func TestP999ThatLatenessSpoiltIsWithheld(t *testing.T) {
	const trials = 5
	for _, c := range []struct {
		lateness time.Duration
		spoilt   bool
	}{{3 * time.Millisecond, true}, {1500 * time.Microsecond, false}} { // the trials were held to 2 ms
		place := planned("reactor", "tail")
		r := newRun(t, place)
		for block := range trials {
			commit(t, r, place, block+1, stalled(c.lateness))
		}
		wanted := func(key hdr.Key) bool { return key.Stage != "Lateness" }
		cells, err := r.Cells(wanted, measure.ResponseTime.Is)
		if err != nil {
			t.Fatal(err)
		}
		cell := cells[0]
		for key, mayBeSpoilt := range map[hdr.Key]bool{
			{Stage: "ResponseTime", API: "Produce"}: true, {Stage: "EndToEnd", API: "Fetch"}: true, {Stage: "LocalTime", API: "Produce"}: false,
		} {
			_, shown := cell.Spans[key].Quantile(0.999)
			if want := !(c.spoilt && mayBeSpoilt); shown != want {
				t.Errorf("Lateness %v: p99.9 of %s is shown: %v, want %v", c.lateness, key, shown, want)
			}
			if _, shown := cell.Spans[key].Quantile(0.99); !shown {
				t.Errorf("Lateness %v: p99 of %s is not shown", c.lateness, key)
			}
		}
		curve := cell.Curves[measure.ResponseTime.Key("Produce")]
		if ends := curve[len(curve)-1].Quantile; (ends < 0.999) != c.spoilt {
			t.Errorf("Lateness %v: the curve ends at %g", c.lateness, ends)
		}
		if told := strings.Contains(strings.Join(cell.Problems, " "), "ResponseTime/Produce and EndToEnd/Fetch is withheld: Lateness p99.9 is 3"); told != c.spoilt {
			t.Errorf("Lateness %v: problems %v", c.lateness, cell.Problems)
		}
	}
}
