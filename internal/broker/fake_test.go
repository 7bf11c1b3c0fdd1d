package broker

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"

	"c10klab/internal/batch"
	"c10klab/internal/kafka"
	"c10klab/models"
	"c10klab/storage"
)

// fakeExchange records how a request was answered. File regions are read at
// once, so that buf is what a client would get.
type fakeExchange struct {
	t       testing.TB
	frame   []byte
	buf     []byte
	ended   atomic.Int32
	silent  bool
	hungUp  error
	delayed bool
	number  int           // of the connection
	muted   time.Duration // asked for
	gone    atomic.Bool
	done    chan struct{}
}

func newExchange(t testing.TB, frame []byte) *fakeExchange {
	return &fakeExchange{t: t, frame: frame, buf: make([]byte, 4), done: make(chan struct{})}
}

func (e *fakeExchange) Frame() []byte       { return e.frame }
func (e *fakeExchange) Respond()            { e.end() }
func (e *fakeExchange) RespondNothing()     { e.silent = true; e.end() }
func (e *fakeExchange) HangUp(reason error) { e.hungUp = reason; e.end() }
func (e *fakeExchange) Delay()              { e.delayed = true }
func (e *fakeExchange) Abandoned() bool     { return e.gone.Load() }
func (e *fakeExchange) Connection() int     { return e.number }
func (e *fakeExchange) body() *[]byte       { return &e.buf }

func (e *fakeExchange) muteFor(d time.Duration) { e.muted = d }

func (e *fakeExchange) addRegion(r models.Region) {
	start := len(e.buf)
	e.buf = append(e.buf, make([]byte, r.LengthBytes)...)
	if n, err := unix.Pread(r.File.Fd(), e.buf[start:], r.OffsetBytes); err != nil || n != int(r.LengthBytes) {
		e.t.Errorf("region of %d bytes: read %d, %v", r.LengthBytes, n, err)
	}
	r.File.Release()
}

func (e *fakeExchange) end() {
	if e.ended.Add(1) > 1 {
		e.t.Error("the exchange was completed twice")
		return
	}
	// The frame is not the service's any more.
	for i := range e.frame {
		e.frame[i] = 0xee
	}
	close(e.done)
}

func (e *fakeExchange) isDone() bool { return e.ended.Load() > 0 }

// fixture is a log over a fresh store with a clock that only the test moves.
type fixture struct {
	t     testing.TB
	store *storage.Store
	log   *Log
	nowNs atomic.Int64
}

func newFixture(t testing.TB, change ...func(*storage.Config)) *fixture {
	t.Helper()
	config := storage.Config{SegmentBytes: 1 << 20, IndexIntervalBytes: 4096}
	for _, c := range change {
		c(&config)
	}
	store, err := storage.Open([]string{t.TempDir()}, config, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	f := &fixture{t: t, store: store}
	f.log = newLog(store, LogConfig{AutoCreateTopics: true, DefaultPartitions: 2, FetchMaxBytes: 55 << 20}, f.nowNs.Load)
	f.log.Advertise("broker.test", 9092)
	return f
}

func (f *fixture) create(topic string, partitions int) {
	f.t.Helper()
	if err := f.store.CreateTopic(topic, partitions); err != nil {
		f.t.Fatal(err)
	}
}

// start sends a request and returns without waiting for the answer.
func (f *fixture) start(req kmsg.Request) *fakeExchange {
	e := newExchange(f.t, frameOf(req))
	f.log.serve(e)
	return e
}

// answer decodes what an exchange was answered with.
func (f *fixture) answer(e *fakeExchange, req kmsg.Request) kmsg.Response {
	f.t.Helper()
	switch {
	case !e.isDone():
		f.t.Fatalf("%T v%d: no answer yet", req, req.GetVersion())
	case e.hungUp != nil:
		f.t.Fatalf("%T v%d: hung up: %v", req, req.GetVersion(), e.hungUp)
	case e.silent:
		f.t.Fatalf("%T v%d: ended without an answer", req, req.GetVersion())
	}
	id, resp, err := kafka.ParseResponse(e.buf[kafka.PrefixBytes:], req)
	if err != nil {
		f.t.Fatal(err)
	}
	if id != 7 {
		f.t.Errorf("%T v%d: correlation id %d, want 7", req, req.GetVersion(), id)
	}
	// A body that decodes into the message and encodes back to itself has no byte
	// too many.
	header := kafka.AppendResponseHeader(nil, req.Key(), req.GetVersion(), id)
	if again := resp.AppendTo(header); !bytes.Equal(again, e.buf[kafka.PrefixBytes:]) {
		f.t.Errorf("%T v%d: the answer\n% x\nencodes again as\n% x", req, req.GetVersion(), e.buf[kafka.PrefixBytes:], again)
	}
	return resp
}

func (l *Log) serve(e exchange) { l.answer(e, refusal{}) }

// ask sends a request that is answered at once.
func (f *fixture) ask(req kmsg.Request) kmsg.Response {
	f.t.Helper()
	return f.answer(f.start(req), req)
}

func wantCode(t testing.TB, what string, got int16, want *kerr.Error) {
	t.Helper()
	code := int16(0)
	if want != nil {
		code = want.Code
	}
	if got != code {
		t.Errorf("%s: error %v, want %v", what, kerr.ErrorForCode(got), kerr.ErrorForCode(code))
	}
}

// testBatch is a batch of records, different for each seed.
func testBatch(t testing.TB, records, valueBytes int, seed uint64) []byte {
	t.Helper()
	template, err := batch.NewTemplate(records, valueBytes, seed)
	if err != nil {
		t.Fatal(err)
	}
	return template.AppendTo(nil)
}

// part is one partition's records for a produce request.
type part struct {
	index   int32
	records []byte
}

func produceRequest(version, acks int16, topic string, parts ...part) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks, req.TimeoutMillis = version, acks, 1000
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	for _, p := range parts {
		rp := kmsg.NewProduceRequestTopicPartition()
		rp.Partition, rp.Records = p.index, p.records
		t.Partitions = append(t.Partitions, rp)
	}
	req.Topics = append(req.Topics, t)
	return req
}

// produced sends a batch with acks=1 and returns the stored form, with its
// offset set.
func (f *fixture) produced(topic string, index int32, records []byte) []byte {
	f.t.Helper()
	resp := f.ask(produceRequest(9, 1, topic, part{index, records})).(*kmsg.ProduceResponse)
	p := resp.Topics[0].Partitions[0]
	wantCode(f.t, "produce", p.ErrorCode, nil)
	stored := bytes.Clone(records)
	batch.AssignOffset(stored, p.BaseOffset, leaderEpoch)
	return stored
}

// from is where to fetch a partition.
type from struct {
	index    int32
	offset   int64
	maxBytes int32
}

func fetchRequest(version int16, wait time.Duration, minBytes int32, topic string, parts ...from) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.MinBytes, req.MaxWaitMillis = version, minBytes, int32(wait.Milliseconds())
	t := kmsg.NewFetchRequestTopic()
	t.Topic = topic
	for _, p := range parts {
		fp := kmsg.NewFetchRequestTopicPartition()
		fp.Partition, fp.FetchOffset, fp.PartitionMaxBytes = p.index, p.offset, p.maxBytes
		t.Partitions = append(t.Partitions, fp)
	}
	req.Topics = append(req.Topics, t)
	return req
}

func (f *fixture) fetched(req *kmsg.FetchRequest) []kmsg.FetchResponseTopicPartition {
	f.t.Helper()
	return f.ask(req).(*kmsg.FetchResponse).Topics[0].Partitions
}

// frameOf encodes a request without its length.
func frameOf(req kmsg.Request) []byte {
	return kafka.AppendRequest(nil, 7, "test", req)[kafka.PrefixBytes:]
}

// quietExchange answers into the same memory again and again.
type quietExchange struct {
	frame, buf []byte
	hungUp     error
}

func (q *quietExchange) Frame() []byte             { return q.frame }
func (q *quietExchange) Respond()                  {}
func (q *quietExchange) RespondNothing()           {}
func (q *quietExchange) HangUp(reason error)       { q.hungUp = reason }
func (q *quietExchange) Delay()                    {}
func (q *quietExchange) Abandoned() bool           { return false }
func (q *quietExchange) Connection() int           { return 0 }
func (q *quietExchange) muteFor(time.Duration)     {}
func (q *quietExchange) body() *[]byte             { return &q.buf }
func (q *quietExchange) addRegion(r models.Region) { r.File.Release() }
