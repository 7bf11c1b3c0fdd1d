package slowdisk

import (
	"sync"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/record"

	"golang.org/x/sys/unix"
)

// pacer makes requests take as long as the model says. Any thread may call it.
type pacer struct {
	now   func() int64
	sleep func(untilNs int64)

	mu       sync.Mutex
	timeline *Timeline
	on       bool
	stallNs  int64 // requests are answered after this
	counts   record.DiskCounts
}

func newPacer(m Model) *pacer {
	return &pacer{now: clock.Now, sleep: sleepUntil, timeline: NewTimeline(m, blockBytes)}
}

// setSize says how far the head can go, before the first request.
func (p *pacer) setSize(sizeBytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timeline = NewTimeline(p.timeline.model, sizeBytes)
}

// do carries out a request and returns when the disk would.
func (p *pacer) do(r Request, access func() error) error {
	plan, delayed := p.arrive(r)
	err := access()
	p.wait(plan.FinishNs)
	p.answered(r, plan, delayed, err)
	return err
}

// arrive plans a request; one that is not delayed is due at once.
func (p *pacer) arrive(r Request) (plan Plan, delayed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.on {
		return Plan{}, false
	}
	plan = p.timeline.Plan(p.now(), r)
	p.counts.ModelBusyNs += plan.FinishNs - plan.StartNs
	return plan, true
}

// longestSleep is the longest sleep between two looks at what the control socket said.
const longestSleep = 20 * time.Millisecond

// wait sleeps until the request is finished, the stall is over, or the delay
// has been switched off.
func (p *pacer) wait(finishNs int64) {
	for {
		p.mu.Lock()
		until := p.stallNs
		if p.on {
			until = max(until, finishNs)
		}
		p.mu.Unlock()
		now := p.now()
		if until <= now {
			return
		}
		p.sleep(min(until, now+int64(longestSleep)))
	}
}

func (p *pacer) answered(r Request, plan Plan, delayed bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &p.counts
	if r.Write {
		c.Writes++
		c.WrittenBytes += int64(r.Bytes)
	} else {
		c.Reads++
		c.ReadBytes += int64(r.Bytes)
	}
	if err != nil {
		c.Errors++
	}
	if !delayed || !p.on {
		return
	}
	nowNs := p.now()
	p.timeline.Answered(plan, nowNs)
	c.Delayed++
	lateNs := nowNs - max(plan.FinishNs, p.stallNs)
	if lateNs > int64(p.timeline.model.Slack) {
		c.Late++
		c.LateTotalNs += lateNs
		c.LateMaxNs = max(c.LateMaxNs, lateNs)
	}
}

// setDelay switches the delay on or off; a model that does not delay stays off.
func (p *pacer) setDelay(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on = on && p.timeline.model.Delays()
}

// stall keeps every request waiting for d from now; 0 ends a stall.
func (p *pacer) stall(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stallNs = p.now() + int64(d)
	p.timeline.Stall(p.stallNs)
}

// release lets all requests through for good.
func (p *pacer) release() {
	p.setDelay(false)
	p.stall(0)
}

func (p *pacer) mark() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts = record.DiskCounts{}
}

func (p *pacer) snapshot() (counts record.DiskCounts, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	counts = p.counts
	if counts.Delayed > 0 {
		counts.LateShare = float64(counts.Late) / float64(counts.Delayed)
	}
	return counts, p.on
}

// sleepUntil sleeps on CLOCK_MONOTONIC in the kernel: it overshoots by microseconds,
// where time.Sleep does by hundreds. Without the prctl(2) the kernel would add up to
// 50 µs of its own; it holds for the calling thread alone.
func sleepUntil(untilNs int64) {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	t := unix.NsecToTimespec(untilNs)
	// An interrupted sleep is noticed by the caller, who looks at the clock.
	_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &t, nil)
}
