package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/record"
	"c10klab/storage"
)

// Source adds what the server knows to a snapshot. It is called from any
// goroutine, one call at a time over all sources.
type Source func(*record.ServerSnapshot)

// Admin is what the admin port serves. Only Mark and Snapshot must be there.
type Admin struct {
	// Mark and Snapshot fill in the answers of record.MarkPath and record.SnapshotPath;
	// the instant is when they were called, unless they set a later one.
	Mark, Snapshot Source
	Sampler        Sampler      // serves record.SamplePath
	Metrics        http.Handler // serves record.MetricsPath
	// Recorders tells what histograms occupy; with it there is record.MemoryPath.
	Recorders func() int
	Store     *storage.Store // serves record.ResidencyPath and record.EvictPath
}

// Handler answers all paths of the admin port; /debug/pprof/ is net/http/pprof.
func (a Admin) Handler() http.Handler {
	var turn sync.Mutex
	answer := func(source Source) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			turn.Lock()
			s := takeSnapshot(source)
			turn.Unlock()
			writeJSON(w, s)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+record.MarkPath, answer(a.Mark))
	mux.HandleFunc("GET "+record.SnapshotPath, answer(a.Snapshot))
	if a.Sampler != nil {
		handleSampling(mux, a.Sampler)
	}
	if a.Recorders != nil {
		mux.HandleFunc("GET "+record.MemoryPath, a.answerMemory)
	}
	if a.Metrics != nil {
		mux.Handle("GET "+record.MetricsPath, a.Metrics)
	}
	if a.Store != nil {
		handleResidency(mux, a.Store)
	}
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

func (a Admin) answerMemory(w http.ResponseWriter, _ *http.Request) {
	m, err := record.ThisMemory()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	m.RecorderBytes = int64(a.Recorders())
	writeJSON(w, m)
}

func takeSnapshot(fill Source) *record.ServerSnapshot {
	s := &record.ServerSnapshot{MonotonicNs: clock.Now()}
	fill(s)
	return s
}

func writeJSON(w http.ResponseWriter, what any) {
	body, err := json.Marshal(what)
	if err != nil {
		http.Error(w, fmt.Sprintf("encode the answer: %v", err), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// A client that went away is no error of the server's.
	_, _ = w.Write(body)
}

// AdminServer serves the admin port.
type AdminServer struct {
	server http.Server
	done   chan error
}

// headerTimeout bounds how long a silent connection is held.
const headerTimeout = 10 * time.Second

// Serve starts to serve the handler on the listener, which it takes over.
func (a Admin) Serve(listener net.Listener) *AdminServer {
	s := &AdminServer{done: make(chan error, 1)}
	s.server = http.Server{Handler: a.Handler(), ReadHeaderTimeout: headerTimeout}
	go func() { s.done <- s.server.Serve(listener) }()
	return s
}

// Close closes the listener and all connections and returns the error that
// ended the service before, if there was one.
func (a *AdminServer) Close() error {
	closed := a.server.Close()
	if err := <-a.done; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin port: %w", err)
	}
	return closed
}
