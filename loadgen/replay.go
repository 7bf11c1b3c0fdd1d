package loadgen

import (
	"errors"
	"fmt"
	"slices"

	"c10klab/internal/osthread"
)

// dueFetch is one fetch of a trace.
type dueFetch struct {
	dueNs       int64 // 0: none, the fetch under way is of the consumer's own accord
	attemptedNs int64 // 0: not yet
	size        int32 // index into the sizes of its kind
}

// replays reports whether consumers of a kind fetch when a trace says instead of in a
// closed loop.
func (c Config) replays(kind tracedKind) bool {
	return kind != ofProducers && c.Trace != nil && len(c.Trace.lists[kind].requests) > 0
}

// replaysFetches reports whether any do.
func (c Config) replaysFetches() bool { return c.replays(ofReaders) || c.replays(ofLaggingReaders) }

// readersOf counts the consumers that offer a trace's fetches of a kind.
func (c Config) readersOf(kind tracedKind) int {
	switch {
	case kind == ofLaggingReaders && c.Consumers == ConsumersBoth:
		return c.laggingCount()
	case kind == ofLaggingReaders:
		return 0
	case c.tails():
		return c.tailCount()
	}
	return c.laggingCount()
}

// checkReplay refuses fetches of a trace that nobody can offer.
func (c Config) checkReplay() error {
	for _, kind := range []tracedKind{ofReaders, ofLaggingReaders} {
		if !c.replays(kind) {
			continue
		}
		api, largest := traceAPIs(c.Protocol)[kind], slices.Max(c.Trace.lists[kind].sizes)
		switch {
		case c.readersOf(kind) == 0:
			return fmt.Errorf("knob trace: it holds %s, for which consumers=%s has no connections", api, c.Consumers)
		case largest > mostFetchBytes:
			return fmt.Errorf("knob trace: a %s of %d bytes; at most %d can be asked for", api, largest, mostFetchBytes)
		case c.FetchBytesPerSecond > 0:
			return errors.New("knob trace: it says when fetches fall due, so fetch-rate cannot")
		}
	}
	return nil
}

// startReplay starts the threads that offer a trace's fetches to the consumers.
func (l *load) startReplay(beginNs int64) error {
	for _, of := range l.readers {
		if !l.cfg.replays(of.traced) {
			continue
		}
		s := &sender{
			load: l, next: l.cfg.Trace.lists[of.traced].stream(0, 1, of.count), tally: l.newTally(),
			connection: func(i int) offerer { return of.consumers[i] },
		}
		err := l.startSender(senderPrefix+of.kind, func(thread *osthread.Thread) error {
			if err := s.run(thread, beginNs); err != nil || !of.tail || !s.waitUntil(thread, l.window.endNs.Load()) {
				return err
			}
			return of.readOn()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readOn lets consumers go on in a closed loop, so that what was produced in the window
// reaches them.
func (of *readers) readOn() error {
	for _, c := range of.consumers {
		if err := c.readOn(); err != nil {
			return err
		}
	}
	return nil
}

func (c *consumer) readOn() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replayed = false
	if c.blockedSinceNs != 0 {
		return nil
	}
	return c.next()
}

// offer takes a fetch that has fallen due; the sender calls it. As with producers, one
// that finds its connection blocked since before it fell due was attempted when it fell due.
func (c *consumer) offer(dueNs int64, size int, t *tally) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load.outstanding.Add(1)
	t.trace(c.of.traced, dueNs, int32(size), c.load)
	r := dueFetch{dueNs: dueNs, size: int32(size)}
	blocked := c.blockedSinceNs
	if blocked != 0 {
		r.attemptedNs = dueNs
		if blocked > dueNs {
			r.attemptedNs = c.load.ground.now()
		}
	}
	c.waiting.push(r)
	if blocked != 0 {
		return nil
	}
	return c.next()
}

// complete enters a fetch of a trace that was answered.
func (c *consumer) complete(r dueFetch, nowNs int64) {
	c.load.outstanding.Add(-1)
	if c.load.window.contains(r.dueNs) {
		c.tally.recordFetch(c.of, r, nowNs, c.load.window)
	}
}

// recordFetch enters the spans of a fetch that is due in the window.
func (t *tally) recordFetch(of *readers, r dueFetch, doneNs int64, w *window) {
	t.histograms[of.spans.lateness].Record(r.attemptedNs - r.dueNs)
	t.enter(of.spans.service, r.attemptedNs, doneNs-r.attemptedNs, w)
	t.enter(of.spans.response, r.dueNs, doneNs-r.dueNs, w)
}

// unanswered calls fn for every fetch of a trace without an answer, oldest first, and
// says whether it was sent. All threads must have ended.
func (c *consumer) unanswered(fn func(r dueFetch, sent bool)) {
	if c.now.dueNs != 0 {
		fn(c.now, true)
	}
	for i := range c.waiting.len() {
		fn(*c.waiting.at(i), false)
	}
}
