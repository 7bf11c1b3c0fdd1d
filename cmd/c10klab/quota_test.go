package main

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"c10klab/internal/child"
)

// A consumer gets no more than its quota, and all it asked for.
func TestReadQuotaSlowsAConsumerDown(t *testing.T) {
	s := child.Serve(t, "--data", t.TempDir(), "--read-quota", "1")
	const records, recordBytes = 30, 100_000
	producer := child.Client(t, s.Listen, kgo.ProducerBatchCompression(kgo.NoCompression()))
	for range records {
		r := &kgo.Record{Topic: "quota", Value: make([]byte, recordBytes)}
		if err := producer.ProduceSync(context.Background(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	begun := time.Now()
	consumer := child.Client(t, s.Listen, child.FromBeginning("quota"))
	child.Consume(t, consumer, func(r *kgo.Record) bool { return r.Offset == records-1 })
	// A second's worth, a megabyte, is there from the start, and one batch of the rest
	// may come in advance.
	const least = (records*recordBytes - 1_000_000 - recordBytes) * time.Second / 1_000_000
	if took := time.Since(begun); took < least {
		t.Errorf("%d bytes took %v, a quota of 1 MB/s allows it in %v", records*recordBytes, took, least)
	}
	if n := child.Snapshot(t, s.Admin).Counters.Counts["throttled_fetches"]; n == 0 {
		t.Error("no throttled fetch was counted")
	}
	s.Stop(t)
}
