// Package loadgen is an open-loop load generator that judges itself.
//
// Requests fall due by an absolute schedule, whatever the target does. A sender thread offers each
// to its connection when it falls due; a receiver thread takes answers, continues partial sends,
// and lets a connection that becomes free send its next waiting request at once. Nothing is dropped
// and nothing is clamped: every request due in the measured window is recorded, one that is never
// answered with its age at the end. docs/loadgen.md says what is stamped and measured.
//
//	ResponseTime = answered − due            what a user of the target waits
//	ServiceTime  = answered − attempted
//	Lateness     = attempted − due           the generator's fault, nothing else is
//	BackPressure = last byte − attempted     the target's doing, within ResponseTime
//
// A run has three phases: every connection gets a first answer; load runs for a warm-up; load runs
// for the measured window. Then the answers still owed are waited for, up to a bound.
package loadgen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/osthread"
	"c10klab/internal/record"
	"c10klab/loadgen/judge"
)

const (
	memoryLimitBytes   = 2 << 30 // where the collector runs after all
	firstAnswerTimeout = 30 * time.Second
	leadNs             = int64(10 * time.Millisecond) // by which a schedule begins later, so that its senders are there
	wallClockPause     = 100 * time.Millisecond       // between two looks at the wall clock
	waitPause          = time.Millisecond             // between two looks of waitFor
)

// Run puts the configured load on the target and measures. It blocks for all
// phases, one run at a time per process: it confines the whole process to
// Config.CPUs for good, and keeps the garbage collector off while it runs.
//
// A run that measured anything returns a measurement whose outcome says what it is worth. Its error
// means that there is none: a bad Config, no connection, a connection that broke, an answer that no
// server of the protocol gives, or the end of ctx.
func Run(ctx context.Context, cfg Config) (*record.Measurement, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if len(cfg.CPUs) > 0 {
		if err := osthread.PinProcess(cfg.CPUs); err != nil {
			return nil, err
		}
	}
	defer withoutCollector()()
	l, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer l.close()
	e := &judge.Evidence{Load: l.offered, Window: l.window, Counted: l.newTally()}
	for _, a := range l.servers {
		e.Servers = append(e.Servers, a.Name)
	}
	stopProgress := l.startProgress()
	err = l.measure(e)
	stopProgress()
	if cause := context.Cause(l.ctx); cause != nil {
		return nil, cause // what made the phase end early
	}
	if err != nil {
		return nil, err
	}
	if cfg.TraceTo != "" {
		if err := l.writeTrace(e.Counted); err != nil {
			return nil, err
		}
	}
	m := l.describe()
	return m, e.Judge(m)
}

// withoutCollector turns the garbage collector off and returns what restores it.
func withoutCollector() (restore func()) {
	percent := debug.SetGCPercent(-1)
	limit := debug.SetMemoryLimit(memoryLimitBytes)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// measure goes through the phases.
func (l *load) measure(e *judge.Evidence) error {
	l.threads.decidePriority(l.cfg)
	l.threads.decideBusyPoll(l.cfg, l.receivers)
	err := inTurn(
		l.startSampling,
		l.startReceivers,
		func() error { return l.firstAnswers(e.Counted) },
		func() error { return l.takeFootprint(&l.connected) },
		// Ahead of the window this opens the connection and has the server gather what
		// it recorded, so that the mark finds nothing to do but swap buffers.
		func() error { return l.askServers(http.MethodGet, record.SnapshotPath, &e.Ahead) },
		l.begin,
		func() error { return l.sleepUntil(l.window.StartNs()) },
		func() error {
			return l.takeSnapshot(http.MethodPost, record.MarkPath+"?"+record.MarkWindow+"="+l.cfg.Window.String(), &e.Before)
		},
		func() error { return l.watchWallClock(l.window.EndNs()) },
		func() error { return l.takeSnapshot(http.MethodGet, record.SnapshotPath, &e.After) },
		l.drain,
		func() error { return l.askSamples(e) },
	)
	if err != nil {
		return err
	}
	l.finish(e)
	e.LogEndRecords, err = l.readLogEnds(e.Counted.Counts[judge.AckedRecords])
	return err
}

// firstAnswers has every connection exchange one request.
func (l *load) firstAnswers(t *judge.Tally) error {
	for _, c := range l.connections {
		if err := c.offer(clock.Now(), 0, t); err != nil {
			return err
		}
	}
	for _, c := range l.idle {
		if err := c.ask(); err != nil {
			return err
		}
	}
	missing := func() int {
		n := int(l.outstanding.Load())
		for _, c := range l.consumers {
			if c.fetches.Load() == 0 {
				n++
			}
		}
		for _, c := range l.idle {
			if !c.hasAnswer.Load() {
				n++
			}
		}
		return n
	}
	err := l.waitFor(firstAnswerTimeout, func() bool { return missing() == 0 })
	if errors.Is(err, errTimeout) {
		return fmt.Errorf("%d of %d connections had no first answer from %s within %v", missing(), len(l.connections)+len(l.consumers)+len(l.idle), l.cfg.Target, firstAnswerTimeout)
	}
	return err
}

// begin fixes the window and starts the load.
func (l *load) begin() error {
	runtime.GC()
	beginNs := clock.Now() + leadNs
	startNs := beginNs + int64(l.cfg.WarmUp)
	l.window.Set(startNs, startNs+int64(l.cfg.Window))
	return inTurn(
		l.startBadConsumers,
		l.startIdle,
		l.startSwitching,
		func() error { return l.startFetches(beginNs) },
		func() error { return l.startSenders(beginNs) },
	)
}

// beginNs is when the load began; the window must be set.
func (l *load) beginNs() int64 { return l.window.StartNs() - int64(l.cfg.WarmUp) }

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
	if !sleep(l.ctx, time.Duration(ns-clock.Now())) {
		return context.Cause(l.ctx)
	}
	return nil
}

// sleep reports false when ctx ended it.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
