package results

import (
	"maps"
	"path/filepath"
	"testing"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

// burst is a trial of 10 000 requests over 100 steps, of which 110 are slow: spread
// evenly, or all within two steps.
func burst(together bool) *record.Measurement {
	m := measurement(record.Valid, 0, 0)
	h := hdr.NewHistogram()
	h.RecordN(1_000_000, 9_890)
	h.RecordN(500_000_000, 110)
	fast, slow := int64(record.SeriesBucket(1_000_000)), int64(record.SeriesBucket(500_000_000))
	steps := make([][]int64, 100)
	for i := range steps {
		steps[i] = []int64{fast, 99, slow, 1}
		if i%10 == 0 {
			steps[i][3] = 2
		}
		if together {
			steps[i][3] = 0
		}
	}
	if together {
		steps[40][3], steps[41][3] = 55, 55
	}
	m.Histograms = hdr.Bundle{{Stage: "ResponseTime", API: "Produce"}: h, {Stage: "LocalTime", API: "Produce"}: h.Clone()}
	m.OverTime = []record.TimeSeries{{Stage: "ResponseTime", API: "Produce", StepNs: 1e8, Steps: steps}}
	return m
}

func TestSlowRequestsOfOneStallSupportNoPercentile(t *testing.T) {
	for name, together := range map[string]bool{"spread": false, "one stall": true} {
		cell := planned("reactor", "none")
		r := newRun(t, cell)
		commit(t, r, cell, 1, burst(together))
		reopened, err := Open(r.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, stage := range []string{"ResponseTime", "LocalTime"} {
			h := cellsOf(t, reopened)[0].Spans[hdr.Key{Stage: stage, API: "Produce"}]
			_, supported := h.Quantile(0.99)
			if supported == together {
				t.Errorf("%s, %s: p99 supported %v of %d samples", name, stage, supported, h.Count)
			}
			if needed := h.StillNeeded(0.99); (needed > 0) != together {
				t.Errorf("%s, %s: %d more samples needed", name, stage, needed)
			}
			if _, supported := h.Quantile(0.5); !supported {
				t.Errorf("%s, %s: the median is not supported", name, stage)
			}
		}
	}
}

// A time above a bound comes from the series, and packed evidence keeps it as a number.
func TestTimeAboveABoundOutlivesTheSeries(t *testing.T) {
	metric, err := measure.ParseMetric("ResponseTime/Produce above 50ms")
	if err != nil {
		t.Fatal(err)
	}
	cell := planned("reactor", "none")
	r := newRun(t, cell)
	for block := 1; block <= 2; block++ {
		commit(t, r, cell, block, burst(block == 2))
	}
	if err := r.Seal(); err != nil {
		t.Fatal(err)
	}
	none := func(hdr.Key) bool { return false }
	adopted, err := r.Adopt(filepath.Join(t.TempDir(), "x"), Kept{Trials: none, Cells: none, Numbers: measure.AllNumbers, Above: []measure.Metric{metric}}, false)
	if err != nil {
		t.Fatal(err)
	}
	var read [2]BlockValues
	for i, run := range []*Run{r, adopted} {
		if read[i], err = NewReadings(run).Of(metric, cell.ID, false); err != nil {
			t.Fatal(err)
		}
	}
	if spread, together := read[0].ByBlock[1], read[0].ByBlock[2]; spread < 999 || together < 50 || together > 60 {
		t.Errorf("%v ms/s with a slow request in each step, %v ms/s with all in two", spread, together)
	}
	if !maps.Equal(read[0].ByBlock, read[1].ByBlock) {
		t.Errorf("%v became %v", read[0].ByBlock, read[1].ByBlock)
	}
}

// Every trial brings stalls of its own: enough of them support what one does not.
func TestIndependentSamplesAddUpOverTrials(t *testing.T) {
	cell := planned("reactor", "none")
	r := newRun(t, cell)
	for block := 1; block <= 8; block++ {
		commit(t, r, cell, block, burst(true))
	}
	h := cellsOf(t, r)[0].Spans[hdr.Key{Stage: "ResponseTime", API: "Produce"}]
	if _, supported := h.Quantile(0.99); !supported {
		t.Errorf("p99 of eight trials lacks %d samples", h.StillNeeded(0.99))
	}
}
