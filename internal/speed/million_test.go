package speed

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"c10klab/internal/batch"
	"c10klab/internal/record"
)

const millionRounds = 11

// million is what one flush policy came to, by round.
type million struct {
	LogFlush                                            string
	RecordsPerSecond, ServerCores, RecordsPerCoreSecond []float64
	Outcomes                                            []record.Outcome // of all; rounds that generator or machine spoiled have no value
}

// BenchmarkMillionRecords has producers send 16 KiB batches of 100-byte records over
// loopback, five in flight each, to a fresh server with one loop and one CPU, as fast as it
// takes them: into the page cache, and with a flush to the device before each answer, in
// interleaved rounds. It prints records per second, and per second of the server's
// processor time.
func BenchmarkMillionRecords(b *testing.B) {
	template := must(batch.TemplateForBytes(16<<10, appendRecordBytes, 1))(b)
	binary := buildC10klab(b)
	all := []*million{{LogFlush: "none"}, {LogFlush: "request"}}
	random := rand.New(rand.NewPCG(1, 2))
	for range brief(millionRounds) {
		for _, i := range random.Perm(len(all)) {
			all[i].round(b, binary, float64(template.Records()))
		}
	}
	for _, c := range all {
		if len(c.RecordsPerSecond) == 0 {
			b.Fatalf("log-flush=%s: every round was spoiled: %v", c.LogFlush, c.Outcomes)
		}
		fmt.Printf("\nlog-flush=%s: %.0f records/s, %.0f a server core; median of %d rounds, %v\n",
			c.LogFlush, median(c.RecordsPerSecond), median(c.RecordsPerCoreSecond), len(c.RecordsPerSecond), c.Outcomes)
		b.ReportMetric(median(c.RecordsPerSecond), c.LogFlush+"/records/s")
	}
	keep(b, "records-through-network", all)
}

func (c *million) round(b *testing.B, binary string, recordsOfBatch float64) {
	dir := must(os.MkdirTemp(b.TempDir(), "data"))(b)
	defer os.RemoveAll(dir)
	ready, stop := serve(b, binary, "--model", "loop-per-thread", "--loops", "1", "--log-flush", c.LogFlush, "--data", dir)
	m := load(b, binary, ready, "--mode", "closed", "--producers", "8", "--in-flight", "5", "--partitions", "8",
		"--batch-bytes", "16KiB", "--record-bytes", fmt.Sprint(appendRecordBytes), "--warm-up", "1s", "--window", "5s")
	stop()
	c.Outcomes = append(c.Outcomes, m.Outcome)
	if m.Outcome != record.Valid && m.Outcome != record.Saturated && !testing.Short() {
		return
	}
	records := float64(m.Answered) * recordsOfBatch / (float64(m.WindowNs) / 1e9)
	cores := m.ServerCores(m.Broker())
	c.RecordsPerSecond = append(c.RecordsPerSecond, records)
	c.ServerCores = append(c.ServerCores, cores)
	c.RecordsPerCoreSecond = append(c.RecordsPerCoreSecond, records/cores)
}
