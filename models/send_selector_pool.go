package models

import (
	"fmt"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/poll"
)

var sendSelectorPool = Send{
	Name: "selector-pool", Meaning: "sendfile on send-N, which stays with its response and waits for a full socket on a borrowed selector (Hadoop SocketIOWithTimeout)",
	Stage: "SendWait is the wait for a send thread", Blocks: "a send thread; so does a slow reader, until selector-timeout closes it",
	Calls: map[FileCall]string{SendfileToSocket: sendThreads},
	mover: newSendfileMover, offload: startSelectorPool, threads: []threadGroup{{sendThreads, perSendThread}},
}

// selectorIdle is how long a selector lies unused before it is closed (Hadoop:
// SocketIOWithTimeout.SelectorPool.IDLE_TIMEOUT).
const selectorIdle = 10 * time.Second

// selectorPool is Hadoop's SocketIOWithTimeout. A slow reader holds its send thread; one that
// takes nothing for the timeout loses its connection.
type selectorPool struct {
	sendPool
	timeout   time.Duration
	selectors selectors
}

func startSelectorPool(e *env, _ *handlers) (offloader, error) {
	p := &selectorPool{
		sendPool:  sendPool{work: newQueue[*Job](e.config.SendQueueBound)},
		timeout:   e.config.SelectorTimeout,
		selectors: selectors{idleFor: selectorIdle},
	}
	e.atExit(nil, p.selectors.close)
	return p, startSendThreads(e, p.work, p.sendWhole)
}

// sendWhole stays with a response until it is sent, fails, or has used up its turn.
func (p *selectorPool) sendWhole(t *transmitter, j *Job) {
	status := t.send(j)
	for status == sendAgain {
		t.counters.publish()
		if err := p.selectors.awaitWritable(j.conn.fd, p.timeout); err != nil {
			j.hangUp, status = err, sendFailed
			break
		}
		status = t.send(j)
	}
	j.conn.owner.returned(j, status)
}

// selectors is a pool of epoll instances, last in first out. Any thread may use it.
type selectors struct {
	idleFor time.Duration
	mu      poll.Mutex
	idle    []idleSelector // longest idle first
}

type idleSelector struct {
	epoll   *poll.Epoll
	sinceNs int64
}

// awaitWritable returns once a socket can take bytes or is broken. An error says
// that it could not within the timeout.
func (s *selectors) awaitWritable(fd int, timeout time.Duration) error {
	epoll, err := s.borrow()
	if err != nil {
		return fmt.Errorf("borrow a selector: %w", err)
	}
	defer s.giveBack(epoll)
	if err := epoll.Add(fd, poll.Writable); err != nil {
		return fmt.Errorf("wait for writability: %w", err)
	}
	defer epoll.Remove(fd)
	deadline := clock.Now() + int64(timeout)
	for left := timeout; left > 0; left = time.Duration(deadline - clock.Now()) {
		n, err := epoll.Wait(left)
		if err != nil {
			return fmt.Errorf("wait for writability: %w", err)
		}
		if n > 0 {
			return nil
		}
	}
	return fmt.Errorf("send: the peer took nothing for %v (selector-timeout)", timeout)
}

func (s *selectors) borrow() (*poll.Epoll, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := len(s.idle) - 1; last >= 0 {
		epoll := s.idle[last].epoll
		s.idle = s.idle[:last]
		return epoll, nil
	}
	return poll.NewEpoll(1)
}

// giveBack returns a selector and closes those that have lain idle too long.
func (s *selectors) giveBack(epoll *poll.Epoll) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := clock.Now()
	s.idle = append(s.idle, idleSelector{epoll, now})
	for now-s.idle[0].sinceNs > int64(s.idleFor) {
		s.idle[0].epoll.Close()
		s.idle = s.idle[1:]
	}
}

func (s *selectors) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.idle {
		one.epoll.Close()
	}
	s.idle = nil
}
