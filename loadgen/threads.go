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
	registry *osthread.Registry
	fail     context.CancelCauseFunc
	// priority is what the threads have, for the record; prioritize gives it to the
	// calling one, nil: nothing to do.
	priority   string
	prioritize func() error

	offering atomic.Int64 // senders that have not come to the window's end

	mu    sync.Mutex
	ended []osthread.Entry // what threads had done when they ended
}

// start runs body on a locked thread.
func (t *threads) start(name string, body func(*osthread.Thread) error) error {
	return t.registry.Start(name, func(thread *osthread.Thread) {
		var err error
		if t.prioritize != nil {
			err = t.prioritize()
		}
		if err == nil {
			err = body(thread)
		}
		if err == nil {
			err = t.note()
		}
		if err != nil {
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

// wantsPriority reports whether the generator's threads shall run before ordinary
// ones when they wake, or why not. Without it a kernel thread that writes back
// dirty pages on the same CPU makes sends, and the reading of answers, late by
// milliseconds; the latter would be blamed on the target. A thread of that priority that
// never sleeps keeps ksoftirqd from the CPU, which brings the answers; senders sleep
// (plan.Pacer).
func wantsPriority(cfg Config) (wants bool, why string) {
	switch {
	case cfg.Closed:
		return false, "a closed loop leaves no time to sleep"
	case len(cfg.CPUs) == 0:
		return false, "no CPUs of its own (load-cpus)"
	}
	return true, ""
}

// decidePriority settles the priority of the threads before they start. Those that may not
// run before others at least take turns quickly: a sender and a receiver that share a CPU
// keep each other waiting no longer than a short time slice.
func (t *threads) decidePriority(cfg Config) {
	wants, why := wantsPriority(cfg)
	if wants {
		err := t.try(osthread.SetPrompt)
		if err == nil {
			t.priority, t.prioritize = promptPriority(), osthread.SetPrompt
			return
		}
		why = err.Error()
	}
	t.priority = "normal: " + why
	if cfg.plan().OffersRequests() && t.try(osthread.SetShortSlice) == nil {
		t.priority, t.prioritize = "normal, short time slice: "+why, osthread.SetShortSlice
	}
}

// promptPriority raises the session too, where this process leads one, and says what
// became of it.
func promptPriority() string {
	if err := osthread.RaiseSession(); err != nil {
		return "prompt within its session: " + err.Error()
	}
	return "prompt"
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
// need not share. The thread of a target that answers a sleeping receiver has to wake it,
// on another CPU, which in a virtual machine takes microseconds, as long as a small request;
// so the slower a target is, the more it would pay for its client.
//
// Senders of an open loop wait for the clock in the same way (plan.Pacer) where they share
// no CPU.
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
