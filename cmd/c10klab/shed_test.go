package main

import (
	"context"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"c10klab/internal/child"
)

// Clients of a broker that refuses what it has no room for try again, so that no
// record is lost.
func TestClientsOutliveRefusals(t *testing.T) {
	s := child.Serve(t, "--data", t.TempDir(), "--on-full", "shed", "--request-queue", "1", "--handlers", "1")
	const producers, records = 8, 100
	clients := make([]*kgo.Client, producers)
	for i := range clients {
		clients[i] = child.Client(t, s.Listen)
	}
	var all sync.WaitGroup
	for _, client := range clients {
		all.Go(func() {
			for range records {
				r := &kgo.Record{Topic: "shed", Value: make([]byte, 100)}
				if err := client.ProduceSync(context.Background(), r).FirstErr(); err != nil {
					t.Errorf("produce: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d requests were refused", child.Snapshot(t, s.Admin).Counters.Counts["queue_full_shed"])
	consumer := child.Client(t, s.Listen, child.FromBeginning("shed"))
	child.Consume(t, consumer, func(r *kgo.Record) bool { return r.Offset >= producers*records-1 })
	s.Stop(t)
}
