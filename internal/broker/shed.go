package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/models"
)

// overloaded is what a request is answered with that the broker has no room for.
// Kafka never refuses one for that reason, so it has no code for it. Of its
// retriable codes THROTTLING_QUOTA_EXCEEDED (KIP-599) says what is the case:
// nothing was done, and the same request may succeed later. REQUEST_TIMED_OUT would
// leave a producer in doubt whether its records were appended, and the codes about
// leaders would make clients fetch metadata from a broker that is short of room.
var overloaded = refuse(kerr.ThrottlingQuotaExceeded, "the request queue is full")

var _ models.Refuser = (*Log)(nil)

// Refuse answers a request with an error of its own API, placed where the
// getErrorResponse of Kafka's request classes puts it: in each topic or partition,
// at the top where there is a place for it, or both. Produce with acks=0, which has
// no answer to put it in, closes the connection, as any error of it does.
func (l *Log) Refuse(j *models.Job) { l.shed(jobExchange{j}) }

func (l *Log) shed(e exchange) {
	l.dispatch(e, func(a *api) func(*Log, *request) error { return a.shed })
}

func (l *Log) shedProduce(q *request) error {
	p := l.produces.Get().(*produce)
	p.log, p.request = l, q
	_, err := p.read(&q.in)
	if err == nil {
		p.appendAll(overloaded)
		p.complete(false)
	}
	p.recycle()
	return err
}

func (l *Log) shedFetch(q *request) error {
	f := l.fetches.Get().(*fetch)
	f.log, f.request = l, q
	err := f.read(&q.in)
	if err == nil {
		for i := range f.partitions {
			f.partitions[i].code = overloaded.code
		}
		w := q.fetchHead(0, overloaded.code)
		f.writeTopics(w)
		w.tags()
		q.Respond()
	}
	f.recycle()
	return err
}

func (l *Log) shedListOffsets(q *request) error {
	return q.listOffsets(func(_ string, p *listPartition) {
		p.code, p.timestampMs, p.offset = overloaded.code, -1, -1
	})
}

func (l *Log) shedDeleteRecords(q *request) error {
	return q.deleteRecords(func(_ string, p *deletePartition) {
		p.lowWatermark, p.code = -1, overloaded.code
	})
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

func (l *Log) shedFindCoordinator(q *request) error {
	keys, _ := readCoordinatorKeys(&q.in)
	if err := q.in.err(); err != nil {
		return err
	}
	return q.refuseCoordinators(keys, overloaded)
}

func (l *Log) shedHeartbeat(q *request) error {
	resp := kmsg.NewPtrHeartbeatResponse()
	resp.ErrorCode = overloaded.code
	return q.respond(resp)
}

func (l *Log) shedAPIVersions(q *request) error {
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.ErrorCode = overloaded.code
	return q.respond(resp)
}

func (l *Log) shedCreateTopics(q *request) error {
	topics := readNewTopics(&q.in)
	if err := q.in.err(); err != nil {
		return err
	}
	resp := kmsg.NewPtrCreateTopicsResponse()
	for _, t := range topics {
		c := kmsg.NewCreateTopicsResponseTopic()
		c.Topic, c.NumPartitions, c.ReplicationFactor = t.name, -1, -1
		c.ErrorCode, c.ErrorMessage = overloaded.code, &overloaded.message
		resp.Topics = append(resp.Topics, c)
	}
	return q.respond(resp)
}

func (l *Log) shedInitProducerID(q *request) error {
	resp := kmsg.NewPtrInitProducerIDResponse()
	resp.ErrorCode, resp.ProducerID, resp.ProducerEpoch = overloaded.code, -1, -1
	return q.respond(resp)
}
