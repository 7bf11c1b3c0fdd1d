package models

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"c10klab/internal/knob"
	"c10klab/internal/osthread"
)

// Model is one way to give connections and requests to threads. A model is a page of
// composition: its file and its line in the registry are all there is to it. What its
// columns say, the census test and the proof by strace hold it to.
type Model struct {
	Name string
	// Threads that accept connections, receive requests, handle them, and write
	// responses that hold no file bytes, by their names in a census: "net-N" is one of
	// several, "net-0" the only one.
	Accepts, Reads, Handles, Writes string
	// Hides says in which stages the model's own waits show, where a reader of the
	// stages' names would not look for them.
	Hides   string
	threads []threadGroup // that a census must find
	// fits returns why the model cannot work as configured, nil if it can; nil: it always can.
	fits     func(c Config, s Send) error
	sharesPs bool // threads say when they block (osthread.Options)
	// start starts the model's threads; what accepts connections starts last. Whatever it
	// has started or opened it leaves to env.atExit, also when it fails.
	start func(e *env, l *listener) (running, error)
}

// registry shows every model on one screen, in the order in which all tables have them.
var registry = []Model{
	threadPerConnection,
	reactor,
	reactorPool,
	loopPerThread,
	loopPerThreadPool,
	goroutinePerConnection,
}

// threadGroup are the threads of one kind: NAME, or NAME-0, NAME-1 and so on.
type threadGroup struct {
	name   string
	number threadNumber
}

// threadNumber is how many threads a group has, with its letter in the documents.
type threadNumber struct {
	letter string
	of     func(c Config, connections int) int
}

var (
	oneThread     = threadNumber{"1", func(Config, int) int { return 1 }}
	perLoop       = threadNumber{"C1", func(c Config, _ int) int { return c.Loops }}
	perHandler    = threadNumber{"C2", func(c Config, _ int) int { return c.Handlers }}
	perConnection = threadNumber{"N", func(_ Config, connections int) int { return connections }}
	perSendThread = threadNumber{"S", func(c Config, _ int) int { return c.SendThreads }}
)

// censusFormula is the sum of the groups' letters; none: nothing but the runtime's own.
func censusFormula(groups []threadGroup, none string) string {
	var terms []string
	for _, g := range groups {
		terms = append(terms, g.number.letter)
	}
	return cmp.Or(strings.Join(terms, " + "), none)
}

// Send is one way to send a response's file bytes: its file and its line in the list
// of sends are all there is to it. Its columns are held to like a model's.
type Send struct {
	Name    string
	Meaning string // which system call moves file bytes, on which thread, and whose way that is
	Stage   string // where that shows, and waits for a thread that does it
	Blocks  string // who waits while a page comes from the disk
	// Calls are the system calls that the strategy makes for file bytes, and the group
	// of threads that makes each, or WritingThread or AnyThread.
	Calls map[FileCall]string
	mover func() mover // makes what moves file bytes on one thread
	// offload starts the threads that send; nil: the thread that has the
	// connection does. The handlers are nil where requests have no threads of
	// their own. It leaves what it has started to env.atExit, also when it fails.
	offload  func(e *env, handlers *handlers) (offloader, error)
	threads  []threadGroup // that stay
	capBytes int           // of a send call of file bytes, unless knob send-cap says; 0: no bound
	// chunked: after each send call of file bytes the response takes its turn
	// behind others, whatever knob sends-per-turn says.
	chunked    bool
	onHandlers handlerDuty // empty: the strategy does without handler threads
	probes     bool        // network threads send chunks that the page cache holds
	switches   bool        // a server can change to it and from it while it runs (knob switchback)
}

var sends = []Send{
	sendInline,
	sendHandler,
	sendPoolOfThreads,
	sendThreadPerSend,
	sendSharedSelector,
	sendSelectorPool,
	sendPrewarm,
	sendResident,
	sendCopy,
	sendMmap,
}

// FileCall is a kind of system call that moves a response's file bytes or asks about
// them.
type FileCall string

const (
	SendfileToSocket FileCall = "sendfile to a socket"
	SendfileToNull   FileCall = "sendfile to /dev/null"
	ReadFile         FileCall = "pread of a file"
	AskPageCache     FileCall = "preadv2 with RWF_NOWAIT"
	SendMapped       FileCall = "send from a mapping"
	StartThread      FileCall = "clone"
)

// Stand-ins for a group of threads in Send.Calls.
const (
	WritingThread = "the thread that writes" // Model.Writes, or under on-full=split write-N
	AnyThread     = "any thread"
)

// Table is a list of the package as users and documents see it: one row an entry, the
// name first.
type Table struct {
	Head []string
	Rows [][]string
}

// ModelTable says which thread does what under each model, and how many threads a
// census finds: N connections, C1 the knob loops, C2 the knob handlers.
func ModelTable() Table {
	t := Table{Head: []string{"name", "accepts", "reads", "handles", "writes", "threads"}}
	for _, m := range registry {
		writes := m.Writes
		if m.Handles != m.Reads {
			writes += ", or " + m.Handles + " with response-writer=handler"
		}
		t.Rows = append(t.Rows, []string{m.Name, m.Accepts, m.Reads, m.Handles, writes, censusFormula(m.threads, "the runtime's")})
	}
	return t
}

// handlerDuty is what a strategy asks of handler threads.
type handlerDuty string

const (
	sendRegions handlerDuty = "send file bytes"
	warmRegions handlerDuty = "read file bytes before they are sent"
)

// offloader sends responses with file bytes on other threads than the loops'.
type offloader interface {
	// submit gives a job away, which comes back by its connection's owner.returned. The
	// thread that owns the job calls it; it may wait for room.
	submit(j *Job)
}

// chunkBytes is the cap of a send call under strategies that divide regions.
const chunkBytes = 256 << 10

func Models() []Model { return registry }

func Sends() []Send { return sends }

func Names() []string { return namesOf(registry, func(m Model) string { return m.Name }) }

func SendNames() []string { return namesOf(sends, func(s Send) string { return s.Name }) }

func namesOf[T any](list []T, name func(T) string) (names []string) {
	for _, item := range list {
		names = append(names, name(item))
	}
	return names
}

func find[T any](kind, wanted string, list []T, names []string) (found T, err error) {
	if i := slices.Index(names, wanted); i >= 0 {
		return list[i], nil
	}
	return found, fmt.Errorf("no %s is named %q%s; there are %s",
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
	threads := map[string]int{}
	for _, g := range slices.Concat(m.threads, s.threads) {
		threads[g.name] = g.number.of(c, connections)
	}
	if c.OnFull == OnFullSplit {
		threads["write"] = threads["net"]
	}
	if c.isolates() {
		threads[isolatedGroup(c.Isolate)] = c.IsolatedHandlers
	}
	return threads, nil
}

// spareDescriptors are those a server needs beside its connections: log files, event
// queues, the admin port, the Go runtime's own.
const spareDescriptors = 256

// CheckRoom reports whether the system lets a server of this configuration hold a
// number of connections; the error says which limit is too low, what is needed, and
// how to raise it. What the process has already is not subtracted, but for the spare ones.
func CheckRoom(c Config, connections int) error {
	if err := osthread.CheckDescriptors("server", connections, spareDescriptors); err != nil {
		return err
	}
	groups, err := Threads(c, connections)
	if err != nil {
		return err
	}
	threads := 0
	for _, n := range groups {
		threads += n
	}
	if err := osthread.CheckRoom(threads); err != nil {
		return fmt.Errorf("a server of model %s with %d connections: %w", c.Model, connections, err)
	}
	return nil
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
	m, s, err := checkOne(c)
	if err == nil && c.Switchback != "" {
		s, err = checkArms(c)
	}
	return m, s, err
}

// checkOne leaves knob switchback out.
func checkOne(c Config) (Model, Send, error) {
	m, err := find("model", c.Model, registry, Names())
	if err != nil {
		return Model{}, Send{}, err
	}
	s, err := find("send strategy", c.Send, sends, SendNames())
	if err != nil {
		return Model{}, Send{}, err
	}
	if m.fits != nil {
		err = m.fits(c, s)
	}
	return m, s, err
}

// withoutHandlerThreads refuses what needs them.
func withoutHandlerThreads(c Config, s Send) error {
	const here = "requests are handled on the thread that owns the connection, so it has no "
	switch {
	case s.onHandlers != "":
		return &RefusedError{c.Model, "send=" + c.Send, fmt.Sprintf("it has no handler threads that could %s", s.onHandlers)}
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
func onePerConnection(c Config, s Send) error {
	switch {
	case s.offload != nil && s.onHandlers == "":
		return &RefusedError{c.Model, "send=" + c.Send, "each connection has a thread of its own already, which would only wait for the send thread"}
	case c.InFlight > 1:
		return &RefusedError{c.Model, fmt.Sprintf("max-in-flight=%d", c.InFlight), "a connection's thread serves one request at a time"}
	}
	return withoutHandlerThreads(c, s)
}
