package broker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/internal/batch"
	"c10klab/internal/child"
	"c10klab/internal/kafka"
)

const (
	pipeliners = 3
	// pipelineRounds of four requests are sent before an answer is read.
	pipelineRounds = 12
	orderTopic     = "ordered"
	storedBytes    = 600_000 // what every fetch can read of
)

// Clients that send many requests at once get the answers in the order of the
// requests, whichever threads handle and send them: file bytes of every size, writes,
// fetches that wait for more than there is, and answers from memory. With one request
// of a connection under way at a time, writes take effect in that order, too.
func TestPipelinedClientsGetAnswersInOrder(t *testing.T) {
	t.Run("one under way", func(t *testing.T) {
		onEveryPairWith(t, nil, func(t *testing.T, addr string) { pipeline(t, addr, true) })
	})
	t.Run("several under way", func(t *testing.T) {
		onEveryPairWith(t, map[string]string{"max-in-flight": "8"}, func(t *testing.T, addr string) { pipeline(t, addr, false) })
	})
	t.Run("several under way, handlers write", func(t *testing.T) {
		onEveryPairWith(t, map[string]string{"max-in-flight": "8", "response-writer": "handler"},
			func(t *testing.T, addr string) { pipeline(t, addr, false) })
	})
}

func pipeline(t *testing.T, addr string, inTurn bool) {
	stored := storeRecords(t, addr)
	var clients sync.WaitGroup
	for i := range pipeliners {
		p := newPipeliner(t, addr, i, stored)
		clients.Go(func() { p.run(inTurn) })
	}
	clients.Wait()
}

// storeRecords creates the topic, with a partition for each client and one to read
// of, and returns what that holds.
func storeRecords(t *testing.T, addr string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	control, err := kafka.Dial(ctx, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = orderTopic, pipeliners+1, 1
	create := kmsg.NewCreateTopicsRequest()
	create.SetVersion(4)
	create.TimeoutMillis = 1000
	create.Topics = []kmsg.CreateTopicsRequestTopic{topic}
	if _, err := control.Do(ctx, &create); err != nil {
		t.Fatal(err)
	}
	producer := child.Client(t, addr, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	records := testRecords(orderTopic, 60, storedBytes/60, 1)
	for _, r := range records {
		r.Partition = pipeliners
	}
	produceAll(t, producer, records...)
	answer, err := control.Do(ctx, fetchStored(storedBytes, 0))
	if err != nil {
		t.Fatal(err)
	}
	return answer.(*kmsg.FetchResponse).Topics[0].Partitions[0].RecordBatches
}

// fetchStored asks for so many bytes of what is stored, or waits in vain for more.
func fetchStored(maxBytes int, wait time.Duration) *kmsg.FetchRequest {
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.Partition, partition.PartitionMaxBytes = pipeliners, int32(maxBytes)
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.Partitions = orderTopic, []kmsg.FetchRequestTopicPartition{partition}
	fetch := kmsg.NewFetchRequest()
	fetch.SetVersion(11)
	fetch.ReplicaID, fetch.SessionEpoch = -1, -1
	fetch.MaxBytes, fetch.MinBytes = int32(maxBytes), 1
	if wait > 0 {
		fetch.MinBytes, fetch.MaxWaitMillis = 1<<30, int32(wait.Milliseconds())
	}
	fetch.Topics = []kmsg.FetchRequestTopic{topic}
	return &fetch
}

// pipeliner is a client that sends all its requests before it reads an answer.
type pipeliner struct {
	t         *testing.T
	conn      net.Conn
	partition int32
	batch     []byte
	stored    []byte
	requests  []kmsg.Request
	offset    int64 // of the next write
}

func newPipeliner(t *testing.T, addr string, number int, stored []byte) *pipeliner {
	t.Helper()
	template, err := batch.TemplateForBytes(2000, 500, uint64(number))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	p := &pipeliner{t: t, conn: conn, partition: int32(number), batch: template.AppendTo(nil), stored: stored}
	for round := range pipelineRounds {
		offsets := kmsg.NewApiVersionsRequest()
		offsets.SetVersion(0)
		p.requests = append(p.requests, fetchStored(1+round*len(stored)/pipelineRounds, 0), p.produce(), fetchStored(1000, time.Millisecond), &offsets)
	}
	return p
}

func (p *pipeliner) produce() *kmsg.ProduceRequest {
	partition := kmsg.NewProduceRequestTopicPartition()
	partition.Partition, partition.Records = p.partition, p.batch
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.Partitions = orderTopic, []kmsg.ProduceRequestTopicPartition{partition}
	produce := kmsg.NewProduceRequest()
	produce.SetVersion(7)
	produce.Acks, produce.TimeoutMillis = 1, 1000
	produce.Topics = []kmsg.ProduceRequestTopic{topic}
	return &produce
}

func (p *pipeliner) run(inTurn bool) {
	sent := make(chan error, 1)
	go func() {
		var all []byte
		for i, request := range p.requests {
			all = kafka.AppendRequest(all, int32(i), "order", request)
		}
		_, err := p.conn.Write(all)
		sent <- err
	}()
	for i, request := range p.requests {
		if err := p.expect(int32(i), request, inTurn); err != nil {
			p.t.Errorf("client %d, answer %d: %v", p.partition, i, err)
			p.conn.Close()
			break
		}
	}
	if err := <-sent; err != nil {
		p.t.Errorf("client %d: %v", p.partition, err)
	}
}

// expect reads the answer to one request.
func (p *pipeliner) expect(number int32, request kmsg.Request, inTurn bool) error {
	var prefix [kafka.PrefixBytes]byte
	if _, err := io.ReadFull(p.conn, prefix[:]); err != nil {
		return err
	}
	n, err := kafka.FrameLength(prefix[:])
	if err != nil {
		return err
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(p.conn, frame); err != nil {
		return err
	}
	got, answer, err := kafka.ParseResponse(frame, request)
	if err != nil {
		return err
	}
	if got != number {
		return fmt.Errorf("has correlation id %d", got)
	}
	switch answer := answer.(type) {
	case *kmsg.FetchResponse:
		return p.checkFetch(answer)
	case *kmsg.ProduceResponse:
		return p.checkProduce(answer, inTurn)
	}
	return nil
}

func (p *pipeliner) checkFetch(answer *kmsg.FetchResponse) error {
	partition := answer.Topics[0].Partitions[0]
	read := partition.RecordBatches
	if partition.ErrorCode != 0 || len(read) == 0 || !bytes.HasPrefix(p.stored, read) {
		return fmt.Errorf("fetch: error %d, %d bytes that are not those stored", partition.ErrorCode, len(read))
	}
	return nil
}

func (p *pipeliner) checkProduce(answer *kmsg.ProduceResponse, inTurn bool) error {
	partition := answer.Topics[0].Partitions[0]
	if partition.ErrorCode != 0 {
		return fmt.Errorf("produce: error %d", partition.ErrorCode)
	}
	if inTurn && partition.BaseOffset < p.offset {
		return fmt.Errorf("a later write has offset %d, below %d", partition.BaseOffset, p.offset)
	}
	p.offset = partition.BaseOffset + 1
	return nil
}
