package loadgen

import (
	"runtime"
	"testing"
	"time"

	"c10klab/loadgen/judge"
	"c10klab/loadgen/plan"
)

// TestIdleConnectionsAreCheap counts the heap of connections that had one answer each:
// what 10 000 idle ones occupy on the generator's side.
func TestIdleConnectionsAreCheap(t *testing.T) {
	const connections, limitBytes = 5000, 20 << 10
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	v := newVirtual(t, plan.Schedule{Kind: plan.Constant, PerSecond: connections, Seed: 1}, connections, 1, func() int64 { return 1000 })
	if got := v.run(time.Second); got.Counts[judge.Answered] != connections {
		t.Fatalf("%d connections were answered", got.Counts[judge.Answered])
	}
	tallies := 0
	for _, counted := range v.load.tallies {
		for _, h := range counted.Histograms {
			tallies += h.MemoryBytes()
		}
	}
	each := (int(heap()-before) - tallies) / connections
	t.Logf("%d bytes a connection", each)
	if each > limitBytes {
		t.Errorf("an idle connection occupies %d bytes, at most %d are wanted", each, limitBytes)
	}
	runtime.KeepAlive(v)
}
