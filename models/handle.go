package models

import (
	"fmt"

	"c10klab/internal/clock"
	"c10klab/internal/osthread"
	"c10klab/internal/stage"
)

// handle runs the service on the calling thread, which took the job from a queue.
func (e *env) handle(j *Job) {
	j.reach(stage.Dequeued)
	j.inHandler = true
	e.service.Handle(j)
}

// handleHere runs the service on the thread that received the request: there is
// no queue, so the times of entering and leaving it are equal.
func (e *env) handleHere(j *Job) {
	if j.justRead {
		j.reachAtOnce(stage.EnqueueStart)
	} else {
		j.reach(stage.EnqueueStart)
	}
	j.reachAtOnce(stage.Dequeued)
	j.inHandler = true
	e.service.Handle(j)
}

// startHandlers starts a pool whose threads are called prefix-0 and so on.
func startHandlers(e *env, prefix string, threads int) (*handlerPool, error) {
	p := &handlerPool{env: e, name: prefix, threads: threads, startNs: clock.Now(), queue: newQueue[*Job](e.config.RequestQueue)}
	e.pools = append(e.pools, p)
	queue := "requests"
	if prefix != sharedHandlers {
		queue += "/" + prefix
	}
	e.publishQueue(queue, p.queue)
	e.atExit(p.queue.close, nil)
	for i := range threads {
		if err := e.threads.Start(fmt.Sprintf("%s-%d", prefix, i), p.run); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// run is a handler thread.
func (p *handlerPool) run(t *osthread.Thread) {
	s := &handlerSender{thread: t.Index, transmit: p.env.newTurnTransmitter(new(threadCounters).open(p.env, t.Name))}
	s.transmit.blocked.hint = t.Index
	defer s.transmit.close()
	for j, ok := p.queue.take(t); ok; j, ok = p.queue.take(t) {
		j.handler = s
		if j.sending {
			j.sending = false
			s.sendFrom(j)
		} else {
			p.env.handle(j)
		}
		s.transmit.counters.publish()
	}
}

// handlerSender sends responses on a handler thread: those without file bytes
// under response-writer=handler, those with under send=handler.
type handlerSender struct {
	thread   int
	transmit transmitter
}

// answer sends a response on the handler's own thread, and the complete ones behind it as
// long as they are of the kind that handlers write.
func (s *handlerSender) answer(j *Job) {
	switch j.conn.order.offer(j) {
	case dropped:
		j.free()
	case mySend:
		s.sendFrom(j)
	}
}

// sendFrom sends a response that has the turn, and those behind it.
func (s *handlerSender) sendFrom(j *Job) {
	for j != nil && s.sendOne(j) {
		j = endElsewhere(j, s.thread)
	}
}

// sendOne reports whether the response was sent to its last byte; what was not goes back
// to the connection's loop.
func (s *handlerSender) sendOne(j *Job) bool {
	c := j.conn
	if j.hangUp != nil || !c.env.writtenByHandler(j) {
		c.owner.returned(j, sendYield)
		return false
	}
	j.reach(stage.ResponseDequeued)
	if j.silent {
		j.skipSending()
		return true
	}
	status := s.transmit.send(j)
	if status == sentAll {
		return true
	}
	c.owner.returned(j, status)
	return false
}
