package models

import (
	"fmt"

	"c10klab/internal/osthread"
)

var sendPoolOfThreads = Send{
	Name: "pool", Meaning: "sendfile on send-N, whole regions, back to the loop when the socket is full (nginx)",
	Stage: "SendWait is the wait for a send thread, Send the transfer", Blocks: "a send thread",
	Calls: map[FileCall]string{SendfileToSocket: sendThreads},
	mover: newSendfileMover, offload: startSendPool, threads: []threadGroup{{sendThreads, perSendThread}},
	switches: true,
}

// sendThreads is the group of the strategies' own threads.
const sendThreads = "send"

// sendPool is nginx's way with aio threads: no look at residency before, a bounded work queue,
// and a loop that waits where it is full.
type sendPool struct {
	work *queue[*Job]
}

func startSendPool(e *env, _ *handlers) (offloader, error) {
	p := &sendPool{work: newQueue[*Job](e.config.SendQueueBound)}
	return p, startSendThreads(e, p.work, func(t *transmitter, j *Job) {
		t.bound(e, e.inUse.Load().send)
		j.conn.owner.returned(j, t.send(j))
	})
}

func (p *sendPool) submit(j *Job) { p.work.put(j) }

// startSendThreads starts the threads send-0, send-1 …, each of which takes jobs
// from a queue until that is closed and gives them to serve.
func startSendThreads(e *env, work *queue[*Job], serve func(*transmitter, *Job)) error {
	e.publishQueue("send", work)
	e.atExit(work.close, nil)
	for i := range e.config.SendThreads {
		err := e.threads.Start(fmt.Sprintf("%s-%d", sendThreads, i), func(thread *osthread.Thread) {
			t := e.newTurnTransmitter(new(threadCounters).open(e, thread.Name))
			t.blocked.hint = thread.Index
			defer t.close()
			for j, ok := work.take(thread); ok; j, ok = work.take(thread) {
				serve(&t, j)
				t.counters.publish()
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}
