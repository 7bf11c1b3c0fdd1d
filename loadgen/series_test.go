package loadgen

import (
	"testing"
	"time"

	"c10klab/internal/record"
)

func TestASeriesCountsByStepAndBucket(t *testing.T) {
	s := newSeries(10 * time.Second)
	const ms = int64(time.Millisecond)
	s.record(0, ms)
	s.record(99*ms, ms)
	s.record(100*ms, 20*ms)
	s.record(-1, ms)        // due before the window
	s.record(10_000*ms, ms) // due after it
	other := newSeries(10 * time.Second)
	other.record(9_999*ms, 3*ms)
	s.merge(other)
	d, counted := s.document(7)
	if !counted || d.StartNs != 7 || d.StepNs != 100*ms || len(d.Steps) != 100 {
		t.Fatalf("document from %d in %d steps of %d ns", d.StartNs, len(d.Steps), d.StepNs)
	}
	want := map[int][]int64{
		0:  {int64(record.SeriesBucket(ms)), 2},
		1:  {int64(record.SeriesBucket(20 * ms)), 1},
		99: {int64(record.SeriesBucket(3 * ms)), 1},
	}
	for i, step := range d.Steps {
		if len(step) != len(want[i]) {
			t.Errorf("step %d holds %v, want %v", i, step, want[i])
			continue
		}
		for j := range step {
			if step[j] != want[i][j] {
				t.Errorf("step %d holds %v, want %v", i, step, want[i])
			}
		}
	}
}

func TestLongWindowsHaveLongerSteps(t *testing.T) {
	for window, want := range map[time.Duration]time.Duration{
		time.Second: leastStep, 12 * time.Second: leastStep, 13 * time.Second: 2 * leastStep, 30 * time.Minute: 15 * time.Second,
	} {
		if got := seriesStep(window); got != want {
			t.Errorf("a window of %v has steps of %v, want %v", window, got, want)
		}
	}
}
