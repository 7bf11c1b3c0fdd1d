package results

import (
	"errors"
	"fmt"
	"io/fs"

	"c10klab/internal/record"
)

// disksSuffix ends the name of a trial's disk samples, JSON apart from the trial's own
// as its series are.
const disksSuffix = ".disks"

// DiskWindow is what an emulated disk did within a trial's window, by those of its
// 100 ms samples that end there.
type DiskWindow struct {
	Reads    int64 `json:"reads"`
	Util     Mean  `json:"util"` // share of the time with a request under way, 0 to 1
	InFlight Mean  `json:"in_flight"`
	// ReadAwaitMs and WriteAwaitMs are over the samples in which reads, or writes, ended.
	ReadAwaitMs  Mean `json:"read_await_ms"`
	WriteAwaitMs Mean `json:"write_await_ms"`
}

// Mean is that of N samples.
type Mean struct {
	Sum float64 `json:"sum"`
	N   int     `json:"n"`
}

func (m *Mean) add(value float64) { m.Sum, m.N = m.Sum+value, m.N+1 }

// detachDiskSamples moves the samples out of the trial and leaves it DiskWindows.
func (t *Trial) detachDiskSamples() (samples [][]record.DiskSample) {
	disks := make([]record.DiskStatus, len(t.Disks))
	some := false
	for i, d := range t.Disks {
		samples = append(samples, d.Samples)
		some = some || len(d.Samples) > 0
		disks[i] = d
		disks[i].Samples = nil
	}
	if !some {
		return nil
	}
	t.Disks, t.DiskWindows = disks, nil
	if !t.measured() {
		return samples
	}
	if begin, end, known := t.Measurement.WindowSpan(); known {
		for _, one := range samples {
			t.DiskWindows = append(t.DiskWindows, windowOf(one, begin, end))
		}
	}
	return samples
}

func windowOf(samples []record.DiskSample, begin, end int64) (w DiskWindow) {
	for _, s := range samples {
		if s.AtNs < begin || s.AtNs > end {
			continue
		}
		w.Reads += s.Reads
		w.Util.add(s.Util)
		w.InFlight.add(float64(s.InFlight))
		if s.ReadMBps > 0 {
			w.ReadAwaitMs.add(s.ReadAwaitMs)
		}
		if s.WriteMBps > 0 {
			w.WriteAwaitMs.add(s.WriteAwaitMs)
		}
	}
	return w
}

// DiskSamples reads the samples of a trial's disks, in the order of Trial.Disks; none
// if they were not kept.
func (r *Run) DiskSamples(t Trial) ([][]record.DiskSample, error) {
	var samples [][]record.DiskSample
	err := readJSON(r.trialPath(t, disksSuffix), &samples)
	if !errors.Is(err, fs.ErrNotExist) {
		return samples, err
	}
	var older Trial // of schema 2, which kept them in the trial's own file
	if err := readJSON(r.trialPath(t, ".json"), &older); err != nil {
		return nil, fmt.Errorf("disk samples: %w", err)
	}
	return older.detachDiskSamples(), nil
}
