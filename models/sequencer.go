package models

import "c10klab/internal/poll"

// sequencer lets a connection's responses out in request order. A response that
// is not the next is parked; whoever sends the next goes on with the parked ones
// behind it. No thread ever waits for order. Any thread may call it.
//
// With one request in flight at most there is nothing to put in order, and it does
// nothing.
type sequencer struct {
	single  bool // one request in flight at most
	mu      poll.Mutex
	head    uint64 // sequence of the response to send next
	sending bool   // somebody has the turn
	closed  bool
	parked  *Job // by ascending sequence
}

type turn int

const (
	mySend  turn = iota // the caller sends the response now
	parked              // somebody else will
	dropped             // the connection is gone; the caller still owns the job
)

// offer hands in a complete response.
func (s *sequencer) offer(j *Job) turn {
	if s.single {
		if j.conn.dead.Load() {
			return dropped
		}
		return mySend
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return dropped
	}
	if j.sequence == s.head && !s.sending {
		s.sending = true
		return mySend
	}
	place := &s.parked
	for *place != nil && (*place).sequence < j.sequence {
		place = &(*place).next
	}
	j.next, *place = *place, j
	return parked
}

// advance ends the turn of the response just sent and returns the next one if
// it is complete; then the caller has that one's turn.
func (s *sequencer) advance() *Job {
	if s.single {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.head++
	j := s.parked
	if s.closed || j == nil || j.sequence != s.head {
		s.sending = false
		return nil
	}
	s.parked, j.next = j.next, nil
	return j
}

// close refuses further responses and returns the parked ones, linked by next.
func (s *sequencer) close() *Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	list := s.parked
	s.parked = nil
	return list
}
