package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"c10klab/internal/need"
)

// newClient is an unmodified franz-go client, closed at the end of the test.
func newClient(t *testing.T, address string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(address), kgo.AllowAutoTopicCreation())...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// consume reads a topic's partition 0 from its beginning until enough of its
// records were seen.
func consume(t *testing.T, client *kgo.Client, enough func(*kgo.Record) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("consume: %v", err)
		}
		for _, r := range fetches.Records() {
			if enough(r) {
				return
			}
		}
	}
}

func fromBeginning(topic string) kgo.Opt {
	return kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}})
}

// Clients that share no code with franz-go or librdkafka, unmodified.
func TestOtherClientsOfGoWork(t *testing.T) {
	t.Parallel() // it waits for clients that ask again
	dir, err := filepath.Abs(filepath.Join("testdata", "clients"))
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "clients")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = dir
	if said, err := build.CombinedOutput(); err != nil {
		need.Lacking(t, "the clients' modules, or go itself: "+string(said))
	}
	running := map[string]*process{}
	for _, model := range []string{"thread-per-connection", "loop-per-thread-pool"} {
		running[model] = startProcess(t, program, startServer(t, "--data", t.TempDir(), "--model", model).Listen)
	}
	for model, p := range running {
		if status := p.wait(t); status != 0 {
			t.Errorf("under %s: %s", model, p.stdout.String())
		}
	}
}
