package models

import (
	"fmt"
	"sync/atomic"

	"c10klab/internal/osthread"
)

var sendThreadPerSend = Send{
	Name: "thread-per-send", Meaning: "sendfile on a new thread send-N for each send and each continuation of one, which then ends",
	Stage: "SendWait is the thread's creation, which the loop pays for", Blocks: "that thread",
	Calls:   map[FileCall]string{SendfileToSocket: sendThreads, StartThread: AnyThread},
	mover:   newSendfileMover,
	offload: func(e *env, _ *handlers) (offloader, error) { return &threadPerSend{env: e}, nil },
}

// threadPerSend starts a thread for each send, which ends when the response is sent or the
// socket is full.
type threadPerSend struct {
	env     *env
	started atomic.Int64
}

func (s *threadPerSend) submit(j *Job) {
	name := fmt.Sprintf("%s-%d", sendThreads, s.started.Add(1))
	err := s.env.threads.Start(name, func(thread *osthread.Thread) {
		counters := new(threadCounters).open(s.env, sendThreads)
		defer counters.close(s.env)
		t := s.env.newTurnTransmitter(counters)
		t.blocked.hint = thread.Index
		defer t.close()
		j.conn.owner.returned(j, t.send(j))
	})
	if err != nil {
		j.hangUp = err
		j.conn.owner.returned(j, sendFailed)
	}
}
