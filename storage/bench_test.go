package storage_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"c10klab/internal/batch"
)

const (
	benchBatchBytes = 64 << 10
	benchRound      = 256 // batches, 16 MiB
)

// BenchmarkAppendAgainstWrite appends 64 KiB batches through the store and
// writes the same bytes to a bare file, in turns. The ratio is store speed over
// bare speed, CRC-32C included.
func BenchmarkAppendAgainstWrite(b *testing.B) {
	tmpl, err := batch.TemplateForBytes(benchBatchBytes, 1000, 1)
	if err != nil {
		b.Fatal(err)
	}
	records := tmpl.AppendTo(nil)
	dir := b.TempDir()
	var store, bare time.Duration
	for b.Loop() {
		store += appendRound(b, filepath.Join(dir, "store"), records)
		bare += writeRound(b, filepath.Join(dir, "bare"), records)
	}
	bytes := float64(b.N) * benchRound * benchBatchBytes
	b.ReportMetric(float64(bare)/float64(store), "of-bare-write")
	b.ReportMetric(bytes/1e6/store.Seconds(), "store-MB/s")
	b.ReportMetric(bytes/1e6/bare.Seconds(), "bare-MB/s")
}

func appendRound(b *testing.B, dir string, records []byte) time.Duration {
	s, l := openWith(b, defaults(), nil, dir)
	began := time.Now()
	for range benchRound {
		mustAppend(b, l, records)
	}
	took := time.Since(began)
	s.Abandon()
	os.RemoveAll(dir)
	return took
}

func writeRound(b *testing.B, path string, records []byte) time.Duration {
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	for range benchRound {
		if _, err := f.Write(records); err != nil {
			b.Fatal(err)
		}
	}
	took := time.Since(began)
	f.Close()
	os.Remove(path)
	return took
}

// BenchmarkRead finds offsets all over a hot log, in big and in small batches.
func BenchmarkRead(b *testing.B) {
	for name, batchBytes := range map[string]int{"64KiB": 64 << 10, "1KiB": 1 << 10, "200B": 200} {
		b.Run(name, func(b *testing.B) {
			_, l := openWith(b, defaults(), nil, b.TempDir())
			tmpl, err := batch.TemplateForBytes(batchBytes, 90, 1)
			if err != nil {
				b.Fatal(err)
			}
			records := tmpl.AppendTo(nil)
			for range 16 << 20 / batchBytes {
				mustAppend(b, l, records)
			}
			end, offset := l.EndOffset(), int64(0)
			for b.Loop() {
				slice, err := l.Read(offset, 1<<20, true)
				if err != nil {
					b.Fatal(err)
				}
				slice.Release()
				offset = (offset + 7919) % end
			}
		})
	}
}

// BenchmarkRecovery scans a hot segment after an unclean stop.
func BenchmarkRecovery(b *testing.B) {
	dir := b.TempDir()
	s, l := openWith(b, defaults(), nil, dir)
	tmpl, err := batch.TemplateForBytes(benchBatchBytes, 1000, 1)
	if err != nil {
		b.Fatal(err)
	}
	records := tmpl.AppendTo(nil)
	for range benchRound {
		mustAppend(b, l, records)
	}
	b.SetBytes(benchRound * benchBatchBytes)
	for b.Loop() {
		s.Abandon()
		s, _ = openWith(b, defaults(), nil, dir)
	}
}
