package speed

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"c10klab/storage"
)

const (
	lookupCount   = 2000 // look-ups a round and way
	lookupRounds  = 11
	lookupBatch   = 16 << 10
	repeatedCount = 200 // offsets, where they are few and come again and again
	coldCount     = 50  // searches a round in index files that are not in the page cache
)

// targets say which offsets of the log are looked up.
type targets string

const (
	fresh    targets = "fresh"        // another random one each time
	repeated targets = "200 repeated" // which the processor's caches hold the ways to
)

// lookupCell is one log and how long a look-up took in each round.
type lookupCell struct {
	LogBytes, IntervalBytes int64
	Targets                 targets
	BatchBytes              int
	Entries, IndexBytes     int64
	IndexBytesPerGiB        []float64

	// A whole look-up through the store, by offset and by time.
	OffsetNs, TimeNs []float64
	// The search in the index alone, by where the index is; cold: in files that the page
	// cache does not hold.
	HeapNs, MappedNs, ReadNs, ColdNs []float64

	random *rand.Rand
	few    []int64
}

// BenchmarkLookup finds places in hot logs of 1, 10 and 100 GiB, by offset and by time,
// and searches the same index files as a copy in memory, as a mapping, with pread(2), and
// with pread(2) when they have been dropped from the page cache. The logs are sparse: see
// sparseLog. It prints nanoseconds a look-up, median of the rounds, and what the index takes.
func BenchmarkLookup(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const gib, defaultInterval = 1 << 30, 4096
	cells := []*lookupCell{
		{LogBytes: 1 * gib, IntervalBytes: defaultInterval, Targets: fresh}, {LogBytes: 10 * gib, IntervalBytes: defaultInterval, Targets: fresh},
		{LogBytes: 100 * gib, IntervalBytes: defaultInterval, Targets: fresh}, {LogBytes: 100 * gib, IntervalBytes: defaultInterval, Targets: repeated},
	}
	for _, interval := range []int64{16 << 10, 64 << 10, 256 << 10, 1 << 20} {
		cells = append(cells, &lookupCell{LogBytes: 10 * gib, IntervalBytes: interval, Targets: fresh})
	}
	fmt.Printf("\n%7s %9s %12s %9s %12s  %9s %9s   %9s %9s %9s %9s   median ns of %d rounds\n", "log GiB", "interval", "targets", "entries",
		"index B/GiB", "by offset", "by time", "heap", "mapped", "read", "cold", brief(lookupRounds))
	for _, c := range cells {
		c.BatchBytes = lookupBatch
		c.run(b)
		fmt.Printf("%7d %9d %12s %9d %12.0f  %9.0f %9.0f   %9.0f %9.0f %9.0f %9.0f\n", c.LogBytes/gib, c.IntervalBytes, c.Targets, c.Entries,
			median(c.IndexBytesPerGiB), median(c.OffsetNs), median(c.TimeNs), median(c.HeapNs), median(c.MappedNs), median(c.ReadNs), median(c.ColdNs))
		b.ReportMetric(median(c.OffsetNs), fmt.Sprintf("%dGiB/%d/%s/offset-ns", c.LogBytes/gib, c.IntervalBytes, strings.ReplaceAll(string(c.Targets), " ", "-")))
	}
	keep(b, "lookup", cells)
}

// run measures one log. Every way of every round has offsets of its own, and what the
// look-ups find of the log is written before any is timed.
func (c *lookupCell) run(b *testing.B) {
	dir := b.TempDir()
	defer os.RemoveAll(dir)
	sparse := newSparseLog(b, dir, c.LogBytes, c.IntervalBytes, c.BatchBytes)
	c.random = rand.New(rand.NewPCG(1, 2))
	rounds := brief(lookupRounds)
	byOffset, byTime := make([][]int64, rounds), make([][]int64, rounds)
	for i := range rounds {
		byOffset[i], byTime[i] = c.draw(brief(lookupCount), sparse), c.draw(brief(lookupCount), sparse)
		for _, target := range slices.Concat(byOffset[i], byTime[i]) {
			if err := sparse.touch(target); err != nil {
				b.Fatal(err)
			}
		}
	}
	store := openStore(b, dir, map[string]string{"index-interval-bytes": fmt.Sprint(c.IntervalBytes)})
	log := must(store.Log("t", 0))(b)
	indexes := openIndexes(b, sparse)
	for i := range rounds {
		c.IndexBytes = must(sparse.indexBytes())(b)
		c.IndexBytesPerGiB = append(c.IndexBytesPerGiB, float64(c.IndexBytes)/(float64(c.LogBytes)/(1<<30)))
		c.OffsetNs = append(c.OffsetNs, c.timeLookups(b, byOffset[i], lookOffsetUp(log)))
		c.TimeNs = append(c.TimeNs, c.timeLookups(b, byTime[i], lookTimeUp(log, int64(sparse.template.Records()))))
		c.HeapNs = append(c.HeapNs, c.timeLookups(b, c.draw(brief(lookupCount), sparse), indexes.in(indexes.heap)))
		c.MappedNs = append(c.MappedNs, c.timeLookups(b, c.draw(brief(lookupCount), sparse), indexes.in(indexes.mapped)))
		c.ReadNs = append(c.ReadNs, c.timeLookups(b, c.draw(brief(lookupCount), sparse), indexes.in(indexes.read)))
	}
	c.Entries = c.IndexBytes / indexEntryBytes
	if err := errors.Join(indexes.close(), store.Abandon()); err != nil {
		b.Fatal(err)
	}
	for range rounds { // when no mapping holds the files
		c.ColdNs = append(c.ColdNs, timeColdSearches(b, sparse, c.draw(brief(coldCount), sparse)))
	}
}

// draw are random offsets of the log, or of the few that come again and again.
func (c *lookupCell) draw(n int, sparse *sparseLog) []int64 {
	drawn := make([]int64, n)
	for i := range drawn {
		if c.Targets == repeated && len(c.few) == repeatedCount {
			drawn[i] = c.few[i%repeatedCount]
			continue
		}
		drawn[i] = c.random.Int64N(sparse.records())
		c.few = append(c.few, drawn[i])
	}
	return drawn
}

// timeLookups is the mean over the targets, in nanoseconds. Those that come again and again
// have been there once.
func (c *lookupCell) timeLookups(b *testing.B, of []int64, lookUp func(offset int64) error) float64 {
	b.Helper()
	lookUpAll := func(of []int64) {
		for _, target := range of {
			if err := lookUp(target); err != nil {
				b.Fatal(err)
			}
		}
	}
	if c.Targets == repeated {
		lookUpAll(of[:repeatedCount])
	}
	began := time.Now()
	lookUpAll(of)
	return float64(time.Since(began)) / float64(len(of))
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
