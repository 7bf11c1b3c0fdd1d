package speed

import (
	"fmt"
	"testing"

	"c10klab/internal/batch"
	"c10klab/internal/record"
)

// BenchmarkMillionRecords has producers send 16 KiB batches of 100-byte records over
// loopback, five in flight each, to a server with one loop and one CPU, as fast as it
// takes them, and prints the records per second of the server's processor time.
func BenchmarkMillionRecords(b *testing.B) {
	template := must(batch.TemplateForBytes(16<<10, 100, 1))(b)
	binary := buildC10klab(b)
	ready, stop := serve(b, binary, "--model", "loop-per-thread", "--loops", "1", "--data", b.TempDir())
	defer stop()
	m := load(b, binary, ready, "--mode", "closed", "--producers", "8", "--in-flight", "5", "--partitions", "8",
		"--batch-bytes", "16KiB", "--record-bytes", "100", "--warm-up", "1s", "--window", "10s")
	seconds := float64(m.WindowNs) / 1e9
	records := float64(m.Answered) * float64(template.Records()) / seconds
	cores := m.ServerCores(m.Broker())
	fmt.Printf("\n%.0f records/s, %.1f MB/s, server %.3f cores: %.0f records/s a server core; outcome %s\n",
		records, m.AckedMBps, cores, records/cores, m.Outcome)
	b.ReportMetric(records, "records/s")
	b.ReportMetric(records/cores, "records/s/core")
	keep(b, "million-records", struct {
		RecordsPerSecond, ServerCores, RecordsPerCoreSecond float64
		Measurement                                         record.Measurement
	}{records, cores, records / cores, m})
}
