package broker

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/internal/clock"
	"c10klab/storage"
)

func TestLongPollEndsWithTheNextAppend(t *testing.T) {
	f := newFixture(t)
	f.create("t", 2)
	req := fetchRequest(12, time.Second, 1, "t", from{0, 0, 1 << 20}, from{1, 0, 1 << 20})
	waiting := f.start(req)
	if waiting.isDone() || !waiting.delayed {
		t.Fatalf("an empty log was answered (%v) or the job not delayed (%v)", waiting.isDone(), waiting.delayed)
	}
	want := f.produced("t", 1, testBatch(t, 2, 100, 1))
	parts := f.answer(waiting, req).(*kmsg.FetchResponse).Topics[0].Partitions
	if len(parts[0].RecordBatches) != 0 || !bytes.Equal(parts[1].RecordBatches, want) {
		t.Errorf("%d and %d bytes, want 0 and %d", len(parts[0].RecordBatches), len(parts[1].RecordBatches), len(want))
	}
	f.wantEmptyPurgatory()
}

func TestFetchWithEnoughBytesIsNotDelayed(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	f.produced("t", 0, testBatch(t, 2, 100, 1))
	if e := f.start(fetchRequest(12, time.Second, 100, "t", from{0, 0, 1 << 20})); !e.isDone() || e.delayed {
		t.Errorf("answered %v, delayed %v", e.isDone(), e.delayed)
	}
	if e := f.start(fetchRequest(12, time.Second, 0, "t", from{0, 2, 1 << 20})); !e.isDone() || e.delayed {
		t.Errorf("min bytes 0: answered %v, delayed %v", e.isDone(), e.delayed)
	}
}

func TestLongPollCollectsMinBytesOverPartitions(t *testing.T) {
	f := newFixture(t)
	f.create("t", 2)
	size := int32(len(testBatch(t, 1, 100, 1)))
	req := fetchRequest(12, time.Second, 3*size, "t", from{0, 0, 1 << 20}, from{1, 0, 1 << 20})
	waiting := f.start(req)
	f.produced("t", 0, testBatch(t, 1, 100, 1))
	f.produced("t", 1, testBatch(t, 1, 100, 2))
	if waiting.isDone() {
		t.Fatal("answered below min bytes")
	}
	f.produced("t", 0, testBatch(t, 1, 100, 3))
	parts := f.answer(waiting, req).(*kmsg.FetchResponse).Topics[0].Partitions
	if len(parts[0].RecordBatches) != int(2*size) || len(parts[1].RecordBatches) != int(size) {
		t.Errorf("%d and %d bytes, want %d and %d", len(parts[0].RecordBatches), len(parts[1].RecordBatches), 2*size, size)
	}
}

func TestLongPollExpiresAtItsTime(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	late := fetchRequest(12, 700*time.Millisecond, 1, "t", from{0, 0, 1 << 20})
	early := fetchRequest(12, 500*time.Millisecond, 1, "t", from{0, 0, 1 << 20})
	second, first := f.start(late), f.start(early)

	f.nowNs.Store(int64(499 * time.Millisecond))
	if wait, _ := f.log.delayed.expire(); first.isDone() || wait != time.Millisecond {
		t.Fatalf("1 ms early: answered %v, sleeps %v", first.isDone(), wait)
	}
	f.nowNs.Store(int64(500 * time.Millisecond))
	if wait, _ := f.log.delayed.expire(); wait != 200*time.Millisecond || second.isDone() {
		t.Errorf("the later poll: answered %v, sleeps %v", second.isDone(), wait)
	}
	p := f.answer(first, early).(*kmsg.FetchResponse).Topics[0].Partitions[0]
	wantCode(t, "expired poll", p.ErrorCode, nil)
	if len(p.RecordBatches) != 0 {
		t.Errorf("%d bytes", len(p.RecordBatches))
	}
}

func TestAbandonedLongPollIsDropped(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	e := f.start(fetchRequest(12, time.Hour, 1, "t", from{0, 0, 1 << 20}))
	f.log.delayed.expire()
	if e.isDone() {
		t.Fatal("ended while the client was there")
	}
	e.gone.Store(true)
	f.log.delayed.expire()
	if !e.silent {
		t.Error("still held after the client went")
	}
	f.wantEmptyPurgatory()
}

func TestCloseAnswersWhatWaitsAndDelaysNothingAfterwards(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	go f.log.delayed.run()
	req := fetchRequest(12, time.Hour, 1, "t", from{0, 0, 1 << 20})
	waiting := f.start(req)
	f.log.Close()
	f.answer(waiting, req)
	f.ask(req)
	f.wantEmptyPurgatory()
}

func TestRunEndsPollsWithoutAnyAppend(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	l := newLog(f.store, f.log.config, clock.Now)
	go l.delayed.run()
	defer l.Close()
	for range 3 {
		e := newExchange(t, frameOf(fetchRequest(12, 5*time.Millisecond, 1, "t", from{0, 0, 1 << 20})))
		l.serve(e)
		<-e.done
	}
}

// lagging is an acks=all whose replica is behind.
type lagging struct {
	caughtUp  atomic.Bool
	completed atomic.Int32
}

func (l *lagging) satisfied() bool { return l.caughtUp.Load() }
func (l *lagging) abandoned() bool { return false }
func (l *lagging) delay()          {}
func (l *lagging) complete()       { l.completed.Add(1) }

func TestProduceWaitsForTheHighWatermark(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	log, err := f.store.Log("t", 0)
	if err != nil {
		t.Fatal(err)
	}
	e := newExchange(t, frameOf(produceRequest(9, acksAll, "t")))
	p := &produce{log: f.log, acks: acksAll, request: &request{exchange: e}}
	p.request.Version, p.request.Key, p.request.CorrelationID = 9, 0, 7
	p.request.in.flexible = true
	p.topics = []topicSpan{{"t", 1}}
	p.partitions = []producePartition{{log: log, awaited: 1}}
	if f.log.delayed.completeOrWatch(p, time.Second, []*storage.Log{log}) {
		t.Fatal("complete before the high watermark moved")
	}
	f.nowNs.Store(int64(time.Second))
	f.log.delayed.expire()
	resp := f.answer(e, produceRequest(9, acksAll, "t")).(*kmsg.ProduceResponse)
	wantCode(t, "expired", resp.Topics[0].Partitions[0].ErrorCode, kerr.RequestTimedOut)
}

// However many threads find an operation satisfied, or its time over, one
// completes it.
func TestOperationsCompleteExactlyOnce(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	log, err := f.store.Log("t", 0)
	if err != nil {
		t.Fatal(err)
	}
	p := f.log.delayed
	operations := make([]lagging, 500)
	var all sync.WaitGroup
	for i := range operations {
		op := &operations[i]
		p.completeOrWatch(op, time.Duration(i%2), []*storage.Log{log, log})
		all.Go(func() {
			op.caughtUp.Store(true)
			p.check(log)
		})
		all.Go(func() { p.expire() })
	}
	all.Wait()
	for i := range operations {
		if n := operations[i].completed.Load(); n != 1 {
			t.Fatalf("operation %d was completed %d times", i, n)
		}
	}
	f.wantEmptyPurgatory()
}

// An append between a fetch's look at the log and its entry into the purgatory
// must not be missed.
func TestLongPollsMissNoAppend(t *testing.T) {
	f := newFixture(t)
	f.create("t", 1)
	for offset := range int64(200) {
		var polls sync.WaitGroup
		e := newExchange(t, frameOf(fetchRequest(12, time.Hour, 1, "t", from{0, offset, 1 << 20})))
		polls.Go(func() { f.log.serve(e) })
		f.produced("t", 0, testBatch(t, 1, 10, 1))
		polls.Wait()
		if !e.isDone() {
			t.Fatalf("the poll at offset %d did not see the append", offset)
		}
	}
}

func (f *fixture) wantEmptyPurgatory() {
	f.t.Helper()
	p := f.log.delayed
	p.mu.Lock()
	defer p.mu.Unlock()
	listed := 0
	for _, list := range p.byLog {
		listed += len(list)
	}
	if p.waiting.Load() != 0 || len(p.all) != 0 || listed != 0 {
		f.t.Errorf("%d operations counted, %d in all, %d by partition; want none", p.waiting.Load(), len(p.all), listed)
	}
}
