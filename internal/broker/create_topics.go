package broker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/storage"
)

// Smallest sizes in any version, compact.
const (
	leastNewTopicBytes   = 1 + 4 + 2 + 1 + 1 // name, partitions, replication, assignments, configs
	leastAssignmentBytes = 4 + 1             // partition, replicas
	leastConfigBytes     = 1 + 1             // name, null value
)

// useDefault asks for the broker's own number of partitions or replicas.
const useDefault = -1

type newTopic struct {
	name        string
	partitions  int32
	replication int16
	assigned    []assignment
	configs     []topicConfig
}

type topicConfig struct{ name, value string }

// assignment places a partition's replicas by hand.
type assignment struct {
	partition int32
	replicas  []int32
}

// createTopics creates topics one by one; one that is refused does not stop the
// others.
func (l *Log) createTopics(q *request) error {
	topics := readNewTopics(&q.in)
	q.in.Int32() // timeout: creation is never delayed
	validateOnly := q.Version >= 1 && q.in.Bool()
	q.in.tags()
	if err := q.in.err(); err != nil {
		return err
	}
	resp := kmsg.NewPtrCreateTopicsResponse()
	for i := range topics {
		twice := slices.ContainsFunc(topics[:i], func(t newTopic) bool { return t.name == topics[i].name })
		resp.Topics = append(resp.Topics, l.create(&topics[i], q.refused, validateOnly, twice))
	}
	return q.respond(resp)
}

func readNewTopics(r *reader) []newTopic {
	return elements(r, r.array(leastNewTopicBytes), func(r *reader) newTopic {
		t := newTopic{name: r.text(), partitions: r.Int32(), replication: r.Int16()}
		t.assigned = elements(r, r.array(leastAssignmentBytes), readAssignment)
		t.configs = elements(r, r.array(leastConfigBytes), readConfig)
		return t
	})
}

func readAssignment(r *reader) assignment {
	a := assignment{partition: r.Int32()}
	for range r.array(4) {
		a.replicas = append(a.replicas, r.Int32())
	}
	return a
}

// readConfig reads a null value, which asks for the default, as "".
func readConfig(r *reader) (c topicConfig) {
	c.name = r.text()
	c.value, _ = r.nullableText()
	return c
}

// given are the configurations that have a value. They do not share the frame's memory.
func (t *newTopic) given() map[string]string {
	given := map[string]string{}
	for _, c := range t.configs {
		if c.value != "" {
			given[strings.Clone(c.name)] = strings.Clone(c.value)
		}
	}
	return given
}

func (l *Log) create(t *newTopic, r refusal, validateOnly, twice bool) kmsg.CreateTopicsResponseTopic {
	c := kmsg.NewCreateTopicsResponseTopic()
	c.Topic, c.NumPartitions, c.ReplicationFactor = t.name, -1, -1
	c.Configs = []kmsg.CreateTopicsResponseTopicConfig{} // Kafka's clients do not expect null
	if r.code == 0 {
		r = l.refuseTopic(t, twice)
	}
	partitions := t.wantedPartitions(l.config.DefaultPartitions)
	if r.code == 0 && !validateOnly {
		if err := l.store.CreateTopicWith(strings.Clone(t.name), partitions, t.given()); err != nil {
			r = refusalOf(err)
		}
	}
	if r.code != 0 {
		c.ErrorCode, c.ErrorMessage = r.code, &r.message
		return c
	}
	c.NumPartitions, c.ReplicationFactor = int32(partitions), 1
	if info, found := l.store.Topic(t.name); found {
		c.TopicID = info.ID
	}
	for _, described := range l.describeConfigs(t.given()) {
		own := kmsg.NewCreateTopicsResponseTopicConfig()
		own.Name, own.Value, own.Source = described.Name, described.Value, int8(described.Source)
		c.Configs = append(c.Configs, own)
	}
	return c
}

// refuseTopic finds what is wrong with a topic, in Kafka's order.
func (l *Log) refuseTopic(t *newTopic, twice bool) refusal {
	if twice {
		return refuse(kerr.InvalidRequest, fmt.Sprintf("topic %q is twice in the request", t.name))
	}
	if err := storage.CheckTopicName(t.name); err != nil {
		return refusalOf(err)
	}
	if _, exists := l.store.Topic(t.name); exists {
		return refuse(kerr.TopicAlreadyExists, fmt.Sprintf("topic %q exists", t.name))
	}
	check := t.refuseNumbers
	if len(t.assigned) > 0 {
		check = t.refuseAssignment
	}
	if r := check(); r.code != 0 {
		return r
	}
	if err := l.store.CheckTopic(t.name, t.wantedPartitions(l.config.DefaultPartitions), t.given()); err != nil {
		return refusalOf(err)
	}
	return refusal{}
}

func (t *newTopic) refuseNumbers() refusal {
	if t.partitions != useDefault && (t.partitions < 1 || t.partitions > storage.MaxPartitions) {
		return refuse(kerr.InvalidPartitions, fmt.Sprintf("%d partitions, want 1 to %d or -1", t.partitions, storage.MaxPartitions))
	}
	if t.replication != useDefault && t.replication != 1 {
		return refuse(kerr.InvalidReplicationFactor, fmt.Sprintf("replication factor %d with one broker", t.replication))
	}
	return refusal{}
}

// refuseAssignment accepts partitions 0 … n−1, each on this broker alone.
func (t *newTopic) refuseAssignment() refusal {
	if t.partitions != useDefault || t.replication != useDefault {
		return refuse(kerr.InvalidRequest, "numbers and an assignment exclude each other")
	}
	if len(t.assigned) > storage.MaxPartitions {
		return refuse(kerr.InvalidPartitions, fmt.Sprintf("%d partitions, want at most %d", len(t.assigned), storage.MaxPartitions))
	}
	seen := make([]bool, len(t.assigned))
	for _, a := range t.assigned {
		if a.partition < 0 || int(a.partition) >= len(seen) || seen[a.partition] {
			return refuse(kerr.InvalidReplicaAssignment, fmt.Sprintf("partition %d is not one of 0 to %d, each once", a.partition, len(seen)-1))
		}
		seen[a.partition] = true
		if !slices.Equal(a.replicas, []int32{nodeID}) {
			return refuse(kerr.InvalidReplicaAssignment, fmt.Sprintf("partition %d on brokers %v; there is broker %d only", a.partition, a.replicas, nodeID))
		}
	}
	return refusal{}
}

func (t *newTopic) wantedPartitions(byDefault int) int {
	switch {
	case len(t.assigned) > 0:
		return len(t.assigned)
	case t.partitions == useDefault:
		return byDefault
	}
	return int(t.partitions)
}
