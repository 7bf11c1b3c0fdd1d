package loadgen

import (
	"net"
	"sync"
	"testing"
	"time"

	"c10klab/internal/batch"
	"c10klab/internal/kafka"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fakeBroker is a Kafka broker with topics in memory, as much as a load needs.
type fakeBroker struct {
	*fakeServer
	// produceError gives the nth produce request (from 1) an error; nil: none.
	produceError func(n int) *kerr.Error
	// refuseFetch says where the nth fetch (from 1) finds a retriable error:
	// "partition", "answer" or nowhere; nil: nowhere.
	refuseFetch func(n int) string

	mu       sync.Mutex
	grown    *sync.Cond
	topics   map[string]*fakeTopic
	produced int
	fetched  int
}

type fakeTopic struct {
	logs [][][]byte // batches by partition
	ends []int64
}

// create makes a topic, with that many equal batches in every partition.
func (b *fakeBroker) create(t testing.TB, name string, partitions, batches int) {
	t.Helper()
	template, err := batch.TemplateForBytes(4<<10, 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	made := newFakeTopic(partitions)
	b.topics[name] = made
	for p := range partitions {
		for range batches {
			made.append(int32(p), template.AppendTo(nil))
		}
	}
}

func newFakeTopic(partitions int) *fakeTopic {
	return &fakeTopic{logs: make([][][]byte, partitions), ends: make([]int64, partitions)}
}

// append stores a batch, which becomes the topic's.
func (f *fakeTopic) append(partition int32, stored []byte) {
	h, _ := batch.ReadHeader(stored)
	batch.AssignOffset(stored, f.ends[partition], 0)
	f.logs[partition] = append(f.logs[partition], stored)
	f.ends[partition] += int64(h.RecordCount)
}

func startFakeBroker(t testing.TB) *fakeBroker {
	b := &fakeBroker{topics: map[string]*fakeTopic{}}
	b.grown = sync.NewCond(&b.mu)
	b.fakeServer = startFake(t, b.serveFrame)
	return b
}

func (b *fakeBroker) serveFrame(conn net.Conn, frame []byte) bool {
	h, body, err := kafka.ParseRequestHeader(frame[kafka.PrefixBytes:])
	if err != nil {
		return false
	}
	req := kmsg.RequestForKey(h.Key)
	req.SetVersion(h.Version)
	if req.ReadFrom(body) != nil {
		return false
	}
	resp := req.ResponseKind()
	if !b.answer(req, resp) {
		return true
	}
	payload := resp.AppendTo(kafka.AppendResponseHeader(nil, h.Key, h.Version, h.CorrelationID))
	_, err = conn.Write(framed(payload))
	return err == nil
}

// answer fills resp; false means that none is sent.
func (b *fakeBroker) answer(req kmsg.Request, resp kmsg.Response) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch req := req.(type) {
	case *kmsg.ApiVersionsRequest:
		for _, key := range []kmsg.Key{kmsg.Produce, kmsg.Fetch, kmsg.Metadata, kmsg.CreateTopics, kmsg.ListOffsets} {
			api := kmsg.NewApiVersionsResponseApiKey()
			api.ApiKey, api.MaxVersion = key.Int16(), 12
			resp.(*kmsg.ApiVersionsResponse).ApiKeys = append(resp.(*kmsg.ApiVersionsResponse).ApiKeys, api)
		}
	case *kmsg.MetadataRequest:
		b.metadata(req, resp.(*kmsg.MetadataResponse))
	case *kmsg.CreateTopicsRequest:
		created := kmsg.NewCreateTopicsResponseTopic()
		created.Topic = req.Topics[0].Topic
		b.topics[created.Topic] = newFakeTopic(int(req.Topics[0].NumPartitions))
		resp.(*kmsg.CreateTopicsResponse).Topics = append(resp.(*kmsg.CreateTopicsResponse).Topics, created)
	case *kmsg.ListOffsetsRequest:
		b.listOffsets(req, resp.(*kmsg.ListOffsetsResponse))
	case *kmsg.ProduceRequest:
		b.produce(req, resp.(*kmsg.ProduceResponse))
		return req.Acks != 0
	case *kmsg.FetchRequest:
		b.fetch(req, resp.(*kmsg.FetchResponse))
	}
	return true
}

func (b *fakeBroker) metadata(req *kmsg.MetadataRequest, resp *kmsg.MetadataResponse) {
	resp.Brokers = append(resp.Brokers, kmsg.NewMetadataResponseBroker()) // alone, so its address is not looked at
	if len(req.Topics) == 0 {
		return
	}
	topic := kmsg.NewMetadataResponseTopic()
	topic.Topic = req.Topics[0].Topic
	if known := b.topics[*topic.Topic]; known == nil {
		topic.ErrorCode = kerr.UnknownTopicOrPartition.Code
	} else {
		for i := range known.logs {
			p := kmsg.NewMetadataResponseTopicPartition()
			p.Partition = int32(i)
			topic.Partitions = append(topic.Partitions, p)
		}
	}
	resp.Topics = append(resp.Topics, topic)
}

func (b *fakeBroker) listOffsets(req *kmsg.ListOffsetsRequest, resp *kmsg.ListOffsetsResponse) {
	topic := kmsg.NewListOffsetsResponseTopic()
	for _, asked := range req.Topics[0].Partitions {
		p := kmsg.NewListOffsetsResponseTopicPartition()
		p.Partition = asked.Partition
		if asked.Timestamp == logEnd {
			p.Offset = b.topics[req.Topics[0].Topic].ends[asked.Partition]
		} else {
			p.Offset = 0
		}
		topic.Partitions = append(topic.Partitions, p)
	}
	resp.Topics = append(resp.Topics, topic)
}

func (b *fakeBroker) produce(req *kmsg.ProduceRequest, resp *kmsg.ProduceResponse) {
	asked := req.Topics[0].Partitions[0]
	p := kmsg.NewProduceResponseTopicPartition()
	p.Partition = asked.Partition
	b.produced++
	if b.produceError != nil {
		if err := b.produceError(b.produced); err != nil {
			p.ErrorCode = err.Code
		}
	}
	if _, err := batch.Check(asked.Records); err != nil {
		p.ErrorCode = kerr.CorruptMessage.Code
	} else if p.ErrorCode == 0 {
		b.topics[req.Topics[0].Topic].append(p.Partition, append([]byte(nil), asked.Records...))
		b.grown.Broadcast()
	}
	topic := kmsg.NewProduceResponseTopic()
	topic.Topic = req.Topics[0].Topic
	topic.Partitions = append(topic.Partitions, p)
	resp.Topics = append(resp.Topics, topic)
}

// fetch gives one batch a partition, and waits up to the request's time for one.
func (b *fakeBroker) fetch(req *kmsg.FetchRequest, resp *kmsg.FetchResponse) {
	b.fetched++
	var refused string
	if b.refuseFetch != nil {
		refused = b.refuseFetch(b.fetched)
	}
	if refused == "answer" {
		resp.ErrorCode = kerr.ThrottlingQuotaExceeded.Code
		return
	}
	deadline := time.Now().Add(time.Duration(req.MaxWaitMillis) * time.Millisecond)
	timer := time.AfterFunc(time.Until(deadline), func() {
		b.mu.Lock() // whoever looks at the time waits before this goes on
		defer b.mu.Unlock()
		b.grown.Broadcast()
	})
	defer timer.Stop()
	for !b.anything(req) && time.Now().Before(deadline) {
		b.grown.Wait()
	}
	topic := kmsg.NewFetchResponseTopic()
	topic.Topic = req.Topics[0].Topic
	known := b.topics[topic.Topic]
	for _, asked := range req.Topics[0].Partitions {
		p := kmsg.NewFetchResponseTopicPartition()
		p.Partition, p.HighWatermark = asked.Partition, known.ends[asked.Partition]
		if refused == "partition" {
			p.ErrorCode = kerr.ThrottlingQuotaExceeded.Code
		} else {
			p.RecordBatches = known.batchAt(asked.Partition, asked.FetchOffset)
		}
		topic.Partitions = append(topic.Partitions, p)
	}
	resp.Topics = append(resp.Topics, topic)
}

func (b *fakeBroker) anything(req *kmsg.FetchRequest) bool {
	for _, asked := range req.Topics[0].Partitions {
		if b.topics[req.Topics[0].Topic].ends[asked.Partition] > asked.FetchOffset {
			return true
		}
	}
	return false
}

// batchAt returns the batch that holds an offset and half of the next one, as
// brokers cut responses.
func (f *fakeTopic) batchAt(partition int32, offset int64) []byte {
	log := f.logs[partition]
	for i, stored := range log {
		if h, err := batch.ReadHeader(stored); err == nil && h.LastOffset() >= offset {
			found := append([]byte(nil), stored...)
			if i+1 < len(log) {
				found = append(found, log[i+1][:len(log[i+1])/2]...)
			}
			return found
		}
	}
	return nil
}
