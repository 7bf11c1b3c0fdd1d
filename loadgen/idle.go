package loadgen

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/kafka"
	"c10klab/internal/osthread"
	"c10klab/loadgen/judge"
	"c10klab/loadgen/plan"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// idle is one connection that stays open beside the producers. It asks once at the
// beginning, which proves that the target has accepted it, and then at long intervals
// or not at all. The receiver's thread and that of askInTurn share it.
type idle struct {
	oneRequest
	load      *load
	hasAnswer atomic.Bool
}

// connectIdle opens the idle connections, in a receiver's care of their own.
func (l *load) connectIdle() error {
	if l.cfg.Idle == 0 {
		return nil
	}
	r, err := l.addReceiver(judge.ReceiverPrefix + "idle")
	if err != nil {
		return err
	}
	return l.dial(l.cfg.Idle, l.targetOf, func(fd int) error {
		c := &idle{load: l}
		c.stream = stream{fd: fd, name: fmt.Sprintf("idle %d", len(l.idle)), maxAnswerBytes: max(l.cfg.EchoBytes, mostIdleAnswerBytes), deliver: c.answered}
		l.idle = append(l.idle, c)
		return r.add(fd, c)
	})
}

// mostIdleAnswerBytes is more than an answer to ApiVersions takes.
const mostIdleAnswerBytes = 16 << 10

// request makes what an idle connection asks: ApiVersions, as Kafka's clients do
// when they connect, or an echo.
func (c *idle) request(id int32) []byte {
	if c.load.cfg.Protocol == plan.ProtocolEcho {
		e := echo{payloadBytes: c.load.cfg.EchoBytes}
		frame := e.newFrame()
		e.stamp(frame, 0, id, 0)
		return frame
	}
	request := kmsg.NewApiVersionsRequest()
	request.SetVersion(apiVersionsVersion)
	return kafka.AppendRequest(nil, id, clientID, &request)
}

// ask sends a request, unless the last one has no answer yet.
func (c *idle) ask() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asking || c.down {
		return nil
	}
	c.lastID++
	return c.load.sendFailed(c.send(c.request(c.lastID)))
}

func (c *idle) answered(payload []byte, _ int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.isSent():
		return errUnasked
	case len(payload) < correlationBytes:
		return fmt.Errorf("an answer of %d bytes has no correlation id", len(payload))
	}
	if id := int32(binary.BigEndian.Uint32(payload)); id != c.lastID {
		return fmt.Errorf("answer with correlation id %d, asked with %d", id, c.lastID)
	}
	c.asking = false
	c.hasAnswer.Store(true)
	if c.load.cfg.Protocol == plan.ProtocolEcho { // the target counts it under the producers' API
		c.load.answers.Add(1)
	}
	return nil
}

// askInTurn is the thread that lets each idle connection ask once an interval, evenly
// spread over it.
func (l *load) askInTurn(*osthread.Thread) error {
	pauseNs := int64(l.cfg.IdleInterval) / int64(len(l.idle))
	dueNs := clock.Now()
	for turn := 0; ; turn = (turn + 1) % len(l.idle) {
		dueNs += pauseNs
		for left := dueNs - clock.Now(); left > 0 && !l.stopped.Load(); left = dueNs - clock.Now() {
			time.Sleep(time.Duration(min(left, plan.LongestSleepNs)))
		}
		if l.stopped.Load() {
			return nil
		}
		if err := l.idle[turn].ask(); err != nil {
			return err
		}
	}
}

// startIdle starts that thread, if it has anything to do.
func (l *load) startIdle() error {
	if len(l.idle) == 0 || l.cfg.IdleInterval == 0 {
		return nil
	}
	return l.threads.start(judge.SenderPrefix+"idle", l.askInTurn)
}
