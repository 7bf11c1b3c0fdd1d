package hdr

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

func TestOutOfRangeIsCountedNotClamped(t *testing.T) {
	h := NewHistogram()
	h.Record(-1)
	h.Record(highestNs * 2)
	h.Record(1000)
	if h.Count() != 1 || h.OutOfRange() != 2 || h.MaxNs() > 1001 {
		t.Errorf("count %d, out of range %d, max %d; want 1, 2, 1000", h.Count(), h.OutOfRange(), h.MaxNs())
	}
}

func TestSupportsNeedsAFiniteInterval(t *testing.T) {
	cases := []struct {
		n    int64
		q    float64
		want bool
	}{{3000, 0.999, false}, {3700, 0.999, true}, {300, 0.99, false}, {400, 0.99, true}, {0, 0.5, false}, {8, 0.5, true}}
	for _, c := range cases {
		if got := Supports(c.n, c.q); got != c.want {
			t.Errorf("Supports(%d, %g) = %v", c.n, c.q, got)
		}
	}
}

// Writers on more threads than recorders run while snapshots are taken; every
// count must be in exactly one window.
func TestNoCountIsLostBetweenConcurrentSnapshots(t *testing.T) {
	const writers, each = 32, 2000
	r := NewRecorders(2)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				rec := r.Acquire(w)
				rec.Record(i%2, int64(i+1))
				rec.Release()
			}
		})
	}
	written := make(chan struct{})
	go func() { group.Wait(); close(written) }()
	var windows int64
	previous := []*Histogram{nil, nil}
	take := func() {
		now, _ := r.Snapshot()
		for i, h := range now {
			if h == nil {
				continue
			}
			window, err := h.Since(previous[i])
			if err != nil {
				t.Fatal(err)
			}
			windows += window.Count()
			previous[i] = h
		}
	}
	for running := true; running; {
		select {
		case <-written:
			running = false
		default:
		}
		take()
	}
	take()
	if windows != writers*each {
		t.Errorf("windows hold %d counts, %d were recorded", windows, writers*each)
	}
}

func TestMarkDividesBeforeFromAfter(t *testing.T) {
	r := NewRecorders(1)
	record := func(n int) {
		for range n {
			rec := r.Acquire(0)
			rec.Record(0, 100)
			rec.Release()
		}
	}
	for round, want := range []int64{5, 5 + 7, 5 + 7 + 5} {
		record(5)
		if round == 1 {
			record(2)
		}
		r.Mark()
		record(0)
		if _, atMark := r.Snapshot(); atMark[0].Count() != want {
			t.Errorf("round %d: %d counts before the mark, want %d", round, atMark[0].Count(), want)
		}
	}
	r.Mark()
	record(3)
	r.Mark() // the first mark's counts may not be lost to the second
	record(4)
	if now, atMark := r.Snapshot(); now[0].Count() != 17+7 || atMark[0].Count() != 17+3 {
		t.Errorf("%d counts, %d before the mark; want 24 and 20", now[0].Count(), atMark[0].Count())
	}
}

func TestRecordersMemoryDoesNotGrowWithThreads(t *testing.T) {
	r := NewRecorders(1)
	for thread := range 10_000 {
		rec := r.Acquire(thread)
		rec.Record(0, 5)
		rec.Release()
	}
	if limit := 2 * len(r.slots) * NewHistogram().MemoryBytes(); r.MemoryBytes() > limit {
		t.Errorf("recorders hold %d bytes after 10 000 threads, limit %d", r.MemoryBytes(), limit)
	}
}

func TestRecordingAllocatesNothing(t *testing.T) {
	r := NewRecorders(1)
	record := func() {
		rec := r.Acquire(0)
		rec.Record(0, 12345)
		rec.Release()
	}
	record()
	if n := testing.AllocsPerRun(100, record); n != 0 {
		t.Errorf("%g allocations per record", n)
	}
}

func TestBundleSurvivesJSONAndLog(t *testing.T) {
	b := Bundle{{Stage: "LocalTime", API: "Produce"}: NewHistogram(), {Stage: "SocketQueue+Dispatch", API: "Fetch"}: NewHistogram(),
		{Stage: "RequestQueue", API: "Produce", Server: "follower-1"}: NewHistogram()}
	for i := range int64(5000) {
		b[Key{Stage: "LocalTime", API: "Produce"}].Record(i * 1000)
		b[Key{Stage: "SocketQueue+Dispatch", API: "Fetch"}].Record(i)
		b[Key{Stage: "RequestQueue", API: "Produce", Server: "follower-1"}].Record(i + 7)
	}
	data, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var fromJSON Bundle
	if err := json.Unmarshal(data, &fromJSON); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if err := b.WriteLog(&log, time.Unix(100, 0), time.Unix(110, 0)); err != nil {
		t.Fatal(err)
	}
	fromLog, err := readLog(&log)
	if err != nil {
		t.Fatal(err)
	}
	for k, h := range b {
		for name, other := range map[string]Bundle{"json": fromJSON, "log": fromLog} {
			if got := other[k]; got == nil || !got.inner.Equals(h.inner) {
				t.Errorf("%s: %s differs after a round trip", name, k)
			}
		}
	}
}

func TestSinceRefusesALaterState(t *testing.T) {
	early, late := NewHistogram(), NewHistogram()
	late.Record(7)
	if _, err := early.Since(late); err == nil {
		t.Error("subtracting a later state was accepted")
	}
}

func TestALogIsReadInPart(t *testing.T) {
	b := Bundle{{Stage: "LocalTime", API: "Produce"}: NewHistogram(), {Stage: "Total", API: "Fetch"}: NewHistogram()}
	for _, h := range b {
		h.RecordN(1000, 7)
	}
	var log bytes.Buffer
	for range 2 { // two intervals of the same tags
		if err := b.WriteLog(&log, time.Unix(100, 0), time.Unix(110, 0)); err != nil {
			t.Fatal(err)
		}
	}
	var sum Sum
	_, err := sum.AddLog(&log, func(k Key) bool { return k.API == "Fetch" }, map[string][]float64{"Total/Fetch": {1, 2, 7}})
	got := sum.Bundle()
	if h := got[Key{Stage: "Total", API: "Fetch"}]; err != nil || len(got) != 1 || h.Count() != 14 || h.Independent(0.99) != 7 || h.Independent(0.999) != 2 {
		t.Errorf("%v, %v", got, err)
	}
}

// readLog reads a tagged HdrHistogram log and merges its intervals by tag.
func readLog(r io.Reader) (Bundle, error) {
	var s Sum
	_, err := s.AddLog(r, nil, nil)
	return s.Bundle(), err
}

func FuzzReadLog(f *testing.F) {
	b := Bundle{{Stage: "LocalTime", API: "Produce"}: NewHistogram()}
	b[Key{Stage: "LocalTime", API: "Produce"}].Record(5)
	var log bytes.Buffer
	if err := b.WriteLog(&log, time.Unix(100, 0), time.Unix(110, 0)); err != nil {
		f.Fatal(err)
	}
	f.Add(log.Bytes())
	f.Add([]byte("Tag=A/B"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, err := readLog(bytes.NewReader(data)); err == nil {
			for key, h := range b {
				if h.Count() < 0 {
					t.Errorf("%s: %d counts", key, h.Count())
				}
			}
		}
	})
}

// A histogram is decoded as the library decodes it, or refused.
func FuzzDecode(f *testing.F) {
	h := NewHistogram()
	h.RecordN(1, 3)
	h.RecordN(1_000_000, 1<<40)
	h.Record(highestNs)
	text, err := h.inner.EncodeV2()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, data []byte) {
		var d decoder
		buckets, err := d.read(data)
		if err != nil {
			return
		}
		counts := make([]int64, bucketCount)
		for _, f := range buckets {
			counts[f.bucket] = f.count
		}
		decoded, err := hdrhistogram.Decode(data)
		if err != nil {
			t.Fatalf("the library refuses it: %v", err)
		}
		want := NewHistogram()
		want.inner.Merge(decoded)
		if !slices.Equal(counts, want.inner.Export().Counts) {
			t.Error("the library decodes other counts")
		}
	})
}

// Logs of another shape, as other tools write them, are added too.
func TestLogsOfAnotherShapeAreAdded(t *testing.T) {
	inner := hdrhistogram.New(1, 1_000_000_000, 2)
	if err := inner.RecordValues(5_000, 9); err != nil {
		t.Fatal(err)
	}
	text, err := inner.EncodeV2()
	if err != nil {
		t.Fatal(err)
	}
	b, err := readLog(strings.NewReader("Tag=A/B,0.1,1.0,2.0," + string(text) + "\n"))
	if h := b[Key{Stage: "A", API: "B"}]; err != nil || h.Count() != 9 {
		t.Errorf("%v, %v", b, err)
	}
}

func TestARowIsRecordedAsItsDurationsAre(t *testing.T) {
	one, row := NewRecorders(4), NewRecorders(4)
	durations := []int64{0, 25, 4000}
	for _, known := range []uint32{0b111, 0b101, 0b011, 0} {
		a, b := one.Acquire(0), row.Acquire(0)
		for i, ns := range durations {
			if known&(1<<i) != 0 {
				a.Record(1+i, ns)
			}
		}
		b.RecordRow(1, durations, known)
		a.Release()
		b.Release()
	}
	want, _ := one.Snapshot()
	got, _ := row.Snapshot()
	for i := range want {
		if (want[i] == nil) != (got[i] == nil) {
			t.Fatalf("histogram %d: one by one %v, as a row %v", i, want[i], got[i])
		}
		if want[i] != nil && (got[i].Count() != want[i].Count() || got[i].MaxNs() != want[i].MaxNs()) {
			t.Errorf("histogram %d: %d durations to %d ns, want %d to %d", i, got[i].Count(), got[i].MaxNs(), want[i].Count(), want[i].MaxNs())
		}
	}
	if want[1] == nil || want[1].Count() != 3 {
		t.Errorf("the first duration was counted in %v", want[1])
	}
}
