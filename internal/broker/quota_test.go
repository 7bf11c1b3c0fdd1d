package broker

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// limit gives the fixture's log read quotas in bytes a second.
func (f *fixture) limit(each, total float64) {
	f.log.quota = newReadQuota(each, total, f.nowNs.Load)
}

// fetchedBytes fetches on a connection as often as its mutes allow until an
// instant of the fixture's clock, and returns the record bytes it got.
func (f *fixture) fetchedBytes(connection int, req *kmsg.FetchRequest, until time.Duration) (bytes, throttles int) {
	f.t.Helper()
	for f.nowNs.Load() < int64(until) {
		e := newExchange(f.t, frameOf(req))
		e.number = connection
		f.log.serve(e)
		resp := f.answer(e, req).(*kmsg.FetchResponse)
		throttle := time.Duration(resp.ThrottleMillis) * time.Millisecond
		if throttle != e.muted {
			f.t.Fatalf("the answer says %v, the connection is muted for %v", throttle, e.muted)
		}
		if throttle > 0 {
			if len(resp.Topics) > 0 || resp.ErrorCode != 0 {
				f.t.Fatalf("a throttled answer holds %+v", resp)
			}
			throttles++
			f.nowNs.Add(int64(throttle))
			continue
		}
		n := len(resp.Topics[0].Partitions[0].RecordBatches)
		if n == 0 {
			f.t.Fatal("neither records nor a throttle time")
		}
		bytes += n
	}
	return bytes, throttles
}

func TestReadQuotaHoldsTheRate(t *testing.T) {
	for name, quotas := range map[string]struct{ each, total float64 }{
		"each":                 {10_000, 0},
		"total":                {0, 10_000},
		"the stricter, each":   {10_000, 50_000},
		"the stricter, total":  {50_000, 10_000},
		"less than one batch":  {1_000, 0},
		"less than one, total": {0, 1_000},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.create("t", 1)
			size := len(f.produced("t", 0, testBatch(t, 1, 2000, 1)))
			f.limit(quotas.each, quotas.total)
			rate := quotas.each
			if rate == 0 || quotas.total > 0 && quotas.total < rate {
				rate = quotas.total
			}
			const seconds = 60
			got, throttles := f.fetchedBytes(1, fetchRequest(12, 0, 1, "t", from{0, 0, 1 << 20}), seconds*time.Second)
			// A bucket's worth is there from the start, and a batch may end in debt.
			if least, most := rate*(seconds-1)-float64(size), rate*(seconds+1)+float64(size); float64(got) < least || float64(got) > most {
				t.Errorf("%d bytes in %d s, want %.0f to %.0f", got, seconds, least, most)
			}
			if n := f.log.quota.throttled.Load(); throttles == 0 || n != int64(throttles) {
				t.Errorf("%d throttled answers, %d counted", throttles, n)
			}
		})
	}
}

func TestReadQuotaOfOneConnectionLeavesOthersAlone(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	f.produced("t", 0, testBatch(t, 1, 2000, 1))
	f.limit(10_000, 0)
	req := fetchRequest(12, 0, 1, "t", from{0, 0, 1 << 20})
	f.fetchedBytes(1, req, 3*time.Second)
	e := newExchange(t, frameOf(req))
	e.number = 2
	f.log.serve(e)
	if resp := f.answer(e, req).(*kmsg.FetchResponse); resp.ThrottleMillis != 0 || len(resp.Topics) != 1 || e.muted != 0 {
		t.Errorf("another connection got %+v and is muted for %v", resp, e.muted)
	}
}

func TestQuotaCapsWhatOneFetchTakes(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	size := 0
	for seed := range uint64(10) {
		size = len(f.produced("t", 0, testBatch(t, 1, 2000, seed)))
	}
	f.limit(float64(3*size), 0)
	if got := len(f.fetched(fetchRequest(12, 0, 1, "t", from{0, 0, 1 << 20}))[0].RecordBatches); got != 3*size {
		t.Errorf("%d bytes, want a bucket's worth of %d", got, 3*size)
	}
}

func TestQuotaForgetsConnectionsThatAreIdle(t *testing.T) {
	var nowNs int64
	q := newReadQuota(1000, 0, func() int64 { return nowNs })
	for connection := range 100_000 {
		q.take(connection, 100)
		nowNs += int64(10 * time.Millisecond)
	}
	if n := len(q.byConnection); n > 2*fewestSwept {
		t.Errorf("%d buckets are kept for about ten connections that are not idle", n)
	}
}

func TestPartitionCap(t *testing.T) {
	f := newFixture(t)
	f.create("t", 2)
	size := 0
	for index := range int32(2) {
		for seed := range uint64(4) {
			size = len(f.produced("t", index, testBatch(t, 1, 1000, seed)))
		}
	}
	f.log.config.PartitionMaxBytes = 2 * size
	for i, p := range f.fetched(fetchRequest(12, 0, 1, "t", from{0, 0, 1 << 20}, from{1, 0, 1 << 20})) {
		if got := len(p.RecordBatches); got != 2*size {
			t.Errorf("partition %d: %d bytes, want %d", i, got, 2*size)
		}
	}
	if got := len(f.fetched(fetchRequest(12, 0, 1, "t", from{0, 0, int32(size)}))[0].RecordBatches); got != size {
		t.Errorf("a client that asks for less got %d bytes, want %d", got, size)
	}
}
