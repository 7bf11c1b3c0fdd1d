package models

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"c10klab/internal/knob"
	"c10klab/internal/stage"
)

// handlerPool is a bounded request queue and the threads that serve it (Kafka:
// RequestChannel and KafkaRequestHandlerPool).
type handlerPool struct {
	env     *env
	name    string
	threads int
	startNs int64
	queue   *queue[*Job]
	pauses  atomic.Int64
	sheds   atomic.Int64
}

// What a network thread does with a request that finds the request queue full
// (knob on-full).
const (
	OnFullBlock = "block" // Kafka: ArrayBlockingQueue.put
	OnFullPause = "pause"
	OnFullSplit = "split"
	OnFullShed  = "shed" // see Refuser
)

// QueueFull counts requests that found the request queue full.
type QueueFull struct {
	Waits  int64 // a network thread waited for room
	Pauses int64 // a network thread stopped reading until there was room
	Sheds  int64 // the service refused the request
}

// enqueue is how network threads hand on a request, into the queue of its class. They stamp
// the attempt, so a request that has to wait for room does so in RequestQueue.
func (h *handlers) enqueue(j *Job) {
	j.reach(stage.EnqueueStart)
	j.leave()
	if p := h.poolOf(j); !p.offer(j) {
		p.onFull(j)
	}
}

// poolOf is the pool that a request belongs to.
func (h *handlers) poolOf(j *Job) *handlerPool {
	if h.class != 0 && j.class == h.class {
		return h.pools[1]
	}
	return h.pools[0]
}

// offer puts a job into the queue if there is room. With wakes in turns no handler is
// woken for it before the loop's wakeHandlers, or before the queue is full.
func (p *handlerPool) offer(j *Job) bool {
	if !p.env.wakesInTurns {
		return p.queue.offer(j)
	}
	if p.queue.offerUnwoken(j) {
		return true
	}
	p.queue.wakeDue()
	return false
}

// onFull takes over a request that found the queue full.
func (p *handlerPool) onFull(j *Job) {
	switch p.env.inUse.Load().onFull {
	case OnFullPause:
		p.pause(j)
	case OnFullShed:
		p.shed(j)
	default:
		p.waitForRoom(j)
	}
}

// waitForRoom holds up the calling network thread with everything that it does.
func (p *handlerPool) waitForRoom(j *Job) {
	times, began := &j.conn.loop.times, p.env.now()
	p.queue.put(j)
	times.blockedNs += p.env.now() - began
}

// pause leaves the request to the queue, which takes it in when its turn comes and then
// wakes the loop.
func (p *handlerPool) pause(j *Job) {
	l := j.conn.loop
	if !p.queue.offerOrWait(j, func() { l.post(message{kind: roomInQueue}) }) {
		p.pauses.Add(1)
		l.paused.on = true
	}
}

// shed has the service refuse the request.
func (p *handlerPool) shed(j *Job) {
	p.sheds.Add(1)
	j.inHandler, j.refused = true, true
	j.reachAtOnce(stage.Dequeued)
	p.env.service.(Refuser).Refuse(j)
}

const isolateNone = "none"

func (c Config) isolates() bool { return c.Isolate != isolateNone && c.Isolate != "" }

// CheckService reports whether a service can run under a configuration: whether
// it has the class to isolate, and can refuse requests if it must.
func CheckService(c Config, service Service) error {
	if _, err := isolatedClass(c, service); err != nil {
		return err
	}
	if _, can := service.(Refuser); c.OnFull == OnFullShed && !can {
		return fmt.Errorf("knob on-full: shed needs a service that can refuse requests, which %T cannot", service)
	}
	return nil
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

// handlers are a model's handler threads: a pool for all classes of requests, and with
// knob isolate a second one for that class.
type handlers struct {
	pools []*handlerPool
	class stage.Class // the isolated one
}

func startAllHandlers(e *env) (*handlers, error) {
	shared, err := startHandlers(e, sharedHandlers, e.config.Handlers)
	if err != nil {
		return nil, err
	}
	h := &handlers{pools: []*handlerPool{shared}}
	if h.class, err = isolatedClass(e.config, e.service); err != nil || h.class == 0 {
		return h, err
	}
	isolated, err := startHandlers(e, isolatedGroup(e.config.Isolate), e.config.IsolatedHandlers)
	h.pools = append(h.pools, isolated)
	return h, err
}

// wakeDue wakes the handlers that are due for what loops have put into the queues,
// and reports whether there were any.
func (h *handlers) wakeDue() (woken bool) {
	for _, p := range h.pools {
		woken = p.queue.wakeDue() || woken
	}
	return woken
}
