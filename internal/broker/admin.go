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

// NewAdmin makes the handler of the admin port: record.MarkPath and
// record.SnapshotPath answer with what mark and snapshot fill in, /debug/pprof/ is
// net/http/pprof. The instant comes from here. With a store, which may be nil,
// there are record.ResidencyPath and record.EvictPath too.
func NewAdmin(mark, snapshot Source, store *storage.Store) http.Handler {
	var turn sync.Mutex
	answer := func(source Source) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			turn.Lock()
			s := takeSnapshot(source)
			turn.Unlock()
			writeSnapshot(w, s)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+record.MarkPath, answer(mark))
	mux.HandleFunc("GET "+record.SnapshotPath, answer(snapshot))
	if store != nil {
		handleResidency(mux, store)
	}
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

func takeSnapshot(fill Source) *record.ServerSnapshot {
	s := &record.ServerSnapshot{MonotonicNs: clock.Now()}
	fill(s)
	return s
}

func writeSnapshot(w http.ResponseWriter, s *record.ServerSnapshot) {
	body, err := json.Marshal(s)
	if err != nil {
		http.Error(w, fmt.Sprintf("encode snapshot: %v", err), http.StatusInternalServerError)
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

// ServeAdmin starts to serve NewAdmin's handler on the listener, which it takes over.
func ServeAdmin(listener net.Listener, mark, snapshot Source, store *storage.Store) *AdminServer {
	a := &AdminServer{done: make(chan error, 1)}
	a.server = http.Server{Handler: NewAdmin(mark, snapshot, store), ReadHeaderTimeout: headerTimeout}
	go func() { a.done <- a.server.Serve(listener) }()
	return a
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
