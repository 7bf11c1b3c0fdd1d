package main

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What a server acknowledged is there, in order, after it was killed at any
// moment, and the log goes on behind it.
func TestAcknowledgedRecordsSurviveKill(t *testing.T) {
	const topic, rounds, acksPerRound = "survives", 2, 500
	dir := t.TempDir()
	var acked []int
	sent := 0
	for range rounds {
		s := startServer(t, "--data", dir, "--discard-data")
		acked = append(acked, produceUntilKilled(t, s, topic, &sent, acksPerRound)...)
	}
	s := startServer(t, "--data", dir)
	last := strconv.Itoa(sent)
	if err := newClient(t, s.Listen).ProduceSync(context.Background(), &kgo.Record{Topic: topic, Value: []byte(last)}).FirstErr(); err != nil {
		t.Fatalf("produce after the recovery: %v", err)
	}
	var found []int
	consume(t, newClient(t, s.Listen, fromBeginning(topic)), func(r *kgo.Record) bool {
		n, err := strconv.Atoi(string(r.Value))
		if err != nil || r.Offset != int64(len(found)) {
			t.Fatalf("offset %d follows %d records, value %q", r.Offset, len(found), r.Value)
		}
		found = append(found, n)
		return n == sent
	})
	if !slices.IsSorted(found) || len(slices.Compact(slices.Clone(found))) != len(found) {
		t.Error("records were reordered or written twice")
	}
	for _, n := range acked {
		if _, there := slices.BinarySearch(found, n); !there {
			t.Fatalf("record %d was acknowledged and is lost; %d acknowledged, %d found", n, len(acked), len(found))
		}
	}
}

// produceUntilKilled kills the server amid a stream of records, each numbered,
// once enough were acknowledged, and returns those that were.
func produceUntilKilled(t *testing.T, s *server, topic string, sent *int, enough int) (acked []int) {
	t.Helper()
	client := newClient(t, s.Listen, kgo.MaxBufferedRecords(200), kgo.RecordRetries(0))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var mu sync.Mutex
	for enoughAcked := false; !enoughAcked; {
		n := *sent
		*sent++
		client.Produce(ctx, &kgo.Record{Topic: topic, Value: []byte(strconv.Itoa(n))}, func(_ *kgo.Record, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				acked = append(acked, n)
			}
		})
		mu.Lock()
		enoughAcked = len(acked) >= enough
		mu.Unlock()
		if err := ctx.Err(); err != nil {
			t.Fatalf("before %d records were acknowledged: %v", enough, err)
		}
	}
	sendSignal(t, s.PID, syscall.SIGKILL) // up to 200 records are under way
	s.process.wait(t)
	cancel()
	client.Close() // runs the callbacks still owed
	return acked
}
