package loadgen

import (
	"fmt"

	"c10klab/internal/osthread"
)

// promptPerSecond is the rate per sender up to which the generator's threads sleep
// most of the time, so that their priority keeps nobody from a CPU.
const promptPerSecond = 10_000

// wantsPriority reports whether the generator's threads shall run before ordinary
// ones when they wake, or why not. Without it a kernel thread that writes back
// dirty pages on the same CPU makes sends, and the reading of answers, late by
// milliseconds; the latter would be blamed on the target.
func (c Config) wantsPriority() (wants bool, why string) {
	perSender := c.Schedule.PerSecond / float64(c.pairs())
	switch {
	case c.Closed:
		return false, "a closed loop leaves no time to sleep"
	case len(c.CPUs) == 0:
		return false, "no CPUs of its own (load-cpus)"
	case perSender > promptPerSecond:
		return false, fmt.Sprintf("%.0f sends a second leave no time to sleep", perSender)
	}
	return true, ""
}

// decidePriority settles the priority of the generator's threads before they
// start: a thread of its own tries whether this process may have it.
func (l *load) decidePriority() error {
	wants, why := l.cfg.wantsPriority()
	if !wants {
		l.priority = "normal: " + why
		return nil
	}
	tried := make(chan error, 1)
	err := l.threads.Start("priority", func(*osthread.Thread) { tried <- osthread.SetPrompt() })
	if err != nil {
		return err
	}
	if err := <-tried; err != nil {
		l.priority = "normal: " + err.Error()
		return nil
	}
	l.priority, l.prompt = "prompt", true
	return nil
}
