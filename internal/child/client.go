package child

import (
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Client is an unmodified franz-go client, closed at the end of the test.
func Client(t *testing.T, address string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(address), kgo.AllowAutoTopicCreation())...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// Consume reads a topic's partition 0 from its beginning until enough of its
// records were seen.
func Consume(t *testing.T, client *kgo.Client, enough func(*kgo.Record) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
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

// FromBeginning has a client read a topic's partition 0 from its first record on.
func FromBeginning(topic string) kgo.Opt {
	return kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}})
}
