package stage

import (
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

// series counts durations by step of time and bucket, in a row of record.SeriesBuckets for
// each step. There is one set for each of the recorders, whose holder alone touches it.
type series struct {
	startNs, stepNs int64
	steps           int
	sets            [][][]uint32 // by recorder and histogram; nil: nothing was counted
}

// BeginSeries begins to keep how spans develop within a window from now on, until Series.
func (r *Recorder) BeginSeries(window time.Duration) {
	if r == nil {
		return
	}
	s := &series{startNs: clock.Now(), sets: make([][][]uint32, r.recorders.Number())}
	s.stepNs, s.steps = record.SeriesSteps(window)
	for i := range s.sets {
		s.sets[i] = make([][]uint32, (len(r.apis)+1)*int(measures))
	}
	r.series.Store(s)
}

// add counts those of a row of durations that are known and not 0, of something that began
// at an instant; the caller holds the recorder. A nil series counts nothing.
func (s *series) add(recorder, first int, atNs int64, ns []int64, known uint32) {
	if s == nil || atNs < s.startNs || atNs >= s.startNs+int64(s.steps)*s.stepNs {
		return
	}
	row := int((atNs-s.startNs)/s.stepNs) * record.SeriesBuckets
	set := s.sets[recorder][first:]
	for i, one := range ns {
		if known&(1<<i) == 0 || one <= 0 {
			continue
		}
		if set[i] == nil {
			set[i] = make([]uint32, s.steps*record.SeriesBuckets)
		}
		set[i][row+record.SeriesBucket(one)]++
	}
}

// Series ends what BeginSeries began and returns it; nothing if that is over.
func (r *Recorder) Series() (all []record.TimeSeries) {
	if r == nil {
		return nil
	}
	s := r.series.Swap(nil)
	if s == nil {
		return nil
	}
	r.recorders.Await() // who still holds one counts into s
	for i := range s.sets[0] {
		t := record.TimeSeries{Stage: names[i%int(measures)], API: r.api(i / int(measures)), StartNs: s.startNs, StepNs: s.stepNs, Steps: make([][]int64, s.steps)}
		counted := false
		for at := range s.steps * record.SeriesBuckets {
			n := int64(0)
			for _, set := range s.sets {
				if set[i] != nil {
					n += int64(set[i][at])
				}
			}
			if n > 0 {
				step := at / record.SeriesBuckets
				t.Steps[step], counted = append(t.Steps[step], int64(at%record.SeriesBuckets), n), true
			}
		}
		if counted {
			all = append(all, t)
		}
	}
	return all
}

// memoryBytes is what the series has touched so far.
func (s *series) memoryBytes(recorders *hdr.Recorders) (bytes int) {
	if s == nil {
		return 0
	}
	rows := min(int64(s.steps), (clock.Now()-s.startNs)/s.stepNs+1)
	for i, set := range s.sets {
		recorders.Held(i, func() {
			for _, counts := range set {
				if counts != nil {
					bytes += int(rows) * record.SeriesBuckets * 4
				}
			}
		})
	}
	return bytes
}
