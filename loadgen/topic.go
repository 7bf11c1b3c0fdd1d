package loadgen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
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

	topicTimeout = 30 * time.Second // for creation and for leaders to be there
	topicPause   = 20 * time.Millisecond
)

// topic is one topic at the target and the brokers beside it, seen over control connections.
type topic struct {
	*cluster
	name       string
	partitions int // that are used; 0: all it has
	uses       []kmsg.Key
	leaders    []string // addresses of the brokers that lead the partitions, as ready found them last
}

// cluster is the target with the brokers that it names.
type cluster struct {
	mu       sync.Mutex // held by refresh, offsets and leader, which any goroutine may call
	target   string
	brokers  []string                 // the target first, then all that it named
	clients  map[string]*kafka.Client // by address; dialled when they are needed
	versions map[int16]kmsg.ApiVersionsResponseApiKey
}

// openTopic connects, checks that the broker speaks what is used of the topic, and finds it.
func openTopic(ctx context.Context, target string, t *topic, find func(*topic, context.Context) error) (*topic, error) {
	t.cluster = &cluster{target: target, brokers: []string{target}, clients: map[string]*kafka.Client{}}
	ctx, cancel := context.WithTimeout(ctx, topicTimeout)
	defer cancel()
	var err error
	if t.versions, err = t.askVersions(ctx); err == nil {
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

func (c *cluster) close() {
	for _, client := range c.clients {
		client.Close()
	}
}

// ask sends one request to a broker and returns its response by its own type. A connection that
// breaks is dialled anew by the next one.
func ask[R kmsg.Response](ctx context.Context, c *cluster, addr string, req kmsg.Request, version int16) (none R, err error) {
	client := c.clients[addr]
	if client == nil {
		if client, err = kafka.Dial(ctx, addr); err != nil {
			return none, err
		}
		c.clients[addr] = client
	}
	req.SetVersion(version)
	resp, err := client.Do(ctx, req)
	if err != nil {
		delete(c.clients, addr)
		return none, err
	}
	return resp.(R), nil
}

// versionsUsed are those of all requests, also of the load.
var versionsUsed = map[kmsg.Key]int16{
	kmsg.Produce: produceVersion, kmsg.Fetch: fetchVersion, kmsg.Metadata: metadataVersion,
	kmsg.CreateTopics: createTopicsVersion, kmsg.ListOffsets: listOffsetsVersion,
}

// askVersions finds out what the broker speaks, which must have what is used in any case.
func (t *topic) askVersions(ctx context.Context) (map[int16]kmsg.ApiVersionsResponseApiKey, error) {
	resp, err := ask[*kmsg.ApiVersionsResponse](ctx, t.cluster, t.target, kmsg.NewPtrApiVersionsRequest(), apiVersionsVersion)
	if err != nil {
		return nil, err
	}
	t.versions = map[int16]kmsg.ApiVersionsResponseApiKey{}
	for _, api := range resp.ApiKeys {
		t.versions[api.ApiKey] = api
	}
	for _, key := range append([]kmsg.Key{kmsg.Metadata, kmsg.ListOffsets}, t.uses...) {
		if err := t.speaks(key); err != nil {
			return nil, err
		}
	}
	return t.versions, nil
}

// speaks fails unless the broker speaks the version that is used of an API.
func (t *topic) speaks(key kmsg.Key) error {
	api, known := t.versions[key.Int16()]
	switch version := versionsUsed[key]; {
	case !known:
		return fmt.Errorf("the target does not speak %s", key.Name())
	case version < api.MinVersion || version > api.MaxVersion:
		return fmt.Errorf("the target speaks versions %d to %d of %s, %d is needed", api.MinVersion, api.MaxVersion, key.Name(), version)
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

// refresh finds out who leads the partitions now.
func (t *topic) refresh(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ready(ctx)
}

// leader is the address of a partition's leader.
func (t *topic) leader(partition int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.leaders[partition]
}

// ready reports what is still missing before the topic can be used.
func (t *topic) ready(ctx context.Context) error {
	req := kmsg.NewPtrMetadataRequest()
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = &t.name
	req.Topics = []kmsg.MetadataRequestTopic{asked}
	resp, err := t.metadata(ctx, req)
	if err != nil {
		return err
	}
	addresses := t.addresses(resp.Brokers)
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
	leaders := make([]string, t.partitions)
	for _, p := range found.Partitions {
		if p.Partition < 0 || int(p.Partition) >= t.partitions {
			continue // not used
		}
		if err := kerr.ErrorForCode(p.ErrorCode); err != nil && !errors.Is(err, kerr.ReplicaNotAvailable) {
			return fmt.Errorf("partition %d: %w", p.Partition, err)
		}
		if addresses[p.Leader] == "" {
			return fmt.Errorf("partition %d: %w", p.Partition, kerr.LeaderNotAvailable)
		}
		leaders[p.Partition] = addresses[p.Leader]
	}
	t.leaders = leaders
	return nil
}

// metadata asks the target, or if it does not answer another broker.
func (c *cluster) metadata(ctx context.Context, req *kmsg.MetadataRequest) (resp *kmsg.MetadataResponse, err error) {
	for _, addr := range c.brokers {
		var failed error
		if resp, failed = ask[*kmsg.MetadataResponse](ctx, c, addr, req, metadataVersion); failed == nil {
			return resp, nil
		}
		err = cmp.Or(err, failed)
	}
	return nil, err
}

// addresses are those of brokers by their ids. One that is alone is reached where the target is,
// whatever address it names: that may be meant for others.
func (c *cluster) addresses(brokers []kmsg.MetadataResponseBroker) map[int32]string {
	addresses := map[int32]string{}
	for _, b := range brokers {
		addr := net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
		if len(brokers) == 1 {
			addr = c.target
		}
		addresses[b.NodeID] = addr
		if !slices.Contains(c.brokers, addr) {
			c.brokers = append(c.brokers, addr)
		}
	}
	return addresses
}

func (t *topic) create(ctx context.Context) error {
	if err := t.speaks(kmsg.CreateTopics); err != nil {
		return fmt.Errorf("there is none of that name, and %w", err)
	}
	wanted := kmsg.NewCreateTopicsRequestTopic()
	wanted.Topic, wanted.NumPartitions, wanted.ReplicationFactor = t.name, int32(t.partitions), 1
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = int32(topicTimeout.Milliseconds())
	req.Topics = []kmsg.CreateTopicsRequestTopic{wanted}
	resp, err := t.createAt(ctx, req)
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

// createAt asks the controller, which is found out by asking for it.
func (t *topic) createAt(ctx context.Context, req *kmsg.CreateTopicsRequest) (*kmsg.CreateTopicsResponse, error) {
	of := kmsg.NewPtrMetadataRequest()
	of.Topics = []kmsg.MetadataRequestTopic{}
	resp, err := t.metadata(ctx, of)
	if err != nil {
		return nil, err
	}
	controller := cmp.Or(t.addresses(resp.Brokers)[resp.ControllerID], t.target)
	return ask[*kmsg.CreateTopicsResponse](ctx, t.cluster, controller, req, createTopicsVersion)
}

// offsets returns the partitions' offsets at logStart or logEnd, by partition. A new topic's leaders
// may not know yet that they lead, though metadata names them, so it asks again for a while.
func (t *topic) offsets(ctx context.Context, at int64) (offsets []int64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, topicTimeout)
	defer cancel()
	for {
		if offsets, err = t.offsetsNow(ctx, at); err == nil || !kerr.IsRetriable(err) && !disconnected(err) || !sleep(limited, topicPause) {
			return offsets, err
		}
		if err := t.ready(limited); err != nil && !kerr.IsRetriable(err) && !disconnected(err) {
			return nil, err
		}
	}
}

func (t *topic) offsetsNow(ctx context.Context, at int64) ([]int64, error) {
	offsets := make([]int64, t.partitions)
	for _, leader := range slices.Compact(slices.Sorted(slices.Values(t.leaders))) {
		var led []int32
		for number, addr := range t.leaders {
			if addr == leader {
				led = append(led, int32(number))
			}
		}
		if err := t.offsetsAt(ctx, leader, led, at, offsets); err != nil {
			return nil, err
		}
	}
	return offsets, nil
}

// offsetsAt asks one leader about the partitions that it leads.
func (t *topic) offsetsAt(ctx context.Context, leader string, led []int32, at int64, offsets []int64) error {
	asked := kmsg.NewListOffsetsRequestTopic()
	asked.Topic = t.name
	for _, number := range led {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = number, at
		asked.Partitions = append(asked.Partitions, p)
	}
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	req.Topics = []kmsg.ListOffsetsRequestTopic{asked}
	resp, err := ask[*kmsg.ListOffsetsResponse](ctx, t.cluster, leader, req, listOffsetsVersion)
	if err != nil {
		return err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != len(led) {
		return fmt.Errorf("topic %q: the offsets of %d partitions were asked for, not all were answered", t.name, len(led))
	}
	for _, p := range resp.Topics[0].Partitions {
		if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
			return fmt.Errorf("topic %q: offset of partition %d: %w", t.name, p.Partition, err)
		}
		if !slices.Contains(led, p.Partition) {
			return fmt.Errorf("topic %q: an offset of partition %d, which was not asked for", t.name, p.Partition)
		}
		offsets[p.Partition] = p.Offset
	}
	return nil
}
