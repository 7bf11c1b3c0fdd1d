package broker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/storage"
)

// deleteTopics deletes topics one by one; one that is refused does not stop the others.
func (l *Log) deleteTopics(q *request) error {
	var asked []metadataTopic
	if q.Version < 6 {
		for _, name := range q.in.names() {
			asked = append(asked, metadataTopic{name: &name})
		}
	} else {
		asked = elements(&q.in, q.in.array(1+16), func(r *reader) (t metadataTopic) {
			if name, named := r.nullableText(); named {
				t.name = &name
			}
			t.id = r.Uuid()
			return t
		})
	}
	q.in.Int32() // timeout: deletion is never delayed
	q.in.tags()
	if err := q.in.err(); err != nil {
		return err
	}
	resp := kmsg.NewPtrDeleteTopicsResponse()
	for i, t := range asked {
		twice := slices.ContainsFunc(asked[:i], func(o metadataTopic) bool {
			return t.name != nil && o.name != nil && *t.name == *o.name || t.name == nil && o.name == nil && t.id == o.id
		})
		resp.Topics = append(resp.Topics, l.deleteTopic(t, q.refused, twice))
	}
	return q.respond(resp)
}

// deleteTopic deletes a topic by name or id. Fetches that wait for its records end.
func (l *Log) deleteTopic(t metadataTopic, r refusal, twice bool) kmsg.DeleteTopicsResponseTopic {
	d := kmsg.NewDeleteTopicsResponseTopic()
	d.Topic, d.TopicID = t.name, t.id
	if twice && r.code == 0 {
		r = refuse(kerr.InvalidRequest, "the topic is twice in the request")
	}
	if r.code == 0 {
		info, err := l.topic(t, false)
		if err == nil {
			d.Topic, d.TopicID = &info.Name, info.ID
			err = l.deleteLogs(info)
		}
		if err != nil {
			r = refusalOf(err)
		}
	}
	if r.code != 0 {
		d.ErrorCode, d.ErrorMessage = r.code, &r.message
	}
	return d
}

func (l *Log) deleteLogs(info storage.TopicInfo) error {
	var logs []*storage.Log
	for i := range info.Partitions {
		if log, err := l.store.Log(info.Name, int32(i)); err == nil {
			logs = append(logs, log)
		}
	}
	err := l.store.DeleteTopic(info.Name)
	for _, log := range logs {
		l.delayed.check(log)
	}
	return err
}
