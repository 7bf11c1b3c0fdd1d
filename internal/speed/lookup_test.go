package speed

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"

	"c10klab/storage"
)

const (
	lookupTargets = 200    // different offsets, all over the log
	lookupCount   = 10_000 // look-ups a round
	lookupRounds  = 11
	lookupBatch   = 16 << 10
)

// lookupCell is one log and how long a look-up took in each round.
type lookupCell struct {
	LogBytes, IntervalBytes int64
	BatchBytes              int
	Entries, IndexBytes     int64

	// A whole look-up through the store, by offset and by time.
	OffsetNs, TimeNs []float64
	// The search in the index alone, by where the index is.
	HeapNs, MappedNs, ReadNs []float64
}

// BenchmarkLookup finds places in hot logs of 1, 10 and 100 GiB, by offset and by time,
// and searches the same index files as a copy in memory, as a mapping and with
// pread(2). The logs are sparse: see sparseLog. It prints nanoseconds a look-up, median
// of the rounds, and what the index takes.
func BenchmarkLookup(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const gib, defaultInterval = 1 << 30, 4096
	cells := []*lookupCell{
		{LogBytes: 1 * gib, IntervalBytes: defaultInterval}, {LogBytes: 10 * gib, IntervalBytes: defaultInterval},
		{LogBytes: 100 * gib, IntervalBytes: defaultInterval},
		{LogBytes: 10 * gib, IntervalBytes: 16 << 10},
		{LogBytes: 10 * gib, IntervalBytes: 64 << 10}, {LogBytes: 10 * gib, IntervalBytes: 256 << 10}, {LogBytes: 10 * gib, IntervalBytes: 1 << 20},
	}
	fmt.Printf("\n%7s %9s %9s %12s  %9s %9s   %9s %9s %9s   median ns of %d rounds\n", "log GiB", "interval", "entries",
		"index B/GiB", "by offset", "by time", "heap", "mapped", "read", lookupRounds)
	for _, c := range cells {
		c.BatchBytes = lookupBatch
		c.run(b)
		fmt.Printf("%7d %9d %9d %12.0f  %9.0f %9.0f   %9.0f %9.0f %9.0f\n", c.LogBytes/gib, c.IntervalBytes, c.Entries,
			float64(c.IndexBytes)/float64(c.LogBytes/gib), median(c.OffsetNs), median(c.TimeNs), median(c.HeapNs), median(c.MappedNs), median(c.ReadNs))
		b.ReportMetric(median(c.OffsetNs), fmt.Sprintf("%dGiB/%d/offset-ns", c.LogBytes/gib, c.IntervalBytes))
	}
	keep(b, "lookup", cells)
}

// run measures one log.
func (c *lookupCell) run(b *testing.B) {
	dir := b.TempDir()
	defer os.RemoveAll(dir)
	sparse := newSparseLog(b, dir, c.LogBytes, c.IntervalBytes, c.BatchBytes)
	c.IndexBytes = must(sparse.indexBytes())(b)
	c.Entries = c.IndexBytes / indexEntryBytes
	targets := make([]int64, lookupTargets)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range targets {
		targets[i] = random.Int64N(sparse.records())
		if err := sparse.touch(targets[i]); err != nil {
			b.Fatal(err)
		}
	}
	store := openStore(b, dir, map[string]string{"index-interval-bytes": fmt.Sprint(c.IntervalBytes)})
	log := must(store.Log("t", 0))(b)
	indexes := openIndexes(b, sparse)
	for range lookupRounds {
		c.OffsetNs = append(c.OffsetNs, timeLookups(b, targets, lookOffsetUp(log)))
		c.TimeNs = append(c.TimeNs, timeLookups(b, targets, lookTimeUp(log, int64(sparse.template.Records()))))
		c.HeapNs = append(c.HeapNs, timeLookups(b, targets, indexes.in(indexes.heap)))
		c.MappedNs = append(c.MappedNs, timeLookups(b, targets, indexes.in(indexes.mapped)))
		c.ReadNs = append(c.ReadNs, timeLookups(b, targets, indexes.in(indexes.read)))
	}
	if err := errors.Join(indexes.close(), store.Abandon()); err != nil {
		b.Fatal(err)
	}
}

// timeLookups is the mean over the targets in turn, in nanoseconds.
func timeLookups(b *testing.B, targets []int64, lookUp func(offset int64) error) float64 {
	b.Helper()
	for _, target := range targets { // into the processor's caches, as far as they fit
		if err := lookUp(target); err != nil {
			b.Fatal(err)
		}
	}
	began := time.Now()
	for i := range lookupCount {
		if err := lookUp(targets[i%len(targets)]); err != nil {
			b.Fatal(err)
		}
	}
	return float64(time.Since(began)) / lookupCount
}

func lookOffsetUp(log *storage.Log) func(int64) error {
	return func(offset int64) error {
		slice, err := log.Read(offset, 1<<20, true)
		slice.Release()
		return err
	}
}

// lookTimeUp finds the offset's batch by its timestamp, which is its number.
func lookTimeUp(log *storage.Log, records int64) func(int64) error {
	return func(offset int64) error {
		found, _, ok, err := log.OffsetForTimestamp(offset / records)
		if err == nil && (!ok || found != offset/records*records) {
			err = fmt.Errorf("time %d is at offset %d, %v; want %d", offset/records, found, ok, offset/records*records)
		}
		return err
	}
}
