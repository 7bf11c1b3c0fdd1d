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

// expectTraced makes room for the producers' requests of a sender's trace and touches it:
// growing, and the page faults of new memory, would make requests late.
func (t *tally) expectTraced(cfg Config) {
	if cfg.TraceTo == "" {
		return
	}
	const spare = 1.2
	expected := spare * cfg.Schedule.PerSecond * (cfg.WarmUp + cfg.Window).Seconds() / float64(cfg.pairs())
	room := make([]traced, min(int(expected), mostTracedAhead))
	clear(room)
	t.traced[ofProducers] = room[:0]
}

// mostTracedAhead is about a GiB.
const mostTracedAhead = 1 << 26

// trace enters a request that is due, from the load's beginning to the window's end.
func (t *tally) trace(kind tracedKind, dueNs int64, size int32, l *load) {
	if l.cfg.TraceTo == "" || !l.window.begun() || l.window.over(dueNs) {
		return
	}
	if offsetNs := dueNs - l.beginNs(); offsetNs >= 0 {
		t.traced[kind] = append(t.traced[kind], traced{offsetNs, size})
	}
}

// writeTrace leaves the requests as a Trace.
func (e *evidence) writeTrace(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the trace: %w", err)
	}
	cfg := e.load.cfg
	recorded := &Trace{}
	for kind := range tracedKinds {
		recorded.lists[kind] = traceList{requests: e.counted.traced[kind], sizes: cfg.sizesOf(kind)}
	}
	err = recorded.write(file, cfg.Protocol)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("write the trace %s: %w", path, err)
	}
	return nil
}

// traceLine is one request as write orders them.
type traceLine struct {
	traced
	kind tracedKind
}

// write writes the trace as readTrace reads it, whatever the order within its lists.
func (t *Trace) write(w io.Writer, protocol string) error {
	apis := traceAPIs(protocol)
	var lines []traceLine
	for kind, list := range t.lists {
		for _, r := range list.requests {
			lines = append(lines, traceLine{r, tracedKind(kind)})
		}
	}
	slices.SortStableFunc(lines, func(a, b traceLine) int { return cmp.Compare(a.offsetNs, b.offsetNs) })
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, strings.Join(traceHeader, ","))
	const second = int64(time.Second)
	for _, r := range lines {
		fmt.Fprintf(out, "%d.%09d,%s,%d\n", r.offsetNs/second, r.offsetNs%second, apis[r.kind], t.lists[r.kind].sizes[r.size])
	}
	return out.Flush() // keeps the first error of all writes
}
