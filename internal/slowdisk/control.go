package slowdisk

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/record"
)

type mark struct{ atNs, cpuNs int64 }

// maxStall bounds a stall: longer than any that a kernel waits out silently.
const maxStall = 5 * time.Minute

// alivePath answers GET with nothing, as soon as the process can.
const alivePath = "/alive"

func (d *Disk) listen() (stop func() error, err error) {
	listener, err := net.Listen("unix", d.places.control())
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	server := &http.Server{Handler: d.handler(), ReadHeaderTimeout: 5 * time.Second}
	go server.Serve(listener)
	return server.Close, nil
}

func (d *Disk) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+record.DiskStatusPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		// A client that has gone away needs no answer.
		_ = json.NewEncoder(w).Encode(d.Status())
	})
	mux.HandleFunc("GET "+alivePath, func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST "+record.MarkPath, func(http.ResponseWriter, *http.Request) { d.Mark() })
	mux.HandleFunc("POST "+record.DiskDelayPath, func(w http.ResponseWriter, r *http.Request) {
		on, err := strconv.ParseBool(r.FormValue("on"))
		if err != nil {
			http.Error(w, fmt.Sprintf("on=%q is not true or false", r.FormValue("on")), http.StatusBadRequest)
			return
		}
		d.pacer.setDelay(on)
	})
	mux.HandleFunc("POST "+record.DiskStallPath, func(w http.ResponseWriter, r *http.Request) {
		stall, err := time.ParseDuration(r.FormValue("for"))
		if err != nil || stall < 0 || stall > maxStall {
			http.Error(w, fmt.Sprintf("for=%q is not a duration from 0s to %v", r.FormValue("for"), maxStall), http.StatusBadRequest)
			return
		}
		d.pacer.stall(stall)
	})
	return mux
}

// Mark begins a window: what is counted starts at zero. Any thread may call it.
func (d *Disk) Mark() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.markLocked()
}

func (d *Disk) markLocked() {
	d.pacer.mark()
	if d.sampler != nil {
		d.sampler.mark()
	}
	d.atMark = mark{clock.Now(), record.ThisProcess().CPUNs}
}

// Status tells the disk's state and what it did since the mark. Any thread may
// call it; it needs nothing from the disk itself.
func (d *Disk) Status() record.DiskStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, m := d.config, d.config.Model
	s := record.DiskStatus{
		Parameters: record.DiskParameters{
			ReadMBps: m.ReadMBps, WriteMBps: m.WriteMBps, SeekNs: int64(m.Seek), LatencyNs: int64(m.Latency),
			Channels: m.Channels, SlackNs: int64(m.Slack),
		},
		Ready: d.ready, Knobs: c.KnobTexts, FileSystem: c.FS,
		SizeBytes: d.sizeBytes, Base: c.Base, IOFlusher: isFlusher(), MarkNs: d.atMark.atNs, MonotonicNs: clock.Now(),
		CPUNs: record.ThisProcess().CPUNs - d.atMark.cpuNs, Settings: map[string]string{},
		Samples: []record.DiskSample{},
	}
	s.Counts, s.Delay = d.pacer.snapshot()
	s.Name, s.Model, s.Mount = c.Name, m.Name, c.Mount
	if !d.ready {
		return s
	}
	s.DiskReady = d.Ready()
	samples, lost, sampling := d.sampler.snapshot()
	s.Samples, s.LostSamples = append(s.Samples, samples...), int64(lost)
	settings, reading := readSettings(append(touchedSettings(d.state.Device, c), machineLimits().paths()...))
	for _, setting := range settings {
		s.Settings[setting.Path] = setting.Value
	}
	for _, problem := range []error{sampling, reading} {
		if problem != nil {
			s.Problems = append(s.Problems, problem.Error())
		}
	}
	return s
}
