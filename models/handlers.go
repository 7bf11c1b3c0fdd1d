package models

import (
	"fmt"
	"sync/atomic"

	"c10klab/internal/clock"
	"c10klab/internal/osthread"
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

// startHandlers starts a pool whose threads are called prefix-0 and so on.
func startHandlers(e *env, prefix string, threads int) (*handlerPool, error) {
	p := &handlerPool{env: e, name: prefix, threads: threads, startNs: clock.Now(), queue: newQueue[*Job](e.config.RequestQueue)}
	e.tellOfPool(p)
	e.atExit(p.queue.close, nil)
	for i := range threads {
		if err := e.threads.Start(fmt.Sprintf("%s-%d", prefix, i), p.run); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *handlerPool) run(t *osthread.Thread) {
	w := &handlerWriter{thread: t.Index, transmit: p.env.newTurnTransmitter(p.env.newThreadCounters(t.Name))}
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
		j = endElsewhere(j, w.thread)
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

// endElsewhere ends a job on another thread than its connection's reading one,
// which hears of it only when the connection may have more to read. It returns the
// connection's next response if it is complete. Thread is the calling thread's
// number.
func endElsewhere(j *Job, thread int) *Job {
	c := j.conn
	j.announce()
	next := c.order.advance()
	if j.response.mutedUntilNs != 0 {
		c.env.finish(j, thread)
		j.errand = endMuted
		c.loop.mailJob(j)
		return next
	}
	c.endedElsewhere.Add(1)
	if c.readable.Load() || c.env.stopping.Load() {
		c.loop.unmute(c)
	}
	c.env.finish(j, thread)
	j.free()
	return next
}
