package speed

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"c10klab/internal/batch"
	"c10klab/internal/knob"
	"c10klab/storage"
)

const (
	appendRounds      = 21
	appendRoundBytes  = 32 << 20 // of one way in one round
	appendRecordBytes = 100
	copyBytes         = 32 << 20 // what memcpy fills again and again, larger than a cache
)

// appendCell is one batch size under one flush policy, and how long each round took
// over the same bytes.
type appendCell struct {
	LogFlush   string
	BatchBytes int
	Records    int // in a batch
	RoundBytes int

	StoreNs, WriteNs, CopyNs []float64
}

// BenchmarkAppend appends batches of 100-byte records through the store, writes the
// same bytes with bare write(2) calls, and copies them in memory, in turns on one
// thread, each time to a new file. It prints what the store does, and its speed as a
// share of the other two: median of the rounds.
func BenchmarkAppend(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cells, dir := appendCells(b), b.TempDir()
	to := make([]byte, copyBytes)
	clear(to)
	random := rand.New(rand.NewPCG(1, 2))
	for range appendRounds {
		for _, i := range random.Perm(len(cells)) {
			c := cells[i]
			records := c.template(b).AppendTo(nil)
			ways := []func(){
				func() { c.StoreNs = append(c.StoreNs, c.timeStore(b, dir, records)) },
				func() { c.WriteNs = append(c.WriteNs, c.timeWrite(b, dir, records)) },
				func() { c.CopyNs = append(c.CopyNs, c.timeCopy(to, records)) },
			}
			for _, way := range random.Perm(len(ways)) {
				ways[way]()
			}
		}
	}
	reportAppends(b, cells)
	keep(b, "append", cells)
}

// appendCells are all batch sizes without flushing, then the flush policies.
func appendCells(b *testing.B) (cells []*appendCell) {
	for _, bytes := range []int{0, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20} {
		cells = append(cells, newAppendCell(b, "none", bytes, appendRoundBytes))
	}
	return cells
}

// newAppendCell makes a cell of batches of that size; 0: of one record.
func newAppendCell(b *testing.B, flush string, batchBytes, roundBytes int) *appendCell {
	c := &appendCell{LogFlush: flush, BatchBytes: batchBytes}
	t := c.template(b)
	c.BatchBytes, c.Records = t.SizeBytes(), t.Records()
	c.RoundBytes = roundBytes / c.BatchBytes * c.BatchBytes
	return c
}

func (c *appendCell) template(b *testing.B) *batch.Template {
	b.Helper()
	if c.BatchBytes == 0 || c.Records == 1 {
		return must(batch.NewTemplate(1, appendRecordBytes, 1))(b)
	}
	return must(batch.TemplateForBytes(c.BatchBytes, appendRecordBytes, 1))(b)
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

func (c *appendCell) timeStore(b *testing.B, dir string, records []byte) float64 {
	b.Helper()
	dir = filepath.Join(dir, "store")
	store := openStore(b, dir, map[string]string{"log-flush": c.LogFlush})
	log := must(store.Log("t", 0))(b)
	began := time.Now()
	for range c.batches() {
		if _, err := log.Append(records, 0); err != nil {
			b.Fatal(err)
		}
	}
	took := time.Since(began)
	if err := errors.Join(store.Abandon(), os.RemoveAll(dir)); err != nil {
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

func (c *appendCell) timeWrite(b *testing.B, dir string, records []byte) float64 {
	b.Helper()
	f := must(os.Create(filepath.Join(dir, "bare")))(b)
	began := time.Now()
	for range c.batches() {
		if _, err := f.Write(records); err != nil {
			b.Fatal(err)
		}
	}
	took := time.Since(began)
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		b.Fatal(err)
	}
	return float64(took)
}

func (c *appendCell) timeCopy(to, records []byte) float64 {
	at := 0
	began := time.Now()
	for range c.batches() {
		if at+len(records) > len(to) {
			at = 0
		}
		at += copy(to[at:], records)
	}
	return float64(time.Since(began))
}

func reportAppends(b *testing.B, cells []*appendCell) {
	fmt.Printf("\n%-12s %11s %8s %12s %9s  %8s %9s   median of %d rounds\n",
		"log-flush", "batch bytes", "records", "records/s", "MB/s", "of write", "of memcpy", appendRounds)
	for _, c := range cells {
		ofWrite, ofCopy := make([]float64, len(c.StoreNs)), make([]float64, len(c.StoreNs))
		for i, ns := range c.StoreNs {
			ofWrite[i], ofCopy[i] = c.WriteNs[i]/ns, c.CopyNs[i]/ns
		}
		seconds := median(c.StoreNs) / 1e9
		fmt.Printf("%-12s %11d %8d %12.0f %9.0f  %8.3f %9.3f\n", c.LogFlush, c.BatchBytes, c.Records,
			float64(c.batches()*c.Records)/seconds, float64(c.RoundBytes)/1e6/seconds, median(ofWrite), median(ofCopy))
		b.ReportMetric(median(ofWrite), fmt.Sprintf("%s/%dB/of-write", c.LogFlush, c.BatchBytes))
	}
}
