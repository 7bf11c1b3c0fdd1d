package storage_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"c10klab/internal/batch"
	"c10klab/internal/knob"
	"c10klab/storage"
)

// layout is that of the stores under test.
var layout = storage.LayoutPartitionLog

func defaults() storage.Config {
	cfg := storage.ConfigFrom(knob.NewTable(storage.Knobs).Defaults())
	cfg.Layout = layout
	return cfg
}

// small makes segments of about ten batches and an index entry for every other one.
func small() storage.Config {
	cfg := defaults()
	cfg.SegmentBytes = 5000
	cfg.IndexIntervalBytes = 600
	return cfg
}

func open(t testing.TB, cfg storage.Config, observer storage.Observer, dirs ...string) *storage.Store {
	t.Helper()
	s, err := storage.Open(dirs, cfg, observer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Abandon() })
	return s
}

// openWith opens a store in dir and makes sure of a topic "t" of one partition.
func openWith(t testing.TB, cfg storage.Config, observer storage.Observer, dir string) (*storage.Store, *storage.Log) {
	t.Helper()
	s := open(t, cfg, observer, dir)
	if err := s.CreateTopic("t", 1); err != nil && !errors.Is(err, storage.ErrTopicExists) {
		t.Fatal(err)
	}
	return s, mustLog(t, s, "t", 0)
}

func mustLog(t testing.TB, s *storage.Store, topic string, partition int32) *storage.Log {
	t.Helper()
	l, err := s.Log(topic, partition)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// makeBatch makes records whose due times carry a number to recognise them by,
// and whose timestamps are that number in ms.
func makeBatch(records int, number int64) ([]byte, error) {
	tmpl, err := batch.NewTemplate(records, 40, uint64(number))
	if err != nil {
		return nil, err
	}
	b := tmpl.AppendTo(nil)
	tmpl.Stamp(b, number, number)
	return b, nil
}

func numbered(t testing.TB, records int, number int64) []byte {
	t.Helper()
	b, err := makeBatch(records, number)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustAppend(t testing.TB, l *storage.Log, b []byte) storage.AppendInfo {
	t.Helper()
	info, err := l.Append(b, 0)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// fillLog appends batches of 1, 2, 3, 1, 2, 3, ... records numbered from 0 on
// and returns the base offset of each, with the end offset last.
func fillLog(t testing.TB, l *storage.Log, batches int) []int64 {
	t.Helper()
	var bases []int64
	for i := range batches {
		bases = append(bases, mustAppend(t, l, numbered(t, 1+i%3, int64(i))).BaseOffset)
	}
	return append(bases, l.EndOffset())
}

// content reads a slice's bytes and releases it.
func content(t testing.TB, s storage.Slice) []byte {
	t.Helper()
	want, err := s.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, r := range s.AppendRegions(nil) {
		if r.File.Fd() < 0 {
			b = want
		} else {
			b = append(b, regionContent(t, r)...)
		}
		r.File.Release()
	}
	if !bytes.Equal(b, want) {
		t.Fatalf("%d bytes in the regions differ from the %d in the segment", len(b), len(want))
	}
	return b
}

func regionContent(t testing.TB, r storage.Region) []byte {
	t.Helper()
	b := make([]byte, r.LengthBytes)
	for n := 0; n < len(b); {
		got, err := unix.Pread(r.File.Fd(), b[n:], r.OffsetBytes+int64(n))
		if err != nil || got == 0 {
			t.Fatalf("reading %d bytes at %d: %d, %v", r.LengthBytes, r.OffsetBytes, n, err)
		}
		n += got
	}
	return b
}

// readAll follows the log from an offset to its end and returns every record's
// number; offsets must be without gaps.
func readAll(t testing.TB, l *storage.Log, from int64) []int64 {
	t.Helper()
	var numbers []int64
	for next := from; ; {
		s, err := l.Read(next, 1000, true)
		if err != nil {
			t.Fatalf("reading offset %d: %v", next, err)
		}
		if s.Empty() {
			return numbers
		}
		before := next
		_, err = batch.Walk(content(t, s), func(h batch.Header, b []byte) error {
			if _, err := batch.Check(b); err != nil {
				return err
			}
			it := batch.Records(b)
			for r, ok := it.Next(); ok; r, ok = it.Next() {
				offset := h.BaseOffset + int64(r.OffsetDelta)
				if offset < from || h.LastOffset() < next {
					continue
				}
				if want := from + int64(len(numbers)); offset != want {
					t.Fatalf("offset %d follows %d", offset, want-1)
				}
				numbers = append(numbers, batch.DueNs(r.Value))
			}
			next = h.LastOffset() + 1
			return it.Err()
		})
		if err != nil || next == before {
			t.Fatalf("reading from offset %d got to %d: %v", before, next, err)
		}
	}
}

// wantNumbers are the numbers that fillLog's first batches carry, per record.
func wantNumbers(batches int) []int64 {
	var numbers []int64
	for i := range batches {
		for range 1 + i%3 {
			numbers = append(numbers, int64(i))
		}
	}
	return numbers
}

func files(t testing.TB, pattern ...string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(pattern...))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// events records what an observer is told.
type events struct {
	mu                     sync.Mutex
	rolled                 []int64
	fsynced, indexes, dirs []string
	recovered              []storage.Cut
	failed, full           []error
	deleted                []string
}

func (e *events) fsyncs() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.fsynced)
}

func (e *events) deletions() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.deleted)
}

func (e *events) rolls() []int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.rolled)
}

func (e *events) note(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

func (e *events) SegmentRolled(dir string, base int64, _ time.Duration) {
	e.note(func() { e.rolled, e.dirs = append(e.rolled, base), append(e.dirs, dir) })
}
func (e *events) Fsynced(path string, _ time.Duration) {
	e.note(func() { e.fsynced = append(e.fsynced, path) })
}
func (e *events) IndexFlushed(path string, _ time.Duration) {
	e.note(func() { e.indexes = append(e.indexes, path) })
}
func (e *events) SegmentDeleted(path string, _ int64) {
	e.note(func() { e.deleted = append(e.deleted, path) })
}
func (e *events) DiskFull(_ string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.full = append(e.full, err)
}

func (e *events) HousekeepingFailed(err error) {
	e.note(func() { e.failed = append(e.failed, err) })
}
func (e *events) Failed(_ string, err error) {
	e.note(func() { e.failed = append(e.failed, err) })
}
func (e *events) Recovered(cut storage.Cut) {
	e.note(func() { e.recovered = append(e.recovered, cut) })
}
