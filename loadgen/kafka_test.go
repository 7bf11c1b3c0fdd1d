package loadgen

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"

	"c10klab/internal/batch"
	"c10klab/internal/clock"
	"c10klab/internal/hdr"
	"c10klab/internal/kafka"
	"c10klab/internal/record"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func kafkaConfig(t testing.TB, target string, pairs ...string) Config {
	small := []string{"rate-requests", "400", "batch-bytes", "4KiB", "record-bytes", "100", "partitions", "5", "fetch-max-wait", "20ms", "consumer-connections", "2"}
	return config(t, target, append(small, pairs...)...)
}

func hasProblem(m *record.Measurement, part string) bool {
	return slices.ContainsFunc(m.Problems, func(p string) bool { return strings.Contains(p, part) })
}

func TestProducedRecordsAreWhatTheLogGrewBy(t *testing.T) {
	for _, acks := range []string{"0", "1", "-1"} {
		b := startFakeBroker(t)
		m := run(t, kafkaConfig(t, b.addr, "acks", acks))
		if m.Errors != 0 || m.AckedRecords == 0 || m.LogEndRecords != m.AckedRecords {
			t.Errorf("acks %s: %d errors, %d records acknowledged, log grew by %d; %q", acks, m.Errors, m.AckedRecords, m.LogEndRecords, m.Problems)
		}
		if m.AckedMBps == 0 {
			t.Errorf("acks %s: no rate", acks)
		}
		response := m.Histograms[hdr.Key{Stage: "ResponseTime", API: "Produce"}]
		if answered := response != nil; answered != (acks != "0") {
			t.Errorf("acks %s: ResponseTime is there: %v", acks, answered)
		}
	}
}

func TestProducersWriteToPartitionsInTurn(t *testing.T) {
	b := startFakeBroker(t)
	run(t, kafkaConfig(t, b.addr, "partitions", "3", "producers", "4", "schedule", "constant"))
	b.mu.Lock()
	defer b.mu.Unlock()
	logs := b.topics["c10klab"].logs
	if first, second := len(logs[0]), len(logs[1]); first < 2*second-2 || first > 2*second+2 {
		t.Errorf("partitions got %d, %d, %d batches; producers 0 and 3 write to the first", first, second, len(logs[2]))
	}
}

func TestTailConsumersSeeEveryBatchOnce(t *testing.T) {
	m := run(t, kafkaConfig(t, startFakeBroker(t).addr, "consumers", "tail"))
	end := m.Histograms[hdr.Key{Stage: "EndToEnd", API: "Fetch"}]
	response := m.Histograms[hdr.Key{Stage: "ResponseTime", API: "Produce"}]
	if end == nil || end.Count() != response.Count() {
		t.Fatalf("EndToEnd %v, want one sample for each of %d batches; %q", end, response.Count(), m.Problems)
	}
	if end.MinNs() <= 0 || m.FetchedMBps == 0 {
		t.Errorf("least EndToEnd %d ns, %f MB/s fetched", end.MinNs(), m.FetchedMBps)
	}
	if m.Histograms[hdr.Key{Stage: "ServiceTime", API: "Fetch"}] == nil || m.Histograms[hdr.Key{Stage: "ResponseTime", API: "Fetch"}] != nil {
		t.Errorf("fetches of a closed loop report ServiceTime and nothing else; there is %v", m.Histograms.Keys())
	}
}

func TestProduceErrorsAreCountedAndNamed(t *testing.T) {
	b := startFakeBroker(t)
	b.produceError = func(n int) *kerr.Error {
		if n%4 == 0 {
			return kerr.NotEnoughReplicas
		}
		return nil
	}
	m := run(t, kafkaConfig(t, b.addr, "schedule", "constant"))
	if m.Errors == 0 || !hasProblem(m, kerr.NotEnoughReplicas.Message) {
		t.Errorf("%d errors, problems %q", m.Errors, m.Problems)
	}
	if m.AckedRecords != m.LogEndRecords || m.Outcome == record.Valid {
		t.Errorf("%d records acknowledged, log grew by %d, outcome %s", m.AckedRecords, m.LogEndRecords, m.Outcome)
	}
}

func TestConsumersOutliveRefusals(t *testing.T) {
	for _, where := range []string{"partition", "answer"} {
		t.Run(where, func(t *testing.T) {
			b := startFakeBroker(t)
			b.refuseFetch = func(n int) string {
				if n == 3 || n == 4 { // in a row: the second try may be refused too
					return where
				}
				return ""
			}
			m := run(t, kafkaConfig(t, b.addr, "consumers", "tail", "window", "1s"))
			if m.FetchErrors == 0 || !hasProblem(m, kerr.ThrottlingQuotaExceeded.Message) {
				t.Errorf("%d fetches were refused, problems %q", m.FetchErrors, m.Problems)
			}
			end, response := m.Histograms[hdr.Key{Stage: "EndToEnd", API: "Fetch"}], m.Histograms[hdr.Key{Stage: "ResponseTime", API: "Produce"}]
			if end == nil || end.Count() != response.Count() {
				t.Errorf("EndToEnd %v, want one sample for each of %d batches", end, response.Count())
			}
		})
	}
}

func TestTopicWithTooFewPartitionsIsRefused(t *testing.T) {
	b := startFakeBroker(t)
	run(t, kafkaConfig(t, b.addr, "partitions", "2"))
	text := runError(t, context.Background(), kafkaConfig(t, b.addr))
	if !strings.Contains(text, "2 partitions") || !strings.Contains(text, "c10klab") {
		t.Errorf("%q, want the topic and its partitions", text)
	}
}

func TestImpossibleBatchesAreRefused(t *testing.T) {
	for _, size := range []int{50, 100 << 20} {
		cfg := kafkaConfig(t, "127.0.0.1:1")
		cfg.BatchBytes = size
		if text := runError(t, context.Background(), cfg); !strings.Contains(text, "batch-bytes") {
			t.Errorf("%d: %q names no knob", size, text)
		}
	}
}

func TestBrokerWithoutAnApiIsRefused(t *testing.T) {
	s := startFake(t, func(conn net.Conn, frame []byte) bool {
		resp := kmsg.NewPtrApiVersionsResponse()
		_, err := conn.Write(framed(resp.AppendTo(frame[8:12:12])))
		return err == nil
	})
	if text := runError(t, context.Background(), kafkaConfig(t, s.addr)); !strings.Contains(text, "does not speak") {
		t.Errorf("%q does not say what is missing", text)
	}
}

func TestProduceFramesAreWholeRequests(t *testing.T) {
	var wall clock.Offset
	wall.Sample()
	p, err := newProduce(kafkaConfig(t, ""), 4096, &wall)
	if err != nil {
		t.Fatal(err)
	}
	frame := p.newFrame()
	const dueNs = 123_456_789
	p.stamp(frame, 7, 99, dueNs)
	h, body, err := kafka.ParseRequestHeader(frame[kafka.PrefixBytes:])
	if err != nil || h.CorrelationID != 99 {
		t.Fatalf("header %+v, %v", h, err)
	}
	var req kmsg.ProduceRequest
	req.SetVersion(h.Version)
	if err := req.ReadFrom(body); err != nil {
		t.Fatal(err)
	}
	got := req.Topics[0].Partitions[0]
	if got.Partition != 2 {
		t.Errorf("producer 7 writes to partition %d of 5, want 2", got.Partition)
	}
	header, err := batch.Check(got.Records)
	if err != nil || header.SizeBytes() != 4096 {
		t.Fatalf("batch of %d bytes, %v", header.SizeBytes(), err)
	}
	records := batch.Records(got.Records)
	for r, ok := records.Next(); ok; r, ok = records.Next() {
		if due := batch.DueNs(r.Value); due != dueNs {
			t.Fatalf("a record is due at %d, want %d", due, dueNs)
		}
	}
	if allocs := testing.AllocsPerRun(100, func() { p.stamp(frame, 7, 99, dueNs) }); allocs != 0 {
		t.Errorf("%v allocations per stamp", allocs)
	}
}

func FuzzProduceResponse(f *testing.F) {
	resp := kmsg.NewPtrProduceResponse()
	resp.SetVersion(produceVersion)
	topic := kmsg.NewProduceResponseTopic()
	topic.Topic = "c10klab"
	topic.Partitions = append(topic.Partitions, kmsg.NewProduceResponseTopicPartition())
	resp.Topics = append(resp.Topics, topic)
	f.Add(resp.AppendTo(kafka.AppendResponseHeader(nil, 0, produceVersion, 5)))
	p := produce{partitions: 1}
	f.Fuzz(func(t *testing.T, payload []byte) {
		a, err := p.parse(0, payload)
		if err != nil {
			return
		}
		var decoded kmsg.ProduceResponse
		decoded.SetVersion(produceVersion)
		if err := decoded.ReadFrom(payload[4:]); err != nil || decoded.Topics[0].Partitions[0].ErrorCode != a.errorCode {
			t.Errorf("parsed as %+v, kmsg says %+v, %v", a, decoded, err)
		}
	})
}

func FuzzFetchResponse(f *testing.F) {
	template, err := batch.NewTemplate(3, 20, 1)
	if err != nil {
		f.Fatal(err)
	}
	resp := kmsg.NewPtrFetchResponse()
	resp.SetVersion(fetchVersion)
	answered := kmsg.NewFetchResponseTopic()
	p := kmsg.NewFetchResponseTopicPartition()
	p.HighWatermark = 3
	p.RecordBatches = template.AppendTo(nil)
	answered.Partitions = append(answered.Partitions, p)
	resp.Topics = append(resp.Topics, answered)
	f.Add(resp.AppendTo(kafka.AppendResponseHeader(nil, 1, fetchVersion, 0)))
	cfg := kafkaConfig(f, "", "consumers", "tail")
	f.Fuzz(func(t *testing.T, payload []byte) {
		l := newLoad(cfg)
		kind := &consumerKind{tail: true, topic: &topic{name: cfg.Topic}, count: 1, starts: []int64{0}}
		c := newConsumer(l, kind, &receiver{tally: l.newTally()}, 0, 0, []int32{0})
		if _, err := c.walk(payload); err == nil && c.request.Topics[0].Partitions[0].FetchOffset < 0 {
			t.Error("the offset went backwards")
		}
	})
}
