package models

import (
	"fmt"

	"c10klab/internal/osthread"
)

// sendPool sends responses with file bytes on threads of their own, as nginx does
// with aio threads: one whole sendfile in the pool, back to the loop when the
// socket is full, no look at residency before. The work queue is bounded; a loop
// that finds it full waits.
type sendPool struct {
	work *queue[*Job]
}

func startSendPool(e *env) (offloader, error) {
	p := &sendPool{work: newQueue[*Job](e.config.SendQueueBound)}
	for i := range e.config.SendThreads {
		err := e.threads.Start(fmt.Sprintf("send-%d", i), func(t *osthread.Thread) { p.run(e, t) })
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *sendPool) submit(j *Job) { p.work.put(j) }

func (p *sendPool) close() { p.work.close() }

func (p *sendPool) run(e *env, thread *osthread.Thread) {
	t := transmitter{mover: newSendfileMover(), counters: e.newThreadCounters()}
	for {
		j, ok := p.work.take(thread)
		if !ok {
			return
		}
		switch t.send(j) {
		case sentAll:
			j.errand = reap
		case sendAgain:
			j.errand = sendWhenWritable
		case sendFailed:
			j.errand = abandon
		}
		t.counters.publish()
		j.conn.loop.giveBack(j)
	}
}
