package models

import (
	"fmt"

	"c10klab/internal/poll"
)

var sendSharedSelector = Send{
	Name: "shared-selector", Meaning: "sendfile on send-N, one chunk for each readiness event of the one selector select-0, which watches all sockets (Hadoop ipc.Server.Responder)",
	Stage: "SendWait is the first event and the wait for a send thread", Blocks: "a send thread",
	Calls: map[FileCall]string{SendfileToSocket: sendThreads},
	mover: newSendfileMover, offload: startSharedSelector, threads: []threadGroup{{"select", oneThread}, {sendThreads, perSendThread}},
	capBytes: chunkBytes, chunked: true,
}

// sharedSelector is the Responder of Hadoop's ipc.Server with a pool behind it. The first
// chunk, too, waits for its event.
type sharedSelector struct {
	poller
	work *queue[*Job]

	mu   poll.Mutex
	jobs map[int]*Job // by descriptor, which each of them keeps open
}

// writableOnce reports one event and then nothing until armed again.
const writableOnce = poll.Writable | poll.OneShot

func startSharedSelector(e *env, _ *handlers) (offloader, error) {
	s := &sharedSelector{work: newQueue[*Job](e.config.SendQueueBound), jobs: map[int]*Job{}}
	if err := s.open(e, "select-0"); err != nil {
		return nil, err
	}
	if err := s.start(s.turn); err != nil {
		return nil, err
	}
	return s, startSendThreads(e, s.work, s.sendChunk)
}

func (s *sharedSelector) submit(j *Job) {
	s.mu.Lock()
	s.jobs[j.conn.fd] = j
	s.mu.Unlock()
	if err := s.epoll.Add(j.conn.fd, writableOnce); err != nil {
		s.finish(j, fmt.Errorf("watch for writability: %w", err))
	}
}

func (s *sharedSelector) turn() {
	s.thread.AboutToBlock()
	n, err := s.epoll.Wait(s.env.config.PollTimeout)
	if err != nil {
		s.env.log("%s: %v", s.name, err)
	}
	for i := range n {
		s.onEvent(s.epoll.Event(i).FD)
	}
}

func (s *sharedSelector) onEvent(fd int) {
	if fd == s.wake.FD() {
		s.wake.Clear()
		return
	}
	s.mu.Lock()
	j := s.jobs[fd]
	s.mu.Unlock()
	s.work.put(j)
}

// sendChunk is a send thread's answer to one readiness event.
func (s *sharedSelector) sendChunk(t *transmitter, j *Job) {
	switch status := t.send(j); status {
	case sendYield, sendAgain:
		if err := s.armAgain(j); err != nil {
			s.finish(j, fmt.Errorf("watch for writability: %w", err))
		}
	default:
		s.leave(j)
		j.conn.owner.returned(j, status)
	}
}

// armAgain gives a job back to the selector. The lock orders what this thread did
// to the job before what the thread that gets the event does.
func (s *sharedSelector) armAgain(j *Job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoll.Modify(j.conn.fd, writableOnce)
}

func (s *sharedSelector) finish(j *Job, reason error) {
	s.leave(j)
	j.hangUp = reason
	j.conn.owner.returned(j, sendFailed)
}

// leave forgets a job's socket while the job still keeps it open.
func (s *sharedSelector) leave(j *Job) {
	s.mu.Lock()
	delete(s.jobs, j.conn.fd)
	s.mu.Unlock()
	if err := s.epoll.Remove(j.conn.fd); err != nil {
		s.env.log("%s: %v", s.name, err)
	}
}
