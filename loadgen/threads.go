package loadgen

import (
	"context"
	"sync"
	"sync/atomic"

	"c10klab/internal/osthread"
	"c10klab/loadgen/judge"
)

// threads are the generator's. All have the same priority, settled before the first starts;
// an error of one ends the run.
type threads struct {
	registry   *osthread.Registry
	fail       context.CancelCauseFunc
	priority   string       // what the threads have, for the record
	prioritize func() error // gives it to the calling one

	offering atomic.Int64 // senders that have not come to the window's end

	mu    sync.Mutex
	ended []osthread.Entry // what threads had done when they ended
}

// start runs body on a locked thread.
func (t *threads) start(name string, body func(*osthread.Thread) error) error {
	return t.registry.Start(name, func(thread *osthread.Thread) {
		if err := inTurn(t.prioritize, func() error { return body(thread) }, t.note); err != nil {
			t.fail(err)
		}
	})
}

// startSender starts a thread that offers requests.
func (t *threads) startSender(name string, body func(*osthread.Thread) error) error {
	t.offering.Add(1)
	return t.start(judge.SenderPrefix+name, func(thread *osthread.Thread) error {
		defer t.offering.Add(-1)
		if err := osthread.SetTimerSlack(); err != nil {
			return err
		}
		return body(thread)
	})
}

// note enters what the calling thread has done as it ends: senders end with the window,
// before anybody can ask the kernel about them.
func (t *threads) note() error {
	e, err := osthread.ThisThread()
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = append(t.ended, e)
	return nil
}

// all lists the threads, those that have ended too.
func (t *threads) all() ([]osthread.Entry, error) {
	census, err := t.registry.Census()
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return append(census.Threads, t.ended...), nil
}

// decidePriority settles the priority of the threads before they start: before ordinary ones
// where they sleep and have CPUs of their own (docs/loadgen.md). Those that may not run before
// others at least take turns quickly: a sender and a receiver that share a CPU keep each
// other waiting no longer than a short time slice.
func (t *threads) decidePriority(cfg Config) {
	var why string
	switch {
	case cfg.Closed:
		why = "a closed loop leaves no time to sleep"
	case len(cfg.CPUs) == 0:
		why = "no CPUs of its own (load-cpus)"
	default:
		err := t.try(osthread.SetPrompt)
		if err == nil {
			t.priority, t.prioritize = "prompt", osthread.SetPrompt
			if err := osthread.RaiseSession(); err != nil {
				t.priority = "prompt within its session: " + err.Error()
			}
			return
		}
		why = err.Error()
	}
	t.priority = "normal: " + why
	if cfg.plan().OffersRequests() && t.try(osthread.SetShortSlice) == nil {
		t.priority, t.prioritize = "normal, short time slice: "+why, osthread.SetShortSlice
	}
}

// try finds out on a thread of its own whether this process may have a priority.
func (t *threads) try(prioritize func() error) error {
	tried := make(chan error, 1)
	if err := t.registry.Start("priority", func(*osthread.Thread) { tried <- prioritize() }); err != nil {
		return err
	}
	return <-tried
}

// decideBusyPoll lets receivers look for answers instead of sleeping where that takes
// nothing from anybody: in a closed loop, which has no senders, on CPUs that the receivers
// need not share. A server that answers a sleeping receiver would have to wake it. Senders of
// an open loop wait for the clock in the same way (plan.Pacer) where they share no CPU.
func (t *threads) decideBusyPoll(cfg Config, receivers []*receiver) {
	if cfg.sendersBusyWait() {
		t.priority += "; senders busy-wait at high rates"
	}
	if !cfg.BusyPoll || !cfg.Closed || len(receivers) > len(cfg.CPUs) {
		return
	}
	for _, r := range receivers {
		r.busyPolls = true
	}
	t.priority += "; receivers busy-poll"
}
