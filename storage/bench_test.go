package storage_test

import (
	"testing"

	"c10klab/internal/batch"
)

const (
	benchBatchBytes = 64 << 10
	benchRound      = 256 // batches, 16 MiB
)

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

// BenchmarkOpen1000 opens a thousand partitions after a clean stop.
func BenchmarkOpen1000(b *testing.B) {
	dir := b.TempDir()
	s := open(b, defaults(), nil, dir)
	const partitions = 1000
	if err := s.CreateTopic("t", partitions); err != nil {
		b.Fatal(err)
	}
	tmpl, err := batch.TemplateForBytes(benchBatchBytes, 1000, 1)
	if err != nil {
		b.Fatal(err)
	}
	for i := range partitions {
		mustAppend(b, mustLog(b, s, "t", int32(i)), tmpl.AppendTo(nil))
	}
	for b.Loop() {
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		s = open(b, defaults(), nil, dir)
	}
	b.ReportMetric(partitions*float64(b.N)/b.Elapsed().Seconds(), "partitions/s")
}
