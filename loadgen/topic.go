package loadgen

import (
	"context"
	"errors"
	"fmt"
	"time"

	"c10klab/internal/kafka"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Versions of control requests: old enough for every broker since Kafka 2.1.
const (
	apiVersionsVersion  = 0
	metadataVersion     = 4
	createTopicsVersion = 3
	listOffsetsVersion  = 4
)

const (
	logEnd   = int64(-1) // ListOffsets asks for it instead of a time, as for logStart
	logStart = int64(-2)

	topicTimeout = 10 * time.Second // for creation and for leaders to be there
	topicPause   = 20 * time.Millisecond
)

// topic is one topic at the target, seen over a control connection.
type topic struct {
	client     *kafka.Client
	name       string
	partitions int // that are used; 0: all it has
}

// openTopic connects, checks that the broker speaks the versions used, and finds the topic.
func openTopic(ctx context.Context, target string, t *topic, find func(*topic, context.Context) error) (*topic, error) {
	var err error
	if t.client, err = kafka.Dial(ctx, target); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, topicTimeout)
	defer cancel()
	if err = t.checkVersions(ctx); err == nil {
		if err = find(t, ctx); err != nil {
			err = fmt.Errorf("topic %q: %w", t.name, err)
		}
	}
	if err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func (t *topic) close() { t.client.Close() }

// ask sends one request and returns its response by its own type.
func ask[R kmsg.Response](ctx context.Context, t *topic, req kmsg.Request, version int16) (R, error) {
	req.SetVersion(version)
	resp, err := t.client.Do(ctx, req)
	if err != nil {
		var none R
		return none, err
	}
	return resp.(R), nil
}

func (t *topic) checkVersions(ctx context.Context) error {
	resp, err := ask[*kmsg.ApiVersionsResponse](ctx, t, kmsg.NewPtrApiVersionsRequest(), apiVersionsVersion)
	if err != nil {
		return err
	}
	needed := map[int16]int16{
		int16(kmsg.Produce): produceVersion, int16(kmsg.Fetch): fetchVersion, int16(kmsg.Metadata): metadataVersion,
		int16(kmsg.CreateTopics): createTopicsVersion, int16(kmsg.ListOffsets): listOffsetsVersion,
	}
	for _, api := range resp.ApiKeys {
		version, used := needed[api.ApiKey]
		if used && (version < api.MinVersion || version > api.MaxVersion) {
			return fmt.Errorf("the target speaks versions %d to %d of %s, %d is needed", api.MinVersion, api.MaxVersion, kmsg.NameForKey(api.ApiKey), version)
		}
		delete(needed, api.ApiKey)
	}
	for key := range needed {
		return fmt.Errorf("the target does not speak %s", kmsg.NameForKey(key))
	}
	return nil
}

// mustExist finds a topic that c10klab prepare has made.
func (t *topic) mustExist(ctx context.Context) error {
	err := t.ready(ctx)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("knob lagging-topic: the target has none of that name; c10klab prepare makes one")
	}
	return err
}

// ensure finds a topic, or creates it if it is missing, and waits until all partitions have
// a leader.
func (t *topic) ensure(ctx context.Context) error {
	err := t.ready(ctx)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		if err = t.create(ctx); err != nil {
			return err
		}
		err = t.ready(ctx)
	}
	for err != nil && kerr.IsRetriable(err) {
		if !sleep(ctx, topicPause) {
			return fmt.Errorf("not ready within %v: %w", topicTimeout, err)
		}
		err = t.ready(ctx)
	}
	return err
}

// ready reports what is still missing before the topic can be used.
func (t *topic) ready(ctx context.Context) error {
	req := kmsg.NewPtrMetadataRequest()
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = &t.name
	req.Topics = []kmsg.MetadataRequestTopic{asked}
	resp, err := ask[*kmsg.MetadataResponse](ctx, t, req, metadataVersion)
	if err != nil {
		return err
	}
	if len(resp.Topics) != 1 {
		return fmt.Errorf("metadata names %d topics, asked about one", len(resp.Topics))
	}
	found := resp.Topics[0]
	if err := kerr.ErrorForCode(found.ErrorCode); err != nil {
		return err
	}
	if len(found.Partitions) < t.partitions {
		return fmt.Errorf("it has %d partitions, fewer than the %d to be used", len(found.Partitions), t.partitions)
	}
	if t.partitions == 0 {
		t.partitions = len(found.Partitions)
	}
	for _, p := range found.Partitions {
		if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
			return fmt.Errorf("partition %d: %w", p.Partition, err)
		}
		if p.Leader != found.Partitions[0].Leader {
			return fmt.Errorf("partitions %d and %d have different leaders; the target must lead all", found.Partitions[0].Partition, p.Partition)
		}
	}
	return nil
}

func (t *topic) create(ctx context.Context) error {
	wanted := kmsg.NewCreateTopicsRequestTopic()
	wanted.Topic, wanted.NumPartitions, wanted.ReplicationFactor = t.name, int32(t.partitions), 1
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = int32(topicTimeout.Milliseconds())
	req.Topics = []kmsg.CreateTopicsRequestTopic{wanted}
	resp, err := ask[*kmsg.CreateTopicsResponse](ctx, t, req, createTopicsVersion)
	if err != nil {
		return err
	}
	for _, created := range resp.Topics {
		if err := kerr.ErrorForCode(created.ErrorCode); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("create: %w", err)
		}
	}
	return nil
}

// offsets returns the partitions' offsets at logStart or logEnd, by partition.
func (t *topic) offsets(ctx context.Context, at int64) ([]int64, error) {
	asked := kmsg.NewListOffsetsRequestTopic()
	asked.Topic = t.name
	for number := range t.partitions {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = int32(number), at
		asked.Partitions = append(asked.Partitions, p)
	}
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	req.Topics = []kmsg.ListOffsetsRequestTopic{asked}
	resp, err := ask[*kmsg.ListOffsetsResponse](ctx, t, req, listOffsetsVersion)
	if err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != t.partitions {
		return nil, fmt.Errorf("topic %q: the offsets of %d partitions were asked for, not all were answered", t.name, t.partitions)
	}
	offsets := make([]int64, t.partitions)
	for _, p := range resp.Topics[0].Partitions {
		if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
			return nil, fmt.Errorf("topic %q: offset of partition %d: %w", t.name, p.Partition, err)
		}
		if p.Partition < 0 || int(p.Partition) >= t.partitions {
			return nil, fmt.Errorf("topic %q: an offset of partition %d, which was not asked for", t.name, p.Partition)
		}
		offsets[p.Partition] = p.Offset
	}
	return offsets, nil
}
