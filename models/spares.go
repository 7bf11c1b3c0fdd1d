package models

import "c10klab/internal/poll"

// spares are used jobs for the connections that one thread reads. That thread
// takes and gives back without a lock; other threads give back under one, and the
// reading thread fetches all they gave when its own are used up.
type spares struct {
	own *Job // linked by next

	mu    poll.Mutex
	given *Job
}

// pop takes a job, nil when there is none. The reading thread only.
func (s *spares) pop() *Job {
	if s.own == nil {
		s.mu.Lock()
		s.own, s.given = s.given, nil
		s.mu.Unlock()
	}
	j := s.own
	if j != nil {
		s.own, j.next = j.next, nil
	}
	return j
}

// push gives a job back. The reading thread only.
func (s *spares) push(j *Job) { j.next, s.own = s.own, j }

// give gives a job back from any thread.
func (s *spares) give(j *Job) {
	s.mu.Lock()
	j.next, s.given = s.given, j
	s.mu.Unlock()
}
