// Package broker holds the services that models run: the log, which speaks the
// Kafka protocol over storage; echo; and a synthetic cost.
package broker

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/internal/clock"
	"c10klab/internal/kafka"
	"c10klab/internal/stage"
	"c10klab/models"
	"c10klab/storage"
)

// Log is a single Kafka broker (node 0, leader of every partition, the only
// replica) over one store: Kafka's KafkaApis and ReplicaManager. There are no
// consumer groups and no transactions.
//
// Handle and Classify may be called from any number of threads. Handle may block
// on files. Produce and Fetch allocate nothing per record or byte.
type Log struct {
	store   *storage.Store
	config  LogConfig
	delayed *purgatory
	quota   *readQuota

	apis    []api // by class less one
	classes [kmsg.MaxKey + 1]stage.Class

	produces sync.Pool // *produce
	fetches  sync.Pool // *fetch

	advertised     atomic.Pointer[endpoint]
	lastProducerID atomic.Int64
	appendedBytes  atomic.Int64
	fetchedBytes   atomic.Int64
}

var _ models.Service = (*Log)(nil)

// NewLog starts the service over a store, which stays the caller's to close
// after the service.
func NewLog(store *storage.Store, config LogConfig) *Log {
	l := newLog(store, config, clock.Now)
	go l.delayed.run()
	return l
}

// newLog makes a service whose delayed requests do not expire by themselves.
func newLog(store *storage.Store, config LogConfig, now func() int64) *Log {
	l := &Log{store: store, config: config, delayed: newPurgatory(now), apis: servedAPIs()}
	l.quota = newReadQuota(config.ReadQuotaBytes, config.TotalReadQuotaBytes, now)
	for i, a := range l.apis {
		l.classes[a.key] = stage.Class(i + 1)
	}
	l.produces.New = func() any { return new(produce) }
	l.fetches.New = func() any { return newFetch() }
	l.Advertise("localhost", 0)
	// Ids of earlier runs are in the log, so a run starts above them.
	l.lastProducerID.Store(time.Now().UnixMilli() << 10)
	return l
}

// Close answers all delayed requests at once, with what there is, and lets later
// ones wait no more. Models stop after it, so that every accepted request gets
// its answer.
func (l *Log) Close() { l.delayed.close() }

// endpoint is where clients are told to connect.
type endpoint struct {
	host string
	port int32
}

// Advertise sets where clients are told to connect (Kafka's
// advertised.listeners). It is called once the listener's port is known and
// before that is told to anyone.
func (l *Log) Advertise(host string, port int32) { l.advertised.Store(&endpoint{host, port}) }

// Handle answers one request; see models.Service.
func (l *Log) Handle(j *models.Job) { l.answer(jobExchange{j}, refusal{}) }

// Classify names the request's API; see APIs.
func (l *Log) Classify(frame []byte) stage.Class {
	key, ok := kafka.PeekKey(frame)
	if !ok {
		return 0
	}
	return l.classOf(key)
}

// CorrelationID is that of the request's header.
func (l *Log) CorrelationID(frame []byte) (int32, bool) { return kafka.PeekCorrelationID(frame) }

// APIs lists the names of the classes; index 0 is "other".
func (l *Log) APIs() []string {
	names := []string{"other"}
	for _, a := range l.apis {
		names = append(names, a.key.Name())
	}
	return names
}

// Count enters what the service counts since its start, by the names that are declared
// in internal/measure.
func (l *Log) Count(add func(name string, n int64)) {
	add("appended_bytes", l.appendedBytes.Load())
	add("fetched_bytes", l.fetchedBytes.Load())
	add("throttled_fetches", l.quota.throttled.Load())
}

// exchange is a request and the way to answer it, with the rights and duties of
// a models.Job.
type exchange interface {
	Frame() []byte
	Respond()
	RespondNothing()
	HangUp(reason error)
	Delay()
	Abandoned() bool
	Connection() int
	muteFor(time.Duration) // read no further request of the connection meanwhile
	body() *[]byte         // the response's bytes, to append to
	addRegion(models.Region)
}

type jobExchange struct{ *models.Job }

func (e jobExchange) body() *[]byte             { return &e.Response().Buf }
func (e jobExchange) muteFor(d time.Duration)   { e.Response().MuteFor(d) }
func (e jobExchange) addRegion(r models.Region) { e.Response().AddRegion(r) }
