package models

import (
	"fmt"
	"maps"
	"strings"

	"c10klab/internal/knob"
)

// Model is one way to give connections and requests to threads.
type Model struct {
	Name      string
	Accepts   string // which threads accept connections,
	NetworkIO string // receive requests and send responses,
	Computes  string // and handle requests
	// Hides says in which stages the model's own waits show, where a reader of the
	// stages' names would not look for them.
	Hides string
	// threads is the number of OS threads by group, as a census must find them.
	threads func(c Config, connections int) map[string]int
	// fits returns why the model cannot work as configured, nil if it can.
	fits func(c Config) error
	// sharesPs: threads say when they block (osthread.Options).
	sharesPs bool
	start    func(e *env, l *listener) (running, error)
}

// registry shows every model on one screen, in the order of the documents' table.
var registry = []Model{
	threadPerConnection,
	reactor,
	reactorPool,
	loopPerThread,
	loopPerThreadPool,
	goroutinePerConnection,
}

// Send is one way to send a response's file bytes.
type Send struct {
	Name    string
	Meaning string
	// mover makes what moves file bytes on one thread.
	mover func() mover
	// offload starts the threads that send; nil: the thread that has the
	// connection does. The handlers are nil where requests have no threads of
	// their own.
	offload func(e *env, handlers *handlers) (offloader, error)
	// threads is the number of those threads by group; nil: none that stay.
	threads func(c Config) map[string]int
	// capBytes bounds a send call of file bytes unless knob send-cap does; 0: the
	// socket is the only bound.
	capBytes int
	// chunked: after each send call of file bytes the response takes its turn
	// behind others, whatever knob sends-per-turn says.
	chunked bool
	// onHandlers says what handler threads have to do with file bytes; empty:
	// nothing, and the strategy does without such threads.
	onHandlers handlerDuty
	// probes: network threads send chunks that the page cache holds.
	probes bool
}

// handlerDuty is what a strategy asks of handler threads.
type handlerDuty string

const (
	sendRegions handlerDuty = "send file bytes"
	warmRegions handlerDuty = "read file bytes before they are sent"
)

// offloader sends responses with file bytes on other threads than the loops'.
type offloader interface {
	// submit gives a job away; it comes back through its connection's loop.
	submit(j *Job)
	// close ends the threads once the work is done.
	close()
}

var sends = []Send{
	{Name: "inline", Meaning: "sendfile on the thread that owns the connection (Kafka)", mover: newSendfileMover},
	{Name: "handler", Meaning: "sendfile on the handler thread that handled the request, later parts on any handler thread",
		mover: newSendfileMover, offload: sendOnHandlers, onHandlers: sendRegions},
	{Name: "pool", Meaning: "sendfile on separate send threads, back to the loop when the socket is full (nginx)",
		mover: newSendfileMover, offload: startSendPool, threads: sendThreads},
	{Name: "thread-per-send", Meaning: "sendfile on a new thread for each send and each continuation of one",
		mover: newSendfileMover, offload: startThreadPerSend},
	{Name: "shared-selector", Meaning: "one selector thread watches all sockets, send threads send one chunk per readiness event (Hadoop ipc.Server)",
		mover: newSendfileMover, offload: startSharedSelector, threads: selectorAndSendThreads, capBytes: chunkBytes, chunked: true},
	{Name: "selector-pool", Meaning: "a send thread stays with its response and waits for the socket on a borrowed selector (Hadoop SocketIOWithTimeout)",
		mover: newSendfileMover, offload: startSelectorPool, threads: sendThreads},
	{Name: "prewarm", Meaning: "the handler thread first sendfiles the region to /dev/null, then as inline (KAFKA-7504)",
		mover: newSendfileMover, onHandlers: warmRegions},
	{Name: "resident", Meaning: "chunks in the page cache as inline, others as pool",
		mover: newSendfileMover, offload: startSendPool, threads: sendThreads, capBytes: chunkBytes, chunked: true, probes: true},
	{Name: "copy", Meaning: "pread and write on the thread that owns the connection", mover: newCopyMover},
	{Name: "mmap", Meaning: "write from a mapping of the file on the thread that owns the connection", mover: newMappedMover, capBytes: chunkBytes},
}

// chunkBytes is the cap of a send call under strategies that divide regions.
const chunkBytes = 256 << 10

func sendThreads(c Config) map[string]int { return map[string]int{"send": c.SendThreads} }

// Models lists the registry.
func Models() []Model { return registry }

// Sends lists the send strategies.
func Sends() []Send { return sends }

// Names lists the models' names.
func Names() []string { return namesOf(registry, func(m Model) string { return m.Name }) }

// SendNames lists the send strategies' names.
func SendNames() []string { return namesOf(sends, func(s Send) string { return s.Name }) }

func namesOf[T any](list []T, name func(T) string) []string {
	names := make([]string, len(list))
	for i, item := range list {
		names[i] = name(item)
	}
	return names
}

func find[T any](kind, wanted string, list []T, name func(T) string) (T, error) {
	for _, item := range list {
		if name(item) == wanted {
			return item, nil
		}
	}
	var none T
	names := namesOf(list, name)
	return none, fmt.Errorf("no %s is named %q%s; there are %s",
		kind, wanted, knob.DidYouMean(wanted, names), strings.Join(names, ", "))
}

// Threads returns the number of OS threads, by group, that a server of this
// configuration has with a number of connections open; threads that live for one
// send only are not counted.
func Threads(c Config, connections int) (map[string]int, error) {
	m, s, err := check(c)
	if err != nil {
		return nil, err
	}
	threads := m.threads(c, connections)
	if s.threads != nil {
		maps.Copy(threads, s.threads(c))
	}
	if c.OnFull == OnFullSplit {
		threads["write"] = threads["net"]
	}
	if c.isolates() {
		threads[isolatedGroup(c.Isolate)] = c.IsolatedHandlers
	}
	return threads, nil
}

// RefusedError says why a combination makes no sense.
type RefusedError struct{ Model, With, Reason string }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("model %s with %s is refused: %s", e.Model, e.With, e.Reason)
}

// Check reports whether a server can be built so; a combination that makes no
// sense gives a RefusedError.
func Check(c Config) error {
	_, _, err := check(c)
	return err
}

func check(c Config) (Model, Send, error) {
	m, err := find("model", c.Model, registry, func(m Model) string { return m.Name })
	if err != nil {
		return Model{}, Send{}, err
	}
	s, err := find("send strategy", c.Send, sends, func(s Send) string { return s.Name })
	if err != nil {
		return Model{}, Send{}, err
	}
	return m, s, m.fits(c)
}

// withoutHandlerThreads refuses what needs them.
func withoutHandlerThreads(c Config) error {
	const here = "requests are handled on the thread that owns the connection, so it has no "
	send, err := find("send strategy", c.Send, sends, func(s Send) string { return s.Name })
	switch {
	case err != nil:
		return err
	case send.onHandlers != "":
		return &RefusedError{c.Model, "send=" + c.Send, fmt.Sprintf("it has no handler threads that could %s", send.onHandlers)}
	case c.HandlersWrite:
		return &RefusedError{c.Model, "response-writer=handler", here + "handler threads that could write"}
	case c.OnFull != OnFullBlock && c.OnFull != "":
		return &RefusedError{c.Model, "on-full=" + c.OnFull, here + "request queue that could be full"}
	case c.isolates():
		return &RefusedError{c.Model, "isolate=" + c.Isolate, here + "request queue to have a second one beside"}
	}
	return nil
}

// onePerConnection refuses what a connection with an executor of its own cannot
// or need not do.
func onePerConnection(c Config) error {
	switch send, err := find("send strategy", c.Send, sends, func(s Send) string { return s.Name }); {
	case err != nil:
		return err
	case send.offload != nil && send.onHandlers == "":
		return &RefusedError{c.Model, "send=" + c.Send, "each connection has a thread of its own already, which would only wait for the send thread"}
	case c.InFlight > 1:
		return &RefusedError{c.Model, fmt.Sprintf("max-in-flight=%d", c.InFlight), "a connection's thread serves one request at a time"}
	}
	return withoutHandlerThreads(c)
}
