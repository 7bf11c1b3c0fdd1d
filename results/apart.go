package results

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"c10klab/internal/record"
)

// disksSuffix ends the name of a trial's disk samples, JSON apart from the trial's own
// as its series are.
const disksSuffix = ".disks"

// detachDiskSamples moves the samples out of the trial and leaves it DiskWindows.
func detachDiskSamples(t *record.Trial) (samples [][]record.DiskSample) {
	if !slices.ContainsFunc(t.Disks, func(d record.DiskStatus) bool { return len(d.Samples) > 0 }) {
		return nil
	}
	t.Disks, t.DiskWindows = slices.Clone(t.Disks), nil
	for i := range t.Disks {
		samples, t.Disks[i].Samples = append(samples, t.Disks[i].Samples), nil
	}
	if !t.Measured() {
		return samples
	}
	if begin, end, known := t.Measurement.WindowSpan(); known {
		for _, one := range samples {
			t.DiskWindows = append(t.DiskWindows, windowOf(one, begin, end))
		}
	}
	return samples
}

func windowOf(samples []record.DiskSample, begin, end int64) (w record.DiskWindow) {
	for _, s := range samples {
		if s.AtNs < begin || s.AtNs > end {
			continue
		}
		w.Reads += s.Reads
		w.Util.Add(s.Util)
		w.InFlight.Add(float64(s.InFlight))
		if s.ReadMBps > 0 {
			w.ReadAwaitMs.Add(s.ReadAwaitMs)
		}
		if s.WriteMBps > 0 {
			w.WriteAwaitMs.Add(s.WriteAwaitMs)
		}
	}
	return w
}

// DiskSamples reads the samples of a trial's disks, in the order of Trial.Disks; none
// if they were not kept.
func (r *Run) DiskSamples(t record.Trial) ([][]record.DiskSample, error) {
	if r.packed != nil {
		return r.packed.trials[t.Name()].disks, nil
	}
	var samples [][]record.DiskSample
	err := readJSON(r.trialPath(t, disksSuffix), &samples)
	if !errors.Is(err, fs.ErrNotExist) {
		return samples, err
	}
	var older record.Trial // of schema 2, which kept them in the trial's own file
	if err := readJSON(r.trialPath(t, ".json"), &older); err != nil {
		return nil, fmt.Errorf("disk samples: %w", err)
	}
	return detachDiskSamples(&older), nil
}

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
