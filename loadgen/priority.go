package loadgen

import "c10klab/internal/osthread"

// wantsPriority reports whether the generator's threads shall run before ordinary
// ones when they wake, or why not. Without it a kernel thread that writes back
// dirty pages on the same CPU makes sends, and the reading of answers, late by
// milliseconds; the latter would be blamed on the target. A thread of that priority that
// never sleeps keeps ksoftirqd from the CPU, which brings the answers; senders sleep (naps).
func (c Config) wantsPriority() (wants bool, why string) {
	switch {
	case c.Closed:
		return false, "a closed loop leaves no time to sleep"
	case len(c.CPUs) == 0:
		return false, "no CPUs of its own (load-cpus)"
	}
	return true, ""
}

// decidePriority settles the priority of the generator's threads before they start.
// Those that may not run before others at least take turns quickly: a sender and a
// receiver that share a CPU keep each other waiting no longer than a short time slice.
func (l *load) decidePriority() {
	wants, why := l.cfg.wantsPriority()
	if wants {
		err := l.try(osthread.SetPrompt)
		if err == nil {
			l.priority, l.settle = promptPriority(), osthread.SetPrompt
			return
		}
		why = err.Error()
	}
	l.priority = "normal: " + why
	if l.cfg.opensLoop() && l.try(osthread.SetShortSlice) == nil {
		l.priority, l.settle = "normal, short time slice: "+why, osthread.SetShortSlice
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
func (l *load) try(settle func() error) error {
	tried := make(chan error, 1)
	if err := l.threads.Start("priority", func(*osthread.Thread) { tried <- settle() }); err != nil {
		return err
	}
	return <-tried
}
