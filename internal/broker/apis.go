package broker

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/internal/kafka"
	"c10klab/internal/stage"
)

// api is one Kafka API that the log serves.
type api struct {
	key      kmsg.Key
	min, max int16 // versions served
	// advertisedMin is what ApiVersions says. It differs from min for Produce only:
	// librdkafka compresses only for brokers that name version 0, so Kafka 4, which
	// starts at 3 too, also names it (KAFKA-18659).
	advertisedMin int16
	flexibleFrom  int16 // first version with compact fields and tags
	// serve answers a request, or sees to it that it will be answered. On an error
	// it has done neither, and nothing else. One that is refused it answers with that
	// error, does nothing else, and does not block.
	serve func(*Log, *request) error
}

// servedAPIs lists the APIs in the order of their classes; class 0 is "other".
// Produce and Fetch stop at 12 because later versions name topics by id only.
func servedAPIs() []api {
	return []api{
		{kmsg.Produce, 3, 12, 0, 9, (*Log).produce},
		{kmsg.Fetch, 4, 12, 4, 12, (*Log).fetch},
		{kmsg.ListOffsets, 1, 9, 1, 6, (*Log).listOffsets},
		{kmsg.Metadata, 0, 12, 0, 9, (*Log).metadata},
		{kmsg.FindCoordinator, 0, 4, 0, 3, (*Log).findCoordinator},
		{kmsg.Heartbeat, 0, 4, 0, 4, (*Log).heartbeat},
		{kmsg.ApiVersions, 0, 4, 0, 3, (*Log).apiVersions},
		{kmsg.CreateTopics, 0, 7, 0, 5, (*Log).createTopics},
		{kmsg.InitProducerID, 0, 4, 0, 2, (*Log).initProducerID},
		{kmsg.DeleteRecords, 0, 2, 0, 2, (*Log).deleteRecords},
		{kmsg.DeleteTopics, 0, 6, 0, 4, (*Log).deleteTopics},
		{kmsg.DescribeConfigs, 0, 4, 0, 4, (*Log).describeConfigsOf},
		{kmsg.DescribeCluster, 0, 1, 0, 0, (*Log).describeCluster},
		{kmsg.OffsetForLeaderEpoch, 0, 4, 0, 4, (*Log).offsetForLeaderEpoch},
	}
}

type request struct {
	exchange
	kafka.RequestHeader
	in      reader
	refused refusal // what it is answered with; code 0: it is served
}

// out starts the response and returns what writes its body.
func (q *request) out() writer {
	w := writer{buf: q.body(), version: q.Version, flexible: q.in.flexible}
	*w.buf = kafka.AppendResponseHeader(*w.buf, q.Key, q.Version, q.CorrelationID)
	return w
}

// respond answers with a message in the request's version.
func (q *request) respond(resp kmsg.Response) error {
	resp.SetVersion(q.Version)
	w := q.out()
	*w.buf = resp.AppendTo(*w.buf)
	q.Respond()
	return nil
}

// answer answers one request, with refused where that is one. As with Kafka, a header or
// body that cannot be read, an unknown API and an unknown version close the connection,
// but for ApiVersions, which a client asks in whatever version it has. What Kafka serves
// and this broker does not has an answer that says so.
func (l *Log) answer(e exchange, refused refusal) {
	header, body, err := kafka.ParseRequestHeader(e.Frame())
	// What an unknown API or version has of a header was read.
	if _, unsupported := errors.AsType[*kafka.UnsupportedError](err); err != nil && !unsupported {
		e.HangUp(err)
		return
	}
	class := l.classOf(header.Key)
	q := &request{exchange: e, RequestHeader: header, refused: refused}
	q.in = reader{Reader: kbin.Reader{Src: body}, version: header.Version}
	if class == 0 {
		if err == nil {
			err = refuseAPI(q)
		}
		if err != nil {
			e.HangUp(fmt.Errorf("API key %d (version %d) is not served: %w", header.Key, header.Version, err))
		}
		return
	}
	a := &l.apis[class-1]
	if header.Version < a.min || header.Version > a.max {
		l.refuseVersion(e, a, header)
		return
	}
	q.in.flexible = header.Version >= a.flexibleFrom
	if err := a.serve(l, q); err != nil {
		e.HangUp(fmt.Errorf("%s version %d: %w", a.key.Name(), header.Version, err))
	}
}

// classOf is 0 for an API that is not served.
func (l *Log) classOf(key int16) stage.Class {
	if key < 0 || int(key) >= len(l.classes) {
		return 0
	}
	return l.classes[key]
}

func (l *Log) refuseVersion(e exchange, a *api, header kafka.RequestHeader) {
	if a.key != kmsg.ApiVersions {
		e.HangUp(fmt.Errorf("%s version %d is not served: %d to %d are", a.key.Name(), header.Version, a.min, a.max))
		return
	}
	// KIP-511: version 0 of the response, with the range to ask in.
	q := &request{exchange: e, RequestHeader: header}
	q.Version = 0
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.ErrorCode = kerr.UnsupportedVersion.Code
	resp.ApiKeys = []kmsg.ApiVersionsResponseApiKey{a.advertised()}
	_ = q.respond(resp)
}

func (a *api) advertised() kmsg.ApiVersionsResponseApiKey {
	k := kmsg.NewApiVersionsResponseApiKey()
	k.ApiKey, k.MinVersion, k.MaxVersion = a.key.Int16(), a.advertisedMin, a.max
	return k
}

// apiVersions tells what is served. The client's name and version in the request
// are of no use here and not read.
func (l *Log) apiVersions(q *request) error {
	resp := kmsg.NewPtrApiVersionsResponse()
	if resp.ErrorCode = q.refused.code; resp.ErrorCode == 0 {
		for i := range l.apis {
			resp.ApiKeys = append(resp.ApiKeys, l.apis[i].advertised())
		}
	}
	return q.respond(resp)
}
