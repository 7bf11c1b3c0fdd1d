// Package admin is a server's admin port: it begins windows and tells what the server
// measured, shows a page for Prometheus, samples requests, evicts topics from the page
// cache, and serves pprof.
package admin

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
	"c10klab/internal/knob"
	"c10klab/internal/record"
	"c10klab/storage"
)

// Source adds what the server knows to a snapshot. It is called from any
// goroutine, one call at a time over all sources.
type Source func(*record.ServerSnapshot)

type Port struct {
	// Mark and Snapshot fill in the answers of record.MarkPath and record.SnapshotPath;
	// the instant is when they were called, unless they set a later one.
	Mark, Snapshot Source
	BeginSeries    func(window time.Duration) // at a mark that tells of a window; nil: there are none
	Sampler        Sampler                    // serves record.SamplePath
	Switcher       Switcher                   // serves record.SwitchPath; nil: nothing does
	Metrics        http.Handler               // serves record.MetricsPath; nil: nothing does
	Recorders      func() int                 // what histograms occupy, for record.MemoryPath
	Store          *storage.Store             // serves record.ResidencyPath and record.EvictPath; nil: nothing does
}

// Handler answers all paths of the admin port; /debug/pprof/ is net/http/pprof.
func (p Port) Handler() http.Handler {
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
	mark := answer(p.Mark)
	mux.HandleFunc("POST "+record.MarkPath, func(w http.ResponseWriter, r *http.Request) {
		if window, err := time.ParseDuration(r.URL.Query().Get(record.MarkWindow)); err == nil && window > 0 && p.BeginSeries != nil {
			p.BeginSeries(window)
		}
		mark(w, r)
	})
	mux.HandleFunc("GET "+record.SnapshotPath, answer(p.Snapshot))
	handleSampling(mux, p.Sampler)
	if p.Switcher != nil && p.Switcher.Arms().Knob != "" {
		mux.HandleFunc("GET "+record.SwitchPath, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, p.Switcher.Arms()) })
		mux.HandleFunc("POST "+record.SwitchPath, p.switchTo)
	}
	mux.HandleFunc("GET "+record.MemoryPath, p.answerMemory)
	if p.Metrics != nil {
		mux.Handle("GET "+record.MetricsPath, p.Metrics)
	}
	if p.Store != nil {
		mux.HandleFunc("GET "+record.ResidencyPath, answerResidency(p.Store.Residency))
		mux.HandleFunc("POST "+record.EvictPath, answerResidency(p.Store.Evict))
	}
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

func (p Port) answerMemory(w http.ResponseWriter, _ *http.Request) {
	m, err := record.ThisMemory()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	m.RecorderBytes = int64(p.Recorders())
	writeJSON(w, m)
}

// Switcher changes a knob of the server while it runs. Any goroutine may call it.
type Switcher interface {
	Arms() knob.Switchback
	// Switch has a value in use when it returns; an error: it is none of the arms'.
	Switch(value string) error
}

func (p Port) switchTo(w http.ResponseWriter, r *http.Request) {
	if err := p.Switcher.Switch(r.URL.Query().Get(record.SwitchTo)); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
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

// Listening is an admin port that is being served.
type Listening struct {
	server http.Server
	done   chan error
}

// headerTimeout bounds how long a silent connection is held.
const headerTimeout = 10 * time.Second

// Serve starts to serve the handler on the listener, which it takes over.
func Serve(listener net.Listener, handler http.Handler) *Listening {
	l := &Listening{done: make(chan error, 1)}
	l.server = http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout}
	go func() { l.done <- l.server.Serve(listener) }()
	return l
}

// Close closes the listener and all connections and returns the error that
// ended the service before, if there was one.
func (l *Listening) Close() error {
	closed := l.server.Close()
	if err := <-l.done; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin port: %w", err)
	}
	return closed
}

// answerResidency passes the topic asked about on; an empty one is all.
func answerResidency(ask func(topic string) ([]storage.Residency, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		found, err := ask(r.URL.Query().Get("topic"))
		if err != nil {
			http.Error(w, err.Error(), residencyStatus(err))
			return
		}
		answer := make([]record.Residency, len(found))
		for i, f := range found {
			answer[i] = record.Residency{Topic: f.Topic, LogDir: f.LogDir, Pages: f.Pages, CachedPages: f.CachedPages, PageBytes: f.PageBytes}
		}
		writeJSON(w, answer)
	}
}

func residencyStatus(err error) int {
	switch {
	case errors.Is(err, storage.ErrUnknownTopicOrPartition):
		return http.StatusNotFound
	case errors.Is(err, storage.ErrNoCachestat):
		return http.StatusNotImplemented
	}
	return http.StatusInternalServerError
}
