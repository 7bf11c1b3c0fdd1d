package broker

import (
	"errors"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/storage"
)

const (
	nodeID    = 0
	clusterID = "c10klab"
)

// leastMetadataTopicBytes: a null name, compact.
const leastMetadataTopicBytes = 1

// metadata describes this broker and the topics asked for, all by default. An
// unknown topic is created if the request and the configuration allow it.
func (l *Log) metadata(q *request) error {
	asked, all := readMetadataTopics(&q.in)
	mayCreate := l.config.AutoCreateTopics
	if q.Version >= 4 {
		mayCreate = q.in.Bool() && mayCreate
	}
	if err := q.in.err(); err != nil {
		return err
	}
	resp := kmsg.NewPtrMetadataResponse()
	resp.ClusterID = kmsg.StringPtr(clusterID)
	resp.ControllerID = nodeID
	resp.Brokers = []kmsg.MetadataResponseBroker{l.self()}
	if all {
		for _, info := range l.store.Topics() {
			resp.Topics = append(resp.Topics, describe(info))
		}
	}
	for _, t := range asked {
		resp.Topics = append(resp.Topics, l.metadataOf(t, mayCreate))
	}
	return q.respond(resp)
}

func (l *Log) shedMetadata(q *request) error {
	asked, _ := readMetadataTopics(&q.in)
	if err := q.in.err(); err != nil {
		return err
	}
	resp := kmsg.NewPtrMetadataResponse()
	resp.ControllerID = nodeID
	resp.Brokers = []kmsg.MetadataResponseBroker{l.self()}
	for _, t := range asked {
		var name *string
		if t.named {
			name = &t.name
		}
		resp.Topics = append(resp.Topics, refusedMetadata(name, t.id, overloaded.code))
	}
	return q.respond(resp)
}

func (l *Log) self() kmsg.MetadataResponseBroker {
	b := kmsg.NewMetadataResponseBroker()
	at := l.advertised.Load()
	b.NodeID, b.Host, b.Port = nodeID, at.host, at.port
	return b
}

// metadataTopic is a topic asked for by name or, without one, by id.
type metadataTopic struct {
	id    storage.TopicID
	name  string
	named bool
}

// readMetadataTopics reads which topics are asked for: a null array means all,
// in version 0, which has no null, an empty one.
func readMetadataTopics(r *reader) (asked []metadataTopic, all bool) {
	count := r.array(leastMetadataTopicBytes)
	for range count {
		var t metadataTopic
		if r.version >= 10 {
			t.id = r.Uuid()
			t.name, t.named = r.nullableText()
		} else {
			t.name, t.named = r.text(), true
		}
		r.tags()
		if !r.Ok() {
			break
		}
		asked = append(asked, t)
	}
	return asked, count < 0 || count == 0 && r.version == 0
}

func (l *Log) metadataOf(t metadataTopic, mayCreate bool) kmsg.MetadataResponseTopic {
	if !t.named {
		return l.metadataByID(t.id)
	}
	info, err := l.topic(t.name, mayCreate)
	if err != nil {
		return refusedMetadata(&t.name, t.id, refusalOf(err).code)
	}
	return describe(info)
}

func (l *Log) metadataByID(id storage.TopicID) kmsg.MetadataResponseTopic {
	for _, info := range l.store.Topics() {
		if info.ID == id {
			return describe(info)
		}
	}
	return refusedMetadata(nil, id, kerr.UnknownTopicID.Code)
}

func refusedMetadata(name *string, id storage.TopicID, code int16) kmsg.MetadataResponseTopic {
	m := kmsg.NewMetadataResponseTopic()
	m.Topic, m.TopicID, m.ErrorCode = name, id, code
	return m
}

// topic looks a topic up by a name that may share the frame's memory.
func (l *Log) topic(name string, mayCreate bool) (storage.TopicInfo, error) {
	if err := storage.CheckTopicName(name); err != nil {
		return storage.TopicInfo{}, err
	}
	info, found := l.store.Topic(name)
	if found {
		return info, nil
	}
	if !mayCreate {
		return info, storage.ErrUnknownTopicOrPartition
	}
	// Two clients may ask at once; the one that comes second finds it there.
	err := l.store.CreateTopic(strings.Clone(name), l.config.DefaultPartitions)
	if err != nil && !errors.Is(err, storage.ErrTopicExists) {
		return info, err
	}
	if info, found = l.store.Topic(name); !found {
		return info, storage.ErrUnknownTopicOrPartition
	}
	return info, nil
}

func describe(info storage.TopicInfo) kmsg.MetadataResponseTopic {
	m := kmsg.NewMetadataResponseTopic()
	m.Topic, m.TopicID = kmsg.StringPtr(info.Name), info.ID
	replicas := []int32{nodeID}
	for i := range info.Partitions {
		p := kmsg.NewMetadataResponseTopicPartition()
		p.Partition, p.Leader, p.LeaderEpoch = int32(i), nodeID, leaderEpoch
		p.Replicas, p.ISR = replicas, replicas
		m.Partitions = append(m.Partitions, p)
	}
	return m
}
