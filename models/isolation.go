package models

import (
	"fmt"
	"slices"
	"strings"

	"c10klab/internal/knob"
	"c10klab/internal/stage"
)

const isolateNone = "none"

func (c Config) isolates() bool { return c.Isolate != isolateNone && c.Isolate != "" }

// ClassNamer is a service whose classes have names, by which knob isolate chooses
// one.
type ClassNamer interface {
	// APIs lists the names of the classes that Classify returns; index 0 is for
	// requests of no class in particular.
	APIs() []string
}

// CheckService reports whether a service can run under a configuration: whether
// it has the class to isolate, and can refuse requests if it must.
func CheckService(c Config, service Service) error {
	if _, err := isolatedClass(c, service); err != nil {
		return err
	}
	return checkRefuser(c, service)
}

// isolatedClass finds the class to isolate by its name, in any case; 0: none.
func isolatedClass(c Config, service Service) (stage.Class, error) {
	if !c.isolates() {
		return 0, nil
	}
	namer, named := service.(ClassNamer)
	if !named {
		return 0, fmt.Errorf("knob isolate: the classes of %T have no names, so none is %q", service, c.Isolate)
	}
	names := namer.APIs()[1:]
	i := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, c.Isolate) })
	if i < 0 {
		return 0, fmt.Errorf("knob isolate: no class of requests is named %q%s; there are %s, and %s",
			c.Isolate, knob.DidYouMean(c.Isolate, names), strings.Join(names, ", "), isolateNone)
	}
	return stage.Class(i + 1), nil
}

// isolatedGroup names the threads of an isolated class: fetch-io for Fetch. Long
// names are cut so that the kernel's 15 bytes also hold a number.
func isolatedGroup(class string) string {
	const longest = len("createt") // with "-io-4095"
	return strings.ToLower(class[:min(len(class), longest)]) + "-io"
}

// sharedHandlers names the pool and, with a number, the threads that all classes
// share (Kafka: io threads).
const sharedHandlers = "io"

// handlers are a model's handler threads: those that all classes of requests
// share, and those of the isolated class.
type handlers struct {
	shared   *handlerPool
	isolated *handlerPool // nil: no class is isolated
	class    stage.Class  // the isolated one
}

func startAllHandlers(e *env) (*handlers, error) {
	shared, err := startHandlers(e, sharedHandlers, e.config.Handlers)
	if err != nil {
		return nil, err
	}
	h := &handlers{shared: shared}
	if h.class, err = isolatedClass(e.config, e.service); err != nil || h.class == 0 {
		return h, err
	}
	h.isolated, err = startHandlers(e, isolatedGroup(e.config.Isolate), e.config.IsolatedHandlers)
	return h, err
}

// process is how network threads hand on a request.
func (h *handlers) process() func(*Job) {
	shared := h.shared.enqueuer()
	if h.isolated == nil {
		return shared
	}
	isolated := h.isolated.enqueuer()
	return func(j *Job) {
		if h.of(j) == h.isolated {
			isolated(j)
			return
		}
		shared(j)
	}
}

// of is the pool that a request belongs to.
func (h *handlers) of(j *Job) *handlerPool {
	if h.isolated != nil && j.class == h.class {
		return h.isolated
	}
	return h.shared
}

// wakeDue wakes the handlers that are due for what loops have put into the queues,
// and reports whether there were any.
func (h *handlers) wakeDue() bool {
	woken := h.shared.queue.wakeDue()
	if h.isolated != nil {
		woken = h.isolated.queue.wakeDue() || woken
	}
	return woken
}

func (h *handlers) queueFull() QueueFull {
	full := h.shared.queueFull()
	if h.isolated != nil {
		other := h.isolated.queueFull()
		full.Waits += other.Waits
		full.Pauses += other.Pauses
		full.Sheds += other.Sheds
	}
	return full
}
