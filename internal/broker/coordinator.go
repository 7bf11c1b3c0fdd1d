package broker

import (
	"cmp"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// There are neither consumer groups nor transactions, and the APIs about them say so, with
// errors that no client retries. ApiVersions names FindCoordinator and Heartbeat all the
// same because librdkafka uses lz4 only with brokers that have the former, and because the
// latter is the smallest request that every Kafka broker answers.

const transactionCoordinator = 1 // FindCoordinator's key type

// findCoordinator knows no coordinator for any key.
func (l *Log) findCoordinator(q *request) error {
	keys, kind := readCoordinatorKeys(&q.in)
	if err := q.in.err(); err != nil {
		return err
	}
	r := q.refused
	switch {
	case r.code != 0:
	case kind == transactionCoordinator:
		r = noTransactions
	default:
		r = noGroups
	}
	resp := kmsg.NewPtrFindCoordinatorResponse()
	resp.ErrorCode, resp.ErrorMessage, resp.NodeID, resp.Port = r.code, &r.message, -1, -1
	for _, key := range keys {
		c := kmsg.NewFindCoordinatorResponseCoordinator()
		c.Key, c.NodeID, c.Port, c.ErrorCode, c.ErrorMessage = key, -1, -1, r.code, &r.message
		resp.Coordinators = append(resp.Coordinators, c)
	}
	return q.respond(resp)
}

func readCoordinatorKeys(r *reader) (keys []string, kind int8) {
	if r.version < 4 {
		keys = append(keys, r.text())
	}
	if r.version >= 1 {
		kind = r.Int8()
	}
	if r.version >= 4 {
		for range r.array(1) {
			keys = append(keys, r.text())
			if !r.Ok() {
				break
			}
		}
	}
	r.tags()
	return keys, kind
}

// heartbeat answers a member of a group that cannot be.
func (l *Log) heartbeat(q *request) error {
	q.in.text()  // group
	q.in.Int32() // generation
	q.in.text()  // member
	if q.Version >= 3 {
		q.in.nullableText() // instance
	}
	q.in.tags()
	if err := q.in.err(); err != nil {
		return err
	}
	resp := kmsg.NewPtrHeartbeatResponse()
	resp.ErrorCode = cmp.Or(q.refused.code, noGroups.code)
	return q.respond(resp)
}

// initProducerID gives every idempotent producer an id of its own.
func (l *Log) initProducerID(q *request) error {
	_, transactional := q.in.nullableText()
	q.in.Int32() // transaction timeout
	if q.Version >= 3 {
		q.in.Int64() // the id and
		q.in.Int16() // epoch so far: meant for transactional producers
	}
	q.in.tags()
	if err := q.in.err(); err != nil {
		return err
	}
	resp := kmsg.NewPtrInitProducerIDResponse()
	switch resp.ErrorCode = q.refused.code; {
	case resp.ErrorCode != 0:
	case transactional:
		resp.ErrorCode = noTransactions.code
	default:
		resp.ProducerID, resp.ProducerEpoch = l.lastProducerID.Add(1), 0
	}
	return q.respond(resp)
}
