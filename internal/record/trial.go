package record

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"c10klab/internal/hdr"
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
	ConfigHash string `json:"config_hash"`
	Attempt    int    `json:"attempt"` // from 1
	// Repetition: all cells of the block were measured again, and this is of those trials.
	Repetition bool      `json:"repetition,omitempty"`
	Outcome    Outcome   `json:"outcome"`
	Started    time.Time `json:"started"`
	ElapsedNs  int64     `json:"elapsed_ns"`
	// LoadBefore and LoadAfter are /proc/loadavg.
	LoadBefore string `json:"load_before,omitempty"`
	LoadAfter  string `json:"load_after,omitempty"`
	// Measurement is without its histograms, which are in the .hlog; nil if failed.
	Measurement *Measurement `json:"measurement,omitempty"`
	// OutOfRange counts durations that the histograms could not hold, by
	// STAGE/API; the log format has no place for them.
	OutOfRange map[string]int64 `json:"out_of_range,omitempty"`
	// Series names the spans, STAGE/API, whose course in time was kept; nil in records of
	// versions that did not name them.
	Series []string `json:"series,omitempty"`
	// Clusters is the mean size of the clusters in which durations beyond each of
	// hdr.Quantiles came, by STAGE/API; absent without series, and where all are 1.
	Clusters map[string][]float64 `json:"clusters,omitempty"`
	// Servers are the trial's, the one that the generator loads first; empty in records of
	// versions that knew one only.
	Servers []TrialServer `json:"servers,omitempty"`
	// Disks are the emulated disks in the order of the servers' log dirs, without their
	// samples (results.Run.DiskSamples); DiskWindows is what each did within the window.
	Disks       []DiskStatus `json:"disks,omitempty"`
	DiskWindows []DiskWindow `json:"disk_windows,omitempty"`
	// PagesBefore and PagesAfter are what the page cache held of the backlog before
	// the load and after it.
	PagesBefore []Residency `json:"pages_before,omitempty"`
	PagesAfter  []Residency `json:"pages_after,omitempty"`
	// FreshPages is nil in records of versions that did not probe, and of failed trials.
	FreshPages *FreshPages `json:"fresh_pages,omitempty"`
	// Numbers and Spans are of packed evidence: the values of all numbers by name, nil
	// where the trial did not support one, and those of all spans, by STAGE/API.
	Numbers map[string]*float64   `json:"numbers,omitempty"`
	Spans   map[string]hdr.Values `json:"spans,omitempty"`
	Error   string                `json:"error,omitempty"`
	LogTail string                `json:"log_tail,omitempty"`
}

// Name is unique within a run: BLOCK-CELL, with the number of any but the first attempt.
func (t *Trial) Name() string {
	name := fmt.Sprintf("%02d-%s", t.Block, t.Cell)
	if t.Attempt > 1 {
		name += fmt.Sprintf(".%d", t.Attempt)
	}
	return name
}

// Plausible says what a trial's record lacks.
func (t *Trial) Plausible() error {
	if t.Cell == "" || t.Block < 1 || t.Outcome == "" || t.Measured() && t.Measurement.WindowNs <= 0 {
		return fmt.Errorf("cell %q, block %d, outcome %q", t.Cell, t.Block, t.Outcome)
	}
	return nil
}

// TrialServer is a server of a trial, as it was started; Measurement.Servers has what it
// did. Addresses are empty of one that did not come up.
type TrialServer struct {
	Name   string `json:"name"`
	Listen string `json:"listen,omitempty"`
	Admin  string `json:"admin,omitempty"` // the admin port's address
	CPUs   string `json:"cpus,omitempty"`  // that it was bound to; empty: all
	Log    string `json:"log"`             // the file beside the trial's record with what it wrote to stderr
}

// ServerMark parts a server's name from that of a knob, or number, of it alone.
const ServerMark = ":"

// KnobsOfServer are a cell's knobs as one of its servers has them.
func KnobsOfServer(knobs map[string]string, server string) map[string]string {
	own := map[string]string{}
	maps.Copy(own, knobs)
	maps.DeleteFunc(own, func(name, _ string) bool { return strings.Contains(name, ServerMark) })
	for name, value := range knobs {
		if name, found := strings.CutPrefix(name, server+ServerMark); found {
			own[name] = value
		}
	}
	return own
}

// OfServer is the trial as one of its servers saw it: what is the broker's in the result
// is that server's, and what is the client's is missing. It shares memory with t.
func (t *Trial) OfServer(name string) *Trial {
	own := *t
	own.Disks, own.DiskWindows = nil, nil
	for i, d := range t.Disks {
		if d.Server == name || d.Server == "" && name == Broker {
			d.Server = ""
			own.Disks = append(own.Disks, d)
			if i < len(t.DiskWindows) {
				own.DiskWindows = append(own.DiskWindows, t.DiskWindows[i])
			}
		}
	}
	if t.Measurement == nil || name == Broker {
		return &own
	}
	m := t.Measurement
	own.Numbers = map[string]*float64{}
	for number, value := range t.Numbers {
		if number, found := strings.CutPrefix(number, name+ServerMark); found {
			own.Numbers[number] = value
		}
	}
	own.Measurement = &Measurement{Outcome: m.Outcome, WindowStartUnixMs: m.WindowStartUnixMs, WindowStartNs: m.WindowStartNs, WindowNs: m.WindowNs}
	if s := *m.Server(name); s.StageSource != StagesNone {
		s.Name = Broker
		own.Measurement.Servers = []ServerUse{s}
	}
	return &own
}

func (t *Trial) Measured() bool { return t.Measurement != nil }

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

func (m *Mean) Add(value float64) { m.Sum, m.N = m.Sum+value, m.N+1 }
