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
	if all && q.refused.code == 0 {
		for _, info := range l.store.Topics() {
			resp.Topics = append(resp.Topics, describe(info))
		}
	}
	for _, t := range asked {
		resp.Topics = append(resp.Topics, l.metadataOf(t, q.refused, mayCreate))
	}
	return q.respond(resp)
}

func (l *Log) self() kmsg.MetadataResponseBroker {
	b := kmsg.NewMetadataResponseBroker()
	at := l.advertised.Load()
	b.NodeID, b.Host, b.Port = nodeID, at.host, at.port
	return b
}

// metadataTopic is a topic asked for by name, which shares the frame's memory, or,
// without one, by id.
type metadataTopic struct {
	id   storage.TopicID
	name *string
}

// readMetadataTopics reads which topics are asked for: a null array means all,
// in version 0, which has no null, an empty one.
func readMetadataTopics(r *reader) (asked []metadataTopic, all bool) {
	count := r.array(leastMetadataTopicBytes)
	asked = elements(r, count, func(r *reader) (t metadataTopic) {
		if r.version >= 10 {
			t.id = r.Uuid()
		}
		if name, named := r.nullableText(); named {
			t.name = &name
		} else if r.version < 10 {
			r.fail()
		}
		return t
	})
	return asked, count < 0 || count == 0 && r.version == 0
}

// metadataOf describes a topic, or says why not.
func (l *Log) metadataOf(t metadataTopic, r refusal, mayCreate bool) kmsg.MetadataResponseTopic {
	if r.code == 0 {
		info, err := l.topic(t, mayCreate)
		if err == nil {
			return describe(info)
		}
		r = refusalOf(err)
	}
	m := kmsg.NewMetadataResponseTopic()
	m.Topic, m.TopicID, m.ErrorCode = t.name, t.id, r.code
	return m
}

func (l *Log) topic(t metadataTopic, mayCreate bool) (storage.TopicInfo, error) {
	if t.name == nil {
		for _, info := range l.store.Topics() {
			if info.ID == t.id {
				return info, nil
			}
		}
		return storage.TopicInfo{}, kerr.UnknownTopicID
	}
	name := *t.name
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
