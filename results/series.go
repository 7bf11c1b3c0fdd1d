package results

import (
	"errors"
	"fmt"
	"io/fs"

	"c10klab/internal/record"
)

// seriesSuffix ends the name of a trial's series, JSON apart from the trial's own
// so that opening a run of many trials stays cheap.
const seriesSuffix = ".series"

// Series reads how a trial's durations went over its window; none in runs of
// versions that did not keep it.
func (r *Run) Series(t record.Trial) ([]record.TimeSeries, error) {
	var series []record.TimeSeries
	if r.packed != nil {
		return r.packed.trials[t.Name()].series, nil
	}
	path := r.trialPath(t, seriesSuffix)
	if err := readJSON(path, &series); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, s := range series {
		if err := checkSeries(s); err != nil {
			return nil, fmt.Errorf("%s: %w: %w", path, ErrGarbled, err)
		}
	}
	return series, nil
}

func checkSeries(s record.TimeSeries) error {
	if s.StepNs <= 0 {
		return fmt.Errorf("a step of %d ns", s.StepNs)
	}
	for i, step := range s.Steps {
		if len(step)%2 != 0 {
			return fmt.Errorf("step %d: a bucket without a count", i)
		}
		for j := 0; j < len(step); j += 2 {
			bucket, count := step[j], step[j+1]
			if bucket < 0 || bucket >= record.SeriesBuckets || count < 0 {
				return fmt.Errorf("step %d: bucket %d with count %d", i, bucket, count)
			}
		}
	}
	return nil
}
