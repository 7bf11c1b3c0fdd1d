package models

import (
	"fmt"

	"c10klab/internal/osthread"
	"c10klab/internal/stage"
)

// handlerPool is the bounded request queue and the threads that serve it
// (Kafka: RequestChannel and KafkaRequestHandlerPool).
type handlerPool struct {
	env   *env
	queue *queue[*Job]
}

func startHandlers(e *env) (*handlerPool, error) {
	p := &handlerPool{env: e, queue: newQueue[*Job](e.config.RequestQueue)}
	for i := range e.config.Handlers {
		if err := e.threads.Start(fmt.Sprintf("io-%d", i), p.run); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// enqueue hands a request to the handlers; on a full queue the calling network
// thread waits, and with it everything that thread does (on-full=block).
func (p *handlerPool) enqueue(j *Job) {
	p.env.plant.In(stage.Dispatch)
	j.stamp(stage.EnqueueStart)
	j.leave()
	if !p.queue.offer(j) {
		times := &j.conn.loop.times
		times.putBegins()
		p.queue.put(j)
		times.putEnds()
	}
}

func (p *handlerPool) run(t *osthread.Thread) {
	w := &handlerWriter{thread: t.Index, transmit: p.env.newTurnTransmitter(p.env.newThreadCounters())}
	w.transmit.blocked.hint = t.Index
	defer w.transmit.close()
	for {
		j, ok := p.queue.take(t)
		if !ok {
			return
		}
		j.writer = w
		if j.sending {
			j.sending = false
			w.sendFrom(j)
		} else {
			p.env.handle(j)
		}
		w.transmit.counters.publish()
	}
}

// handlerWriter writes responses on a handler thread: those without file bytes
// under response-writer=handler, those with under send=handler.
type handlerWriter struct {
	thread   int
	transmit transmitter
}

// answerOnHandler sends a response on the handler's own thread, and the complete
// ones behind it as long as they are of the kind that handlers write.
func (l *loop) answerOnHandler(j *Job) {
	w := j.writer
	switch j.conn.order.offer(j) {
	case dropped:
		j.free()
	case mySend:
		w.sendFrom(j)
	}
}

// sendFrom sends a response that has the turn, and those behind it.
func (w *handlerWriter) sendFrom(j *Job) {
	for l := j.conn.loop; j != nil && w.sendOne(l, j); {
		j = w.sent(l, j)
	}
}

func (w *handlerWriter) sendOne(l *loop, j *Job) bool {
	if j.hangUp != nil || !l.env.writtenByHandler(j) {
		j.errand = sendNow
		l.giveBack(j)
		return false
	}
	l.dequeue(j)
	if j.silent {
		j.skipSending()
		return true
	}
	status := w.transmit.send(j)
	if status == sentAll {
		return true
	}
	j.errand = status.errand()
	l.giveBack(j)
	return false
}

// sent ends a job; the loop hears of it only when the connection may have more
// to read.
func (w *handlerWriter) sent(l *loop, j *Job) *Job {
	c := j.conn
	j.announce()
	next := c.order.advance()
	c.endedElsewhere.Add(1)
	if c.readable.Load() || l.env.stopping.Load() {
		l.unmute(c)
	}
	l.env.finish(j, w.thread)
	j.free()
	return next
}
