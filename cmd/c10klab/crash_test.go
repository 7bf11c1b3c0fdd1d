package main

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"c10klab/internal/child"
	"c10klab/results"

	"github.com/twmb/franz-go/pkg/kgo"
)

// crashSums is what rounds of kills came to.
type crashSums struct {
	Rounds       int `json:"rounds"`
	Kills        int `json:"kills"`
	Acknowledged int `json:"acknowledged_records"`
	Found        int `json:"records_found"`
	Missing      int `json:"acknowledged_records_missing"`
	OutOfOrder   int `json:"records_out_of_order"`
	Duplicates   int `json:"duplicate_records"`
}

const longCrashRounds = 200

// crashRounds is 10, and more where time does not matter.
func crashRounds() int {
	if os.Getenv("C10KLAB_LONG") == "1" {
		return longCrashRounds
	}
	return 10
}

// TestAcknowledgedRecordsSurviveKills kills the server again and again while an
// idempotent producer sends numbered records, each time at another moment, and
// starts it on the same data and port, so that the producer goes on with what was
// not answered. What was acknowledged is there, in order, and nothing twice.
func TestAcknowledgedRecordsSurviveKills(t *testing.T) {
	made := results.MadeHere()
	sums := surviveKills(t, crashRounds())
	if dir := os.Getenv("C10KLAB_RECORD"); dir != "" && sums.Rounds == longCrashRounds {
		text, err := json.Marshal(sums)
		if err == nil {
			err = results.BenchmarkRecord{Provenance: &made, Measured: text}.Keep(dir, "crash-rounds")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAcknowledgedRecordsOfACommitLogSurviveKills(t *testing.T) {
	surviveKills(t, 3, "--layout", "commit-log")
}

// surviveKills does that many rounds with a server of those knobs.
func surviveKills(t *testing.T, rounds int, knobs ...string) crashSums {
	t.Helper()
	args := append([]string{"--data", t.TempDir(), "--segment-bytes", "256KiB"}, knobs...)
	s := child.Serve(t, args...)
	p := startProducer(t, s.Listen)
	sums := crashSums{Rounds: rounds}
	for range rounds {
		p.await(t, p.ackedNow()+200+rand.IntN(400))
		child.Signal(t, s.PID, syscall.SIGKILL)
		s.Process.Wait(t)
		sums.Kills++
		s = restartServer(t, s.Listen, args...)
	}
	p.await(t, p.ackedNow()+200)
	acked := p.stop(t)
	sums.Acknowledged = len(acked)
	found := readNumbers(t, s.Listen, slices.Max(acked))
	sums.compare(acked, found)
	if sums.Missing != 0 || sums.OutOfOrder != 0 || sums.Duplicates != 0 {
		t.Errorf("%+v", sums)
	}
	if sums.Found < sums.Acknowledged {
		t.Errorf("%d records are there, %d were acknowledged", sums.Found, sums.Acknowledged)
	}
	t.Logf("%+v", sums)
	return sums
}

const crashTopic = "survives"

// restartServer serves on the address of a server that was killed.
func restartServer(t *testing.T, address string, args ...string) *child.Server {
	t.Helper()
	return child.AwaitReady(t, child.Start(t, "", slices.Concat([]string{"serve", "--listen", address, "--admin", "127.0.0.1:0"}, args)...))
}

// numbersProducer sends the numbers from 0 on, as fast as they are acknowledged.
type numbersProducer struct {
	client *kgo.Client
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	acked  []int
	failed error
}

func startProducer(t *testing.T, address string) *numbersProducer {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &numbersProducer{cancel: cancel, client: child.Client(t, address,
		kgo.MaxBufferedRecords(100), kgo.DefaultProduceTopic(crashTopic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond }), kgo.ProducerBatchMaxBytes(4096), kgo.MetadataMinAge(10*time.Millisecond),
		kgo.StopProducerOnDataLossDetected())}
	p.done.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			p.client.Produce(context.Background(), &kgo.Record{Value: []byte(strconv.Itoa(n))}, func(_ *kgo.Record, err error) {
				p.mu.Lock()
				defer p.mu.Unlock()
				if p.failed == nil {
					p.failed = err
				}
				if err == nil {
					p.acked = append(p.acked, n)
				}
			})
		}
	})
	return p
}

func (p *numbersProducer) ackedNow() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.acked)
}

// await waits for so many acknowledgements.
func (p *numbersProducer) await(t *testing.T, enough int) {
	t.Helper()
	child.Eventually(t, "enough records are acknowledged", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.failed != nil {
			t.Fatalf("the producer gives up: %v", p.failed)
		}
		return len(p.acked) >= enough
	})
}

// stop returns the numbers acknowledged, in the order of their acknowledgement.
func (p *numbersProducer) stop(t *testing.T) []int {
	t.Helper()
	p.cancel()
	p.done.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), child.Patience)
	defer cancel()
	if err := errors.Join(p.client.Flush(ctx), p.failed); err != nil {
		t.Fatal(err)
	}
	p.client.Close()
	return p.acked
}

// readNumbers reads the topic up to a number.
func readNumbers(t *testing.T, address string, last int) (found []int) {
	t.Helper()
	child.Consume(t, child.Client(t, address, child.FromBeginning(crashTopic)), func(r *kgo.Record) bool {
		n, err := strconv.Atoi(string(r.Value))
		if err != nil || r.Offset != int64(len(found)) {
			t.Fatalf("offset %d follows %d records, value %q", r.Offset, len(found), r.Value)
		}
		found = append(found, n)
		return n == last
	})
	return found
}

// compare counts what should not be.
func (s *crashSums) compare(acked, found []int) {
	s.Found = len(found)
	times := map[int]int{}
	for i, n := range found {
		times[n]++
		if times[n] > 1 {
			s.Duplicates++
		}
		if i > 0 && n < found[i-1] {
			s.OutOfOrder++
		}
	}
	for _, n := range acked {
		if times[n] == 0 {
			s.Missing++
		}
	}
}
