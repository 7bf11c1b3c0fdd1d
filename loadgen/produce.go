package loadgen

import (
	"encoding/binary"
	"fmt"
	"time"

	"c10klab/internal/batch"
	"c10klab/internal/clock"
	"c10klab/internal/kafka"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	produceVersion   = 7         // the newest Produce whose answers carry no tags and no texts
	produceTimeoutMs = 30_000    // how long a broker may wait for replicas
	clientID         = "c10klab" // of all the generator's requests
	// correlationAt is where a frame holds its correlation id, after length, key and version.
	correlationAt = kafka.PrefixBytes + 4
)

// produce is the protocol of producers: Produce with one batch for one partition.
type produce struct {
	request    kmsg.ProduceRequest
	template   *batch.Template
	partitions int
	wall       *clock.Offset // record timestamps are wall clock time

	recordsAt, partitionAt int // where in a frame the batch and the partition lie
}

func newProduce(cfg Config, batchBytes int, wall *clock.Offset) (*produce, error) {
	template, err := batch.TemplateForBytes(batchBytes, cfg.RecordBytes, cfg.Schedule.Seed)
	if codec := batch.Codecs[cfg.Compression]; err == nil && codec != batch.Uncompressed {
		template, err = template.Compressible(cfg.Compressible).Compressed(codec)
	}
	if err != nil {
		return nil, fmt.Errorf("%s and record-bytes: %w", sizeKnob(cfg, "knobs batch-bytes"), err)
	}
	partition := kmsg.NewProduceRequestTopicPartition()
	partition.Records = template.AppendTo(nil)
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = cfg.Topic
	topic.Partitions = []kmsg.ProduceRequestTopicPartition{partition}
	request := kmsg.NewProduceRequest()
	request.SetVersion(produceVersion)
	request.Acks = cfg.Acks
	request.TimeoutMillis = produceTimeoutMs
	request.Topics = []kmsg.ProduceRequestTopic{topic}

	p := &produce{request: request, template: template, partitions: cfg.Partitions, wall: wall}
	const recordsLengthBytes, partitionBytes = 4, 4
	frameBytes := len(p.newFrame())
	if payload := frameBytes - kafka.PrefixBytes; payload > kafka.MaxFrameBytes {
		return nil, fmt.Errorf("%s: a request of %d bytes is above Kafka's limit of %d", sizeKnob(cfg, "knob batch-bytes"), payload, kafka.MaxFrameBytes)
	}
	p.recordsAt = frameBytes - template.SizeBytes() // the records end the frame
	p.partitionAt = p.recordsAt - recordsLengthBytes - partitionBytes
	return p, nil
}

// sizeKnob names what says how large requests are.
func sizeKnob(cfg Config, ownName string) string {
	if cfg.Trace != nil {
		return "knobs trace"
	}
	return ownName
}

func (p *produce) newFrame() []byte { return kafka.AppendRequest(nil, 0, clientID, &p.request) }

func (p *produce) stamp(frame []byte, connection int, id int32, dueNs int64) {
	binary.BigEndian.PutUint32(frame[correlationAt:], uint32(id))
	binary.BigEndian.PutUint32(frame[p.partitionAt:], uint32(p.partitionOf(connection)))
	p.template.Stamp(frame[p.recordsAt:], dueNs, p.wall.Real(dueNs)/int64(time.Millisecond))
}

// partitionOf is where a connection's batches go.
func (p *produce) partitionOf(connection int) int32 { return int32(connection % p.partitions) }

// parse walks a Produce response: its one partition's error is the answer's.
func (p *produce) parse(connection int, payload []byte) (answer, error) {
	r := kbin.Reader{Src: payload}
	a := answer{id: r.Int32()}
	topics := r.ArrayLen()
	r.UnsafeString()
	partitions := r.ArrayLen()
	partition := r.Int32()
	a.errorCode = r.Int16()
	r.Int64() // base offset
	r.Int64() // log append time
	r.Int64() // log start offset
	r.Int32() // throttle time
	switch {
	case !r.Ok():
		return a, fmt.Errorf("read the Produce response of %d bytes: %w", len(payload), kbin.ErrNotEnoughData)
	case topics != 1 || partitions != 1 || len(r.Src) != 0:
		return a, fmt.Errorf("the Produce response has %d topics, %d partitions and %d more bytes, asked about one partition", topics, partitions, len(r.Src))
	case partition != p.partitionOf(connection):
		return a, fmt.Errorf("the Produce response is about partition %d, asked about %d", partition, p.partitionOf(connection))
	}
	return a, nil
}

func (p *produce) maxAnswerBytes() int { return 1024 + len(p.request.Topics[0].Topic) }
func (p *produce) batch() (bytes, records int) {
	return p.template.SizeBytes(), p.template.Records()
}
