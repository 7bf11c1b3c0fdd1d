package loadgen

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// expectTraced makes room for the requests of a sender's trace and touches it: growing,
// and the page faults of new memory, would make requests late.
func (t *tally) expectTraced(cfg Config) {
	if cfg.TraceTo == "" {
		return
	}
	const spare = 1.2
	expected := spare * cfg.Schedule.PerSecond * (cfg.WarmUp + cfg.Window).Seconds() / float64(cfg.pairs())
	t.traced = make([]traced, min(int(expected), mostTracedAhead))
	clear(t.traced)
	t.traced = t.traced[:0]
}

// mostTracedAhead is about a GiB.
const mostTracedAhead = 1 << 26

// trace enters a request that is due, from the load's beginning on.
func (t *tally) trace(r *request, l *load) {
	if !l.window.begun() {
		return
	}
	if offsetNs := r.dueNs - (l.window.startNs.Load() - int64(l.cfg.WarmUp)); offsetNs >= 0 {
		t.traced = append(t.traced, traced{offsetNs, r.size})
	}
}

// writeTrace leaves the producers' requests as a Trace.
func (e *evidence) writeTrace(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the trace: %w", err)
	}
	slices.SortFunc(e.counted.traced, func(a, b traced) int { return cmp.Compare(a.offsetNs, b.offsetNs) })
	recorded := &Trace{api: e.load.cfg.api(), requests: e.counted.traced, sizes: e.load.cfg.sizes()}
	err = recorded.write(file)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("write the trace %s: %w", path, err)
	}
	return nil
}

// write writes the trace as readTrace reads it.
func (t *Trace) write(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, strings.Join(traceHeader, ","))
	const second = int64(time.Second)
	for _, r := range t.requests {
		fmt.Fprintf(out, "%d.%09d,%s,%d\n", r.offsetNs/second, r.offsetNs%second, t.api, t.sizes[r.size])
	}
	return out.Flush() // keeps the first error of all writes
}
