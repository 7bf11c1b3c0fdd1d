package storage_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"c10klab/internal/batch"
	"c10klab/internal/vfs"
	"c10klab/storage"
)

// promise is what a loss of power must not take: the records of want from start on
// and below end. Records of want behind end may be there, up to the first that is
// missing, and those below lastStart may be gone.
type promise struct {
	start, lastStart, end int64
	want                  []int64
}

// powerCuts takes, before and after every fsync, what a loss of power at that moment
// could leave, together with what was promised by then.
type powerCuts struct {
	mem *vfs.Mem

	mu       sync.Mutex
	promised promise
	forced   func() int64 // if set, the log's own promise: the end of what an fsync has covered
	random   *rand.Rand
	cuts     []powerCut
}

type powerCut struct {
	promise
	name string
	left *vfs.Mem
}

func newPowerCuts() *powerCuts {
	return &powerCuts{mem: vfs.NewMem(), random: rand.New(rand.NewPCG(1, 2))}
}

// fs is the file system to run the store on.
func (p *powerCuts) fs() vfs.FS {
	return vfs.Faulty{
		FS: p.mem,
		Fault: func(op vfs.Op, path string) error {
			p.cut("before", op, path)
			return nil
		},
		After: func(op vfs.Op, path string) { p.cut("after", op, path) },
	}
}

func (p *powerCuts) cut(when string, op vfs.Op, path string) {
	if op != vfs.OpSync && op != vfs.OpSyncDir {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.forced != nil {
		p.promised.end = max(p.promised.end, p.forced())
	}
	for _, keep := range []float64{0, 0.5, 0.9, 1} {
		name := fmt.Sprintf("cut %d %s %v of %s, %v of the rest kept", len(p.cuts), when, op, path, keep)
		p.cuts = append(p.cuts, powerCut{p.promised, name, p.mem.Crash(p.random, keep)})
	}
}

func (p *powerCuts) set(change func(*promise)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.promised)
}

// verify opens what each cut left, reads it, and reads what another cut leaves right
// after that; then it appends, loses power again and reads once more.
func (p *powerCuts) verify(t *testing.T, cfg storage.Config) {
	t.Helper()
	for i, cut := range p.cuts {
		if layout == storage.LayoutCommitLog && i%5 != 0 {
			continue // enough of each kind of the four, and in a fifth of the time
		}
		cfg.FS = cut.left
		s, err := storage.Open([]string{"/d"}, cfg, nil)
		if err != nil {
			t.Fatalf("%s: %v", cut.name, err)
		}
		l, err := s.Log("t", 0)
		if err != nil {
			if cut.end > 0 {
				t.Fatalf("%s: %v", cut.name, err)
			}
			s.Abandon()
			continue
		}
		got := cut.check(t, l)
		cfg.FS = cut.left.Crash(p.random, 0.5)
		twice, err := storage.Open([]string{"/d"}, cfg, nil)
		if err != nil {
			t.Fatalf("%s, and again after the recovery: %v", cut.name, err)
		}
		if l, err := twice.Log("t", 0); err == nil {
			cut.check(t, l)
		} else if cut.end > 0 {
			t.Fatalf("%s, and again after the recovery: %v", cut.name, err)
		}
		twice.Abandon()
		const added = 1_000_000
		mustAppend(t, l, numbered(t, 1, added))
		if err := l.Flush(); err != nil {
			t.Fatalf("%s: %v", cut.name, err)
		}
		start := l.StartOffset()
		cfg.FS = cut.left.Crash(p.random, 0.5)
		s.Abandon()
		again := open(t, cfg, nil, "/d")
		if back := readAll(t, mustLog(t, again, "t", 0), start); !slices.Equal(back, append(got, added)) {
			t.Fatalf("%s: after an append and another cut %d records, want %d and the new one", cut.name, len(back), len(got))
		}
		again.Abandon()
	}
}

func (c powerCut) check(t *testing.T, l *storage.Log) []int64 {
	t.Helper()
	start, end := l.StartOffset(), l.EndOffset()
	lastStart := c.lastStart
	if c.end == 0 {
		lastStart = end // nothing is promised, not even a beginning
	}
	if start < c.start || start > lastStart || end < c.end || end > int64(len(c.want)) {
		t.Fatalf("%s: the log has [%d, %d), promised are [%d, %d) of %d", c.name, start, end, c.start, c.end, len(c.want))
	}
	got := readAll(t, l, start)
	if !slices.Equal(got, c.want[start:end]) {
		t.Fatalf("%s: the log holds %v, want %v", c.name, got, c.want[start:end])
	}
	return got
}

// appendPromised appends batches of 1, 2, 3, ... records with numbers from first on.
// Before each append its records are allowed, after it all but the last are promised,
// as many as the flush policy holds back.
func appendPromised(t *testing.T, p *powerCuts, l *storage.Log, batches int, first, heldBack int64) {
	t.Helper()
	for i := range batches {
		records := 1 + i%3
		number := first + int64(i)
		p.set(func(now *promise) {
			now.want = append(slices.Clone(now.want), slices.Repeat([]int64{number}, records)...)
		})
		info := mustAppend(t, l, numbered(t, records, number))
		p.set(func(now *promise) { now.end = max(now.end, info.LastOffset+1-heldBack) })
	}
}

// noneForced are the records that log-flush=none holds back: all.
const noneForced = math.MaxInt64

func TestNothingForcedOutIsLostInAPowerCut(t *testing.T) {
	for policy, heldBack := range map[string]int64{"request": 0, "messages:7": 6, "none": noneForced} {
		t.Run(policy, func(t *testing.T) {
			p := newPowerCuts()
			cfg := small()
			cfg.SegmentBytes, cfg.LogFlush, cfg.FS = 1500, policy, p.fs()
			s, l := openWith(t, cfg, nil, "/d")
			appendPromised(t, p, l, 20, 0, heldBack)
			if err := l.Flush(); err != nil {
				t.Fatal(err)
			}
			p.set(func(now *promise) { now.end = l.EndOffset() })
			p.set(func(now *promise) { now.lastStart = 10 })
			if err := l.DeleteRecords(10); err != nil {
				t.Fatal(err)
			}
			p.set(func(now *promise) { now.start = 10 })
			appendPromised(t, p, l, 10, 100, heldBack)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			p.set(func(now *promise) { now.end = int64(len(now.want)) })
			cfg.FS = p.fs()
			s, l = openWith(t, cfg, nil, "/d")
			appendPromised(t, p, l, 5, 200, heldBack)
			s.Abandon()
			p.verify(t, cfg)
			if len(p.cuts) < 50 {
				t.Errorf("only %d cuts", len(p.cuts))
			}
		})
	}
}

// TestWhatTheIntervalsFsyncCoveredSurvivesAPowerCut appends while the store flushes by
// time: nobody waits for the device, and a cut takes no record that an fsync had covered
// by then. Records appended before an interval are covered after it.
func TestWhatTheIntervalsFsyncCoveredSurvivesAPowerCut(t *testing.T) {
	p := newPowerCuts()
	cfg := small()
	cfg.SegmentBytes, cfg.LogFlush, cfg.FS = 1500, "interval:1ms", p.fs()
	s, l := openWith(t, cfg, nil, "/d")
	p.mu.Lock()
	p.forced = l.RecoveryPoint
	p.mu.Unlock()
	for round := range int64(12) {
		appendPromised(t, p, l, 3, 100*round, noneForced)
		for deadline := time.Now().Add(time.Minute); l.RecoveryPoint() < l.EndOffset(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("round %d: [%d, %d) was not forced out", round, l.RecoveryPoint(), l.EndOffset())
			}
		}
		p.set(func(now *promise) { now.end = l.EndOffset() })
	}
	appendPromised(t, p, l, 3, 10_000, noneForced)
	if err := s.Close(); err != nil { // and no flush is under way
		t.Fatal(err)
	}
	p.verify(t, cfg)
	if len(p.cuts) < 50 {
		t.Errorf("only %d cuts", len(p.cuts))
	}
}

func TestATruncationIsNotTakenBackByAPowerCut(t *testing.T) {
	p := newPowerCuts()
	cfg := small()
	cfg.SegmentBytes, cfg.FS = 1500, p.fs()
	s, l := openWith(t, cfg, nil, "/d")
	appendPromised(t, p, l, 20, 0, noneForced)
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	const keep = 12
	p.set(func(now *promise) { now.end = keep }) // what is above goes, sooner or later
	if err := l.TruncateTo(keep); err != nil {
		t.Fatal(err)
	}
	p.set(func(now *promise) { now.want = now.want[:keep:keep] })
	appendPromised(t, p, l, 12, 100, noneForced)
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	p.set(func(now *promise) { now.end = int64(len(now.want)) })
	appendPromised(t, p, l, 3, 200, noneForced)
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	s.Abandon()
	p.verify(t, cfg)
}

// TestIdempotentProducersSurviveAPowerCut: whatever is left of a log, a producer
// that sends again what was not acknowledged adds no duplicate and leaves no gap.
func TestIdempotentProducersSurviveAPowerCut(t *testing.T) {
	p := newPowerCuts()
	cfg := small()
	cfg.SegmentBytes, cfg.LogFlush, cfg.FS = 1500, "request", p.fs()
	s, l := openWith(t, cfg, nil, "/d")
	const batches = 25
	for i := range int32(batches) {
		info := mustAppend(t, l, idempotent(t, 5, 0, i, 1))
		p.set(func(now *promise) { now.end = info.LastOffset + 1 })
	}
	s.Abandon()
	for _, cut := range p.cuts {
		cfg.FS = cut.left
		s, err := storage.Open([]string{"/d"}, cfg, nil)
		if err != nil {
			t.Fatalf("%s: %v", cut.name, err)
		}
		l, err := s.Log("t", 0)
		if err != nil {
			s.Abandon()
			continue
		}
		for i := max(0, int32(cut.end)-2); i < batches; i++ {
			if info := mustAppend(t, l, idempotent(t, 5, 0, i, 1)); info.BaseOffset != int64(i) {
				t.Fatalf("%s: batch %d is at %d", cut.name, i, info.BaseOffset)
			}
		}
		s.Abandon()
	}
}

// TestAHeldBackRecordIsNoPromise is the test of the test: without a flush a cut
// that keeps nothing does lose records.
func TestAHeldBackRecordIsNoPromise(t *testing.T) {
	mem := vfs.NewMem()
	cfg := small()
	cfg.FS = mem
	s, l := openWith(t, cfg, nil, "/d")
	mustAppend(t, l, numbered(t, 1, 0))
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, numbered(t, 1, 1))
	cfg.FS = mem.Crash(rand.New(rand.NewPCG(1, 1)), 0)
	s.Abandon()
	_, l = openWith(t, cfg, nil, "/d")
	if l.EndOffset() != 1 {
		t.Errorf("the log ends at %d", l.EndOffset())
	}
	if h, err := batch.Check(mustRead(t, l, 0)); err != nil || h.RecordCount != 1 {
		t.Errorf("%+v, %v", h, err)
	}
}

func mustRead(t *testing.T, l *storage.Log, offset int64) []byte {
	t.Helper()
	slice, err := l.Read(offset, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	return content(t, slice)
}
