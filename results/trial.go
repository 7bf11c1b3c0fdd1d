package results

import (
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

// Trial is one measurement of one cell by fresh processes on a fresh directory,
// or the reason why there is none.
type Trial struct {
	Experiment string            `json:"experiment"`
	Block      int               `json:"block"` // from 1
	Cell       string            `json:"cell"`
	Knobs      map[string]string `json:"knobs"` // those given to the processes and the runner
	// ConfigHash covers the knobs and the program, so that equal hashes mean
	// interchangeable trials of a cell and block.
	ConfigHash string         `json:"config_hash"`
	Attempt    int            `json:"attempt"` // from 1
	Outcome    record.Outcome `json:"outcome"`
	Started    time.Time      `json:"started"`
	ElapsedNs  int64          `json:"elapsed_ns"`
	// LoadBefore and LoadAfter are /proc/loadavg.
	LoadBefore string `json:"load_before,omitempty"`
	LoadAfter  string `json:"load_after,omitempty"`
	// Measurement is without its histograms, which are in the .hlog; nil if failed.
	Measurement *record.Measurement `json:"measurement,omitempty"`
	// OutOfRange counts durations that the histograms could not hold, by
	// STAGE/API; the log format has no place for them.
	OutOfRange map[string]int64 `json:"out_of_range,omitempty"`
	// Clusters is the mean size of the clusters in which durations beyond each of
	// hdr.Quantiles came, by STAGE/API; absent without series, and where all are 1.
	Clusters map[string][]float64 `json:"clusters,omitempty"`
	// Disks are the emulated disks in the order of the server's log dirs, without their
	// samples (see Run.DiskSamples); DiskWindows is what each did within the window.
	Disks       []record.DiskStatus `json:"disks,omitempty"`
	DiskWindows []DiskWindow        `json:"disk_windows,omitempty"`
	// PagesBefore and PagesAfter are what the page cache held of the backlog before
	// the load and after it.
	PagesBefore []record.Residency `json:"pages_before,omitempty"`
	PagesAfter  []record.Residency `json:"pages_after,omitempty"`
	Error       string             `json:"error,omitempty"`
	LogTail     string             `json:"log_tail,omitempty"`
}

// measured reports whether the trial has histograms.
func (t *Trial) measured() bool { return t.Measurement != nil }

// detachHistograms moves the histograms out of the measurement.
func (t *Trial) detachHistograms() hdr.Bundle {
	if !t.measured() {
		return nil
	}
	copied := *t.Measurement
	bundle := copied.Histograms
	copied.Histograms = nil
	t.Measurement = &copied
	for key, h := range bundle {
		if n := h.OutOfRange(); n > 0 {
			if t.OutOfRange == nil {
				t.OutOfRange = map[string]int64{}
			}
			t.OutOfRange[key.String()] = n
		}
	}
	return bundle
}
