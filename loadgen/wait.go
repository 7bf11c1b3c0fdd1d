package loadgen

import (
	"context"
	"errors"
	"time"

	"c10klab/internal/clock"
)

// wallClockPause is how often the wall clock is held against the monotonic one.
const wallClockPause = 100 * time.Millisecond

// watchWallClock looks for steps of the wall clock until an instant.
func (l *load) watchWallClock(untilNs int64) error {
	for nowNs := clock.Now(); nowNs < untilNs; nowNs = clock.Now() {
		l.wall.Sample()
		if err := l.sleepUntil(min(untilNs, nowNs+int64(wallClockPause))); err != nil {
			return err
		}
	}
	return nil
}

var errTimeout = errors.New("timed out")

// errRate says that a rate is beyond all that can be measured.
var errRate = errors.New("this machine cannot offer that rate")

// waitPause is how often waitFor looks.
const waitPause = time.Millisecond

// waitFor returns when done says so, with errTimeout, or with the run's error.
func (l *load) waitFor(timeout time.Duration, done func() bool) error {
	deadlineNs := clock.Now() + int64(timeout)
	for !done() {
		if clock.Now() >= deadlineNs {
			return errTimeout
		}
		if err := l.sleepUntil(clock.Now() + int64(waitPause)); err != nil {
			return err
		}
	}
	return nil
}

// sleepUntil returns at an instant, or with the run's error.
func (l *load) sleepUntil(ns int64) error {
	timer := time.NewTimer(time.Duration(ns - clock.Now()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-l.ctx.Done():
		return context.Cause(l.ctx)
	}
}
