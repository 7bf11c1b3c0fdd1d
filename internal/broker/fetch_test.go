package broker

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/internal/batch"
	"c10klab/internal/vfs"
	"c10klab/storage"
)

func TestFetchInEveryVersion(t *testing.T) {
	f := newFixture(t)
	f.create("t", 3)
	zero := f.produced("t", 0, testBatch(t, 5, 300, 1))
	two := f.produced("t", 2, testBatch(t, 1, 10_000, 2))
	for version := int16(4); version <= 12; version++ {
		req := fetchRequest(version, 0, 1, "t", from{0, 0, 1 << 20}, from{1, 0, 1 << 20}, from{2, 0, 1 << 20})
		req.Topics = append(req.Topics, fetchRequest(version, 0, 1, "missing", from{0, 0, 100}).Topics...)
		resp := f.ask(req).(*kmsg.FetchResponse)
		wantCode(t, "fetch", resp.ErrorCode, nil)
		if resp.SessionID != 0 || len(resp.Topics) != 2 || resp.Topics[0].Topic != "t" || resp.Topics[1].Topic != "missing" {
			t.Fatalf("version %d: session %d, topics %+v", version, resp.SessionID, resp.Topics)
		}
		parts := resp.Topics[0].Partitions
		for i, want := range []struct {
			highWatermark int64
			records       []byte
		}{{5, zero}, {0, nil}, {1, two}} {
			p := parts[i]
			wantCode(t, "partition", p.ErrorCode, nil)
			if p.Partition != int32(i) || p.HighWatermark != want.highWatermark || p.LastStableOffset != want.highWatermark {
				t.Errorf("version %d: partition %d has high watermark %d, last stable offset %d; want %d", version, p.Partition, p.HighWatermark, p.LastStableOffset, want.highWatermark)
			}
			if !bytes.Equal(p.RecordBatches, want.records) {
				t.Errorf("version %d: partition %d: %d bytes of records, want %d", version, i, len(p.RecordBatches), len(want.records))
			}
		}
		wantCode(t, "missing topic", resp.Topics[1].Partitions[0].ErrorCode, kerr.UnknownTopicOrPartition)
	}
}

func TestFetchFromTheMiddleStartsAtTheBatchThatHoldsTheOffset(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	f.produced("t", 0, testBatch(t, 10, 100, 1))
	second := f.produced("t", 0, testBatch(t, 10, 100, 2))
	for _, offset := range []int64{10, 15, 19} {
		if got := f.fetched(fetchRequest(12, 0, 1, "t", from{0, offset, 1 << 20}))[0].RecordBatches; !bytes.Equal(got, second) {
			t.Errorf("from %d: %d bytes, want the second batch of %d", offset, len(got), len(second))
		}
	}
	if got := f.fetched(fetchRequest(12, 0, 1, "t", from{0, 20, 1 << 20}))[0]; got.ErrorCode != 0 || len(got.RecordBatches) > 0 {
		t.Errorf("at the end: %+v", got)
	}
}

func TestFetchLimits(t *testing.T) {
	f := newFixture(t)
	f.create("t", 3)
	size := int32(0)
	for index := range int32(3) {
		for seed := range uint64(4) {
			size = int32(len(f.produced("t", index, testBatch(t, 1, 1000, seed))))
		}
	}
	all := func(maxBytes int32) []from {
		return []from{{0, 0, maxBytes}, {1, 0, maxBytes}, {2, 0, maxBytes}}
	}
	for name, c := range map[string]struct {
		partitionMax, max int32
		want              []int32
	}{
		"no limit":                 {1 << 20, 1 << 20, []int32{4 * size, 4 * size, 4 * size}},
		"per partition":            {2 * size, 1 << 20, []int32{2 * size, 2 * size, 2 * size}},
		"in all":                   {1 << 20, 5 * size, []int32{4 * size, size, 0}},
		"within a batch":           {size + 10, 1 << 20, []int32{size + 10, size + 10, size + 10}},
		"below the first batch":    {10, 1 << 20, []int32{size, 10, 10}},
		"nothing at all":           {0, 0, []int32{size, 0, 0}},
		"negative":                 {-5, -5, []int32{size, 0, 0}},
		"in all below first batch": {1 << 20, 10, []int32{size, 0, 0}},
	} {
		req := fetchRequest(12, 0, 1, "t", all(c.partitionMax)...)
		req.MaxBytes = c.max
		for i, p := range f.fetched(req) {
			if got := int32(len(p.RecordBatches)); got != c.want[i] {
				t.Errorf("%s: partition %d gives %d bytes, want %d", name, i, got, c.want[i])
			}
		}
	}
}

func TestBrokerCapsFetch(t *testing.T) {
	f := newFixture(t)
	f.log.config.FetchMaxBytes = 2000
	f.create("t", 1)
	for seed := range uint64(4) {
		f.produced("t", 0, testBatch(t, 1, 1000, seed))
	}
	if got := len(f.fetched(fetchRequest(12, 0, 1, "t", from{0, 0, 1 << 20}))[0].RecordBatches); got != 2000 {
		t.Errorf("%d bytes, want the cap of 2000", got)
	}
}

func TestFetchGoesOnInTheNextSegment(t *testing.T) {
	f := newFixture(t, func(c *storage.Config) { c.SegmentBytes = 4000 })
	f.create("t", 1)
	var want, got []byte
	for seed := range uint64(20) {
		want = append(want, f.produced("t", 0, testBatch(t, 2, 500, seed))...)
	}
	for offset := int64(0); offset < 40; {
		part := f.fetched(fetchRequest(12, 0, 1, "t", from{0, offset, 1 << 20}))[0].RecordBatches
		tail, err := batch.Walk(part, func(h batch.Header, _ []byte) error {
			offset = h.LastOffset() + 1
			return nil
		})
		if err != nil || len(tail) > 0 || len(part) == 0 {
			t.Fatalf("from %d: %d bytes, tail %d, %v", offset, len(part), len(tail), err)
		}
		got = append(got, part...)
	}
	if !bytes.Equal(got, want) {
		t.Error("the log reads differently over several segments")
	}
}

func TestFetchRefusals(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	f.produced("t", 0, testBatch(t, 3, 100, 1))
	epoch := fetchRequest(12, time.Minute, 1, "t", from{0, 0, 100})
	epoch.Topics[0].Partitions[0].CurrentLeaderEpoch = 5
	for name, c := range map[string]struct {
		req  *kmsg.FetchRequest
		want *kerr.Error
	}{
		// All come at once although the requests would wait for more.
		"beyond the end":    {fetchRequest(12, time.Minute, 1, "t", from{0, 4, 100}), kerr.OffsetOutOfRange},
		"before the start":  {fetchRequest(12, time.Minute, 1, "t", from{0, -1, 100}), kerr.OffsetOutOfRange},
		"unknown partition": {fetchRequest(12, time.Minute, 1, "t", from{1, 0, 100}), kerr.UnknownTopicOrPartition},
		"unknown topic":     {fetchRequest(12, time.Minute, 1, "..", from{0, 0, 100}), kerr.UnknownTopicOrPartition},
		"unknown epoch":     {epoch, kerr.UnknownLeaderEpoch},
	} {
		p := f.fetched(c.req)[0]
		wantCode(t, name, p.ErrorCode, c.want)
		if p.HighWatermark != -1 || len(p.RecordBatches) != 0 {
			t.Errorf("%s: high watermark %d, %d bytes", name, p.HighWatermark, len(p.RecordBatches))
		}
	}
}

func TestFetchOfAnUnknownSessionIsRefused(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	req := fetchRequest(12, time.Minute, 1, "t", from{0, 0, 100})
	req.SessionID, req.SessionEpoch = 44, 1
	resp := f.ask(req).(*kmsg.FetchResponse)
	wantCode(t, "session", resp.ErrorCode, kerr.FetchSessionIDNotFound)
	if len(resp.Topics) != 0 {
		t.Errorf("%d topics", len(resp.Topics))
	}
}

func TestFetchedBytesAreCounted(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	stored := f.produced("t", 0, testBatch(t, 3, 100, 1))
	f.fetched(fetchRequest(12, 0, 1, "t", from{0, 0, 1 << 20}))
	f.fetched(fetchRequest(12, 0, 1, "t", from{0, 0, 1 << 20}))
	if got := f.log.fetchedBytes.Load(); got != int64(2*len(stored)) {
		t.Errorf("fetched %d bytes, want %d", got, 2*len(stored))
	}
}

// Steady load allocates nothing per record or byte, and per request little: the
// request itself and, in a fetch, the region's file.
func TestAllocationsPerRequest(t *testing.T) {
	f := newFixture(t, func(c *storage.Config) { c.SegmentBytes = 1 << 30 })
	f.create("t", 1)
	records := testBatch(t, 60, 1000, 1)
	f.produced("t", 0, records)
	q := &quietExchange{buf: make([]byte, 0, 1<<16)}
	for name, req := range map[string]kmsg.Request{
		"produce": produceRequest(9, acksAll, "t", part{0, records}),
		"fetch":   fetchRequest(12, 0, 1, "t", from{0, 0, 1 << 20}),
	} {
		q.frame = append([]byte(nil), frameOf(req)...)
		allocs := testing.AllocsPerRun(200, func() {
			q.buf = q.buf[:4]
			f.log.serve(q)
		})
		if q.hungUp != nil || allocs > 4 {
			t.Errorf("%s: %v allocations, want at most 4 (%v)", name, allocs, q.hungUp)
		}
		t.Logf("%s: %v allocations", name, allocs)
	}
}

// TestAFetchBetweenHighWatermarkAndLogEndIsInRange: what was appended and is not committed
// yet is in range; as in Kafka the answer is empty.
func TestAFetchBetweenHighWatermarkAndLogEndIsInRange(t *testing.T) {
	var f *fixture
	var between *kmsg.FetchResponseTopicPartition
	f = newFixture(t, func(c *storage.Config) {
		c.LogFlush = "request"
		c.FS = vfs.Faulty{FS: vfs.NewMem(), Fault: func(op vfs.Op, path string) error {
			if op == vfs.OpSync && between == nil && strings.HasSuffix(path, ".log") {
				between = &f.fetched(fetchRequest(12, 0, 1, "t", from{0, 3, 100}))[0]
			}
			return nil
		}}
	})
	f.create("t", 1)
	f.produced("t", 0, testBatch(t, 3, 100, 1))
	if between == nil {
		t.Fatal("no append was forced out")
	}
	wantCode(t, "at the log end", between.ErrorCode, nil)
	if between.HighWatermark != 0 || len(between.RecordBatches) != 0 {
		t.Errorf("high watermark %d, %d bytes, want nothing that is not committed", between.HighWatermark, len(between.RecordBatches))
	}
}
