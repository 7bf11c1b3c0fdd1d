package models

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/knob"
	"c10klab/internal/osthread"
	"c10klab/internal/poll"
	"c10klab/internal/record"
	"c10klab/internal/stage"
)

// running is a started model. Server.Stop calls the two on its caller's thread, in this
// order, and then env.exit, once no connection lives.
type running interface {
	// stopAccepting refuses connections and returns when no more will come.
	stopAccepting()
	// drain makes the threads that read connections look at env.stopping and
	// env.aborting; when it returns they own all connections there will ever be. Stop
	// calls it once more when it has lost patience and set env.aborting.
	drain()
}

// Server is a model serving on a listener.
type Server struct {
	env      *env
	model    Model
	listener *listener
	running  running
}

// offsetSamplingInterval is how soon a step of CLOCK_REALTIME is noticed. Between
// steps its offset to CLOCK_MONOTONIC is constant: the kernel slews both alike
// (timekeeping.c: wall_to_monotonic changes with a step only).
const offsetSamplingInterval = 100 * time.Millisecond

// Start builds the configured model around a service and serves on address. The
// log function may be called from any thread. A nil recorder turns stages off.
func Start(c Config, address string, service Service, stages *stage.Recorder, log func(format string, args ...any)) (*Server, error) {
	m, s, err := check(c)
	if err != nil {
		return nil, err
	}
	if err := CheckService(c, service); err != nil {
		return nil, err
	}
	e := &env{config: c, send: s, service: service, stages: stages, plant: c.Plant, stopped: make(chan struct{}), requests: newRequestMemory(c.RequestMemoryBytes),
		threads: osthread.NewRegistry(osthread.Options{Pin: c.PinThreads, Batch: c.Batch, SharePs: m.sharesPs}), log: log}
	e.wakesInTurns = wakesInTurns(c)
	e.identifier, _ = service.(Identifier)
	if err := e.useFirst(); err != nil {
		return nil, err
	}
	e.offset.Sample()
	server := &Server{env: e, model: m}
	if err := server.start(address); err != nil {
		e.exit()
		return nil, err
	}
	go e.sampleOffset()
	if c.MaxIdle > 0 {
		go e.closeIdle(c.MaxIdle)
	}
	return server, nil
}

// start leaves it to env.exit to undo what it did before it failed.
func (s *Server) start(address string) (err error) {
	if s.listener, err = listen(address, s.env.config); err != nil {
		return err
	}
	s.env.atExit(nil, s.listener.close)
	if err := s.env.openNull(); err != nil {
		return err
	}
	if s.running, err = s.model.start(s.env, s.listener); err != nil {
		return fmt.Errorf("start %s: %w", s.model.Name, err)
	}
	return nil
}

// wakesInTurns reports what knob handler-wake comes to.
func wakesInTurns(c Config) bool {
	if c.HandlerWake == "request" || c.HandlerWake == "turn" {
		return c.HandlerWake == "turn"
	}
	cpus, err := osthread.ProcessCPUs()
	return err == nil && len(cpus) == 1
}

func (e *env) sampleOffset() {
	for ticks := time.Tick(offsetSamplingInterval); ; {
		select {
		case <-e.stopped:
			return
		case <-ticks:
			e.offset.Sample()
		}
	}
}

// Hides is Model.Hides of the model that serves.
func (s *Server) Hides() string { return s.model.Hides }

func (s *Server) Addr() string { return s.listener.address }

// Stop takes no further requests, answers those taken, closes the connections
// and ends all threads. When the context ends first, connections are closed
// unanswered; the error says how many.
func (s *Server) Stop(ctx context.Context) error {
	e := s.env
	e.stopping.Store(true)
	close(e.stopped)
	e.requests.stop()
	s.running.stopAccepting()
	s.running.drain()
	var err error
	if !e.noneLives(ctx.Done()) {
		err = fmt.Errorf("stop: %d connections were closed before their requests were answered: %w", e.live.Load(), ctx.Err())
		e.aborting.Store(true)
		s.running.drain()
		e.noneLives(nil)
	}
	e.exit()
	return err
}

// noneLives waits until no connection lives; false: patience ended first.
func (e *env) noneLives(patience <-chan struct{}) bool {
	for e.live.Load() > 0 {
		select {
		case <-time.After(lingerPoll):
		case <-patience:
			return false
		}
	}
	return true
}

func (s *Server) Census() (osthread.Census, error) { return s.env.threads.Census() }

func (s *Server) Connections() (ever int64, open int) {
	return s.env.connections.Load(), int(s.env.live.Load())
}

// ConnectionsByLoop is how many connections each network thread owns now; nil where
// connections have threads of their own.
func (s *Server) ConnectionsByLoop() (counts []int) {
	for _, l := range s.env.loops {
		counts = append(counts, int(l.count.Load()))
	}
	return counts
}

// QueueFull counts what happened since the start to requests that found the
// request queue full.
func (s *Server) QueueFull() (sum QueueFull) {
	for _, p := range s.env.pools {
		sum.Waits += p.queue.fullWaits.Load()
		sum.Pauses += p.pauses.Load()
		sum.Sheds += p.sheds.Load()
	}
	return sum
}

// Count enters what the server counts since its start, by the names that are declared
// in internal/measure.
func (s *Server) Count(add func(name string, n int64)) {
	add("connections", s.env.connections.Load())
	var receives, sends int64
	for _, t := range s.ThreadIO() {
		receives, sends = receives+t.ReceiveCalls, sends+t.SendCalls
	}
	add("receive_calls", receives)
	add("send_calls", sends)
	full := s.QueueFull()
	add("queue_full_blocked", full.Waits)
	add("queue_full_paused", full.Pauses)
	add("queue_full_shed", full.Sheds)
}

// Clock converts the kernel's stamps; each of its steps spoils the SocketQueue times around it.
func (s *Server) Clock() *clock.Offset { return &s.env.offset }

// env is what all threads of one server share.
type env struct {
	config       Config
	send         Send // whose threads there are
	arms         knob.Switchback
	inUse        atomic.Pointer[policies]
	service      Service
	identifier   Identifier      // the service, if its requests carry correlation ids; else nil
	stages       *stage.Recorder // nil: stages off
	plant        stage.Plant
	threads      *osthread.Registry
	offset       clock.Offset
	log          func(format string, args ...any)
	wakesInTurns bool // loops wake handlers when they have read what there is

	connections atomic.Int64 // ever opened
	live        atomic.Int64 // open, or still referred to by a job
	open        openConns    // the same, one by one
	requests    *requestMemory
	stopping    atomic.Bool   // take no new requests; answer those taken
	aborting    atomic.Bool   // close all connections now
	stopped     chan struct{} // closed when stopping is set

	null        int      // descriptor of /dev/null under prewarm
	ends        []func() // see atExit
	releases    []func()
	countersMu  poll.Mutex
	counters    map[*threadCounters]struct{} // of live threads
	pastIO      map[string]record.ThreadIO   // what ended threads have counted, by name
	queues      []namedQueue
	pools       []*handlerPool
	loops       []*loop
	residencies []*residencyCounts
	loopTimes   []*loopTimes
}

// atExit leaves the end of something that a start has begun to the server: end tells
// threads to end, and release gives back descriptors once all threads have ended; either
// may be nil. The server calls them, the newest first, when no connection lives any more
// or when the start fails later on. The thread that starts the server calls it.
func (e *env) atExit(end, release func()) {
	if end != nil {
		e.ends = append(e.ends, end)
	}
	if release != nil {
		e.releases = append(e.releases, release)
	}
}

// exit ends what was started, and returns when all threads have ended.
func (e *env) exit() {
	for _, end := range slices.Backward(e.ends) {
		end()
	}
	e.threads.Wait()
	for _, release := range slices.Backward(e.releases) {
		release()
	}
}
