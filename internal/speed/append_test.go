package speed

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"c10klab/internal/batch"
	"c10klab/internal/knob"
	"c10klab/storage"
)

const (
	appendRounds      = 21
	deviceRounds      = 9        // of what goes beyond the dirty limit
	appendRoundBytes  = 32 << 20 // of one way in one round
	appendRecordBytes = 100

	appendLargeRecordBytes = 1000
	copyBytes              = 32 << 20 // what memcpy fills again and again, larger than a cache
)

// appendCell is one batch size under some knobs of the store, and how long each round
// took over the same bytes.
type appendCell struct {
	Knobs      map[string]string
	BatchBytes int
	Records    int // in a batch
	RoundBytes int
	Reaches    reach

	StoreNs, WriteNs, CopyNs  []float64
	RecordsPerSecond, OfWrite []float64 // of the store, and its speed as a share of bare writes

	records []byte // the batch
}

// reach is how far the bytes of a round have got when its time ends.
type reach string

const (
	pageCache   reach = "page cache"
	byPolicy    reach = "device, as log-flush says"
	beyondLimit reach = "device, beyond the dirty limit" // all of them, of which the page cache may not hold a half
)

// BenchmarkAppend appends batches through the store, writes the same bytes with bare
// write(2) calls, and copies them in memory, in turns on one thread, each time to a new
// file, which has got a first batch before the time counts. It prints what the store
// does, and its speed as a share of the other two: median of the rounds. The bare
// writes are forced to the device in the rounds beyond the dirty limit alone, at their end,
// whatever the store's log-flush.
func BenchmarkAppend(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cells, dir := appendCells(b), b.TempDir()
	to := make([]byte, copyBytes)
	clear(to)
	random := rand.New(rand.NewPCG(1, 2))
	for round := range brief(appendRounds) {
		for _, i := range random.Perm(len(cells)) {
			c := cells[i]
			if c.Reaches == beyondLimit && round >= deviceRounds {
				continue
			}
			ways := []func(){
				func() { c.StoreNs = append(c.StoreNs, c.timeStore(b, dir)) },
				func() { c.WriteNs = append(c.WriteNs, c.timeWrite(b, dir)) },
				func() { c.CopyNs = append(c.CopyNs, c.timeCopy(to)) },
			}
			for _, way := range random.Perm(len(ways)) {
				ways[way]()
			}
		}
	}
	for _, c := range cells {
		for i, ns := range c.StoreNs {
			c.RecordsPerSecond = append(c.RecordsPerSecond, float64(c.batches()*c.Records)/ns*1e9)
			c.OfWrite = append(c.OfWrite, c.WriteNs[i]/ns)
		}
	}
	reportAppends(b, cells)
	keep(b, "append", cells)
}

// appendCells are all batch sizes, then what an append of 64 KiB consists of, then the
// flush policies, whose rounds are shorter where the device is waited for.
func appendCells(b *testing.B) (cells []*appendCell) {
	const usual = 64 << 10
	for _, bytes := range []int{0, 1 << 10, 4 << 10, 16 << 10, usual, 256 << 10, 1 << 20} {
		cells = append(cells, newAppendCell(b, nil, bytes, appendRecordBytes, appendRoundBytes))
	}
	for _, knobs := range []map[string]string{nil, {"check-records": "false"}, {"check-records": "false", "preallocate": "32MiB"}} {
		cells = append(cells, newAppendCell(b, knobs, usual, appendLargeRecordBytes, appendRoundBytes))
	}
	for policy, roundBytes := range map[string]int{"interval:1s": appendRoundBytes, "messages:10000": appendRoundBytes, "request": 16 * usual} {
		c := newAppendCell(b, map[string]string{"log-flush": policy}, usual, appendRecordBytes, roundBytes)
		c.Reaches = byPolicy
		cells = append(cells, c)
	}
	c := newAppendCell(b, nil, 16<<10, appendRecordBytes, brief(brief(2*dirtyLimitBytes(b))))
	c.Reaches = beyondLimit
	return append(cells, c)
}

// dirtyLimitBytes is how much may wait for the device before the kernel holds writers up.
func dirtyLimitBytes(b *testing.B) int {
	b.Helper()
	text := must(os.ReadFile("/proc/vmstat"))(b)
	_, limit, _ := strings.Cut(string(text), "nr_dirty_threshold ")
	pages, _, _ := strings.Cut(limit, "\n")
	return must(strconv.Atoi(pages))(b) * os.Getpagesize()
}

// newAppendCell makes a cell of batches of that size; 0: of one record.
func newAppendCell(b *testing.B, knobs map[string]string, batchBytes, recordBytes, roundBytes int) *appendCell {
	var t *batch.Template
	if batchBytes == 0 {
		t = must(batch.NewTemplate(1, recordBytes, 1))(b)
	} else {
		t = must(batch.TemplateForBytes(batchBytes, recordBytes, 1))(b)
	}
	return &appendCell{
		Knobs: knobs, BatchBytes: t.SizeBytes(), Records: t.Records(), RoundBytes: roundBytes / t.SizeBytes() * t.SizeBytes(),
		Reaches: pageCache, records: t.AppendTo(nil),
	}
}

// must unwraps a result that the benchmark cannot go on without.
func must[T any](value T, err error) func(*testing.B) T {
	return func(b *testing.B) T {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
		return value
	}
}

func (c *appendCell) batches() int { return c.RoundBytes / c.BatchBytes }

func (c *appendCell) timeStore(b *testing.B, dir string) float64 {
	b.Helper()
	dir = filepath.Join(dir, "store")
	store := openStore(b, dir, c.Knobs)
	log := must(store.Log("t", 0))(b)
	took := c.time(b, func() error {
		_, err := log.Append(c.records, 0)
		return err
	}, store.Close)
	if err := errors.Join(store.Abandon(), os.RemoveAll(dir)); err != nil {
		b.Fatal(err)
	}
	return took
}

// time repeats a step for each batch, after one that does not count; flush brings all to
// the device where the round goes so far.
func (c *appendCell) time(b *testing.B, step, flush func() error) float64 {
	b.Helper()
	err := step()
	began := time.Now()
	for range c.batches() {
		if err == nil {
			err = step()
		}
	}
	if c.Reaches == beyondLimit {
		err = errors.Join(err, flush())
	}
	took := time.Since(began)
	if err != nil {
		b.Fatal(err)
	}
	return float64(took)
}

// openStore opens a store with topic "t" of one partition.
func openStore(b *testing.B, dir string, knobs map[string]string) *storage.Store {
	b.Helper()
	values := must(knob.NewTable(storage.Knobs).Values(knobs))(b)
	store := must(storage.Open([]string{dir}, storage.ConfigFrom(values), nil))(b)
	if _, found := store.Topic("t"); !found {
		if err := store.CreateTopic("t", 1); err != nil {
			b.Fatal(err)
		}
	}
	return store
}

func (c *appendCell) timeWrite(b *testing.B, dir string) float64 {
	b.Helper()
	f := must(os.Create(filepath.Join(dir, "bare")))(b)
	took := c.time(b, func() error {
		_, err := f.Write(c.records)
		return err
	}, f.Sync)
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		b.Fatal(err)
	}
	return took
}

func (c *appendCell) timeCopy(to []byte) float64 {
	at := 0
	began := time.Now()
	for range c.batches() {
		if at+len(c.records) > len(to) {
			at = 0
		}
		at += copy(to[at:], c.records)
	}
	return float64(time.Since(began))
}

func reportAppends(b *testing.B, cells []*appendCell) {
	fmt.Printf("\n%11s %8s %12s %9s  %8s %9s  knobs; what is reached; median of %d rounds\n",
		"batch bytes", "records", "records/s", "MB/s", "of write", "of memcpy", len(cells[0].StoreNs))
	for _, c := range cells {
		ofCopy := make([]float64, len(c.StoreNs))
		for i, ns := range c.StoreNs {
			ofCopy[i] = c.CopyNs[i] / ns
		}
		var knobs []string
		for _, name := range slices.Sorted(maps.Keys(c.Knobs)) {
			knobs = append(knobs, name+"="+c.Knobs[name])
		}
		fmt.Printf("%11d %8d %12.0f %9.0f  %8.3f %9.3f  %s; %s\n", c.BatchBytes, c.Records, median(c.RecordsPerSecond),
			float64(c.RoundBytes)/1e6/(median(c.StoreNs)/1e9), median(c.OfWrite), median(ofCopy), strings.Join(knobs, " "), c.Reaches)
		b.ReportMetric(median(c.OfWrite), fmt.Sprintf("%dB/%d/%s/%s/of-write", c.BatchBytes, c.Records, strings.Join(knobs, ","), strings.ReplaceAll(string(c.Reaches), " ", "-")))
	}
}
