package broker

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"c10klab/models"
	"c10klab/storage"
)

// leastFetchPartitionBytes: index, offset and size limit in version 4.
const leastFetchPartitionBytes = 4 + 8 + 4

// fetch is one Fetch request under way. From decoding on only complete changes
// it, and only fields that satisfied does not read.
type fetch struct {
	byTopic[fetchPartition]
	log       *Log
	request   *request
	wait      time.Duration
	minBytes  int
	maxBytes  int
	sessionID int32
	hasError  bool             // some partition has an error to tell at once
	logs      []*storage.Log   // of all partitions that have one
	regions   []storage.Region // of all partitions' records, in order

	// Memory for the usual small request. A fetch that waited is not used again,
	// since the purgatory may still know it, and should cost one allocation.
	topicsInline     [1]topicSpan
	partitionsInline [4]fetchPartition
	logsInline       [4]*storage.Log
	regionsInline    [4]storage.Region
}

func newFetch() *fetch {
	f := new(fetch)
	f.topics, f.partitions, f.logs = f.topicsInline[:0], f.partitionsInline[:0], f.logsInline[:0]
	f.regions = f.regionsInline[:0]
	return f
}

type fetchPartition struct {
	index    int32
	epoch    int32
	offset   int64
	maxBytes int
	log      *storage.Log

	code          int16
	highWatermark int64 // −1 on an error, as is logStart
	logStart      int64
	recordBytes   int
	regions       int // of fetch.regions, the next that are this partition's
}

// fetch answers with what is there if that is enough, otherwise it waits for
// more: Kafka's ReplicaManager.fetchMessages and DelayedFetch. Transactions do
// not exist here, so both isolation levels read up to the high watermark.
func (l *Log) fetch(q *request) error {
	f := l.fetches.Get().(*fetch)
	f.log, f.request = l, q
	if err := f.read(&q.in); err != nil {
		f.recycle()
		return err
	}
	if q.refused.code != 0 {
		for i := range f.partitions {
			f.partitions[i].code = q.refused.code
		}
		f.respond(0, q.refused.code, true)
	} else if f.findLogs(); f.wait <= 0 || f.hasError || len(f.partitions) == 0 {
		f.complete()
	} else if !l.delayed.completeOrWatch(f, f.wait, f.logs) {
		return nil
	}
	f.recycle()
	return nil
}

func (f *fetch) read(r *reader) error {
	r.Int32() // replica id: there are no followers
	f.wait = time.Duration(r.Int32()) * time.Millisecond
	f.minBytes = int(r.Int32())
	f.maxBytes = f.log.quota.capFetch(min(int(r.Int32()), f.log.config.FetchMaxBytes))
	r.Int8() // isolation level
	if r.version >= 7 {
		f.sessionID = r.Int32()
		r.Int32() // session epoch
	}
	f.byTopic.read(r, leastFetchPartitionBytes, readFetchPartition)
	if most := f.log.config.PartitionMaxBytes; most > 0 {
		for i := range f.partitions {
			f.partitions[i].maxBytes = min(f.partitions[i].maxBytes, most)
		}
	}
	// What follows, forgotten topics of a session and a rack, is of no use here.
	return r.err()
}

func readFetchPartition(r *reader, p *fetchPartition) {
	p.index = r.Int32()
	p.epoch, p.highWatermark, p.logStart = -1, -1, -1
	if r.version >= 9 {
		p.epoch = r.Int32()
	}
	p.offset = r.Int64()
	if r.version >= 12 {
		r.Int32() // last fetched epoch: logs do not diverge
	}
	if r.version >= 5 {
		r.Int64() // a follower's log start
	}
	p.maxBytes = int(r.Int32())
}

// findLogs resolves names and finds the errors that need no wait. As in Kafka the range ends
// at the log end: a reader may have seen an append before the high watermark tells of it.
func (f *fetch) findLogs() {
	f.hasError = f.sessionID != 0
	f.logs = slices.Grow(f.logs, len(f.partitions))
	f.each(func(topic string, p *fetchPartition) {
		log, err := f.log.store.Log(topic, p.index)
		switch {
		case err != nil:
			p.code = refusalOf(err).code
		case p.epoch > leaderEpoch:
			p.code = kerr.UnknownLeaderEpoch.Code
		case p.offset < log.StartOffset() || p.offset > log.EndOffset():
			p.code = kerr.OffsetOutOfRange.Code
		}
		if p.code != 0 {
			f.hasError = true
			return
		}
		p.log = log
		f.logs = append(f.logs, log)
	})
}

// satisfied reports whether min bytes are there, or an error to tell.
func (f *fetch) satisfied() bool {
	if f.minBytes <= 0 {
		return true
	}
	available := 0
	for i := range f.partitions {
		p := &f.partitions[i]
		if p.log.Deleted() {
			return true
		}
		if p.log.HighWatermark() <= p.offset {
			continue
		}
		if f.minBytes == 1 {
			return true
		}
		records, err := p.log.Read(p.offset, min(p.maxBytes, f.maxBytes), true)
		if err != nil {
			return true
		}
		available += records.LengthBytes
		records.Release()
	}
	return available >= f.minBytes
}

func (f *fetch) abandoned() bool { return f.request.Abandoned() }
func (f *fetch) delay()          { f.request.Delay() }

// complete answers with what is there now. Nothing of the frame may be used
// after it.
func (f *fetch) complete() {
	if f.request.Abandoned() {
		f.request.RespondNothing()
		return
	}
	sessionError, recordBytes := int16(0), 0
	if f.sessionID == 0 {
		recordBytes = f.readAll()
	} else { // none was ever given
		sessionError = kerr.FetchSessionIDNotFound.Code
	}
	throttle := f.log.quota.take(f.request.Connection(), recordBytes)
	if throttle == 0 {
		f.respond(0, sessionError, f.sessionID == 0)
		return
	}
	// No records, the time to wait, and a connection that is muted for as long
	// (KIP-219, FetchRequest's throttled response in KafkaApis).
	for _, r := range f.regions {
		r.File.Release()
	}
	f.request.muteFor(throttle)
	f.respond(throttle, 0, false)
}

// readAll looks the records up within the limits and returns their size. As in Kafka the
// first batch found may break them, or a consumer with small limits would stand still.
func (f *fetch) readAll() (recordBytes int) {
	for i := range f.partitions {
		p := &f.partitions[i]
		if p.code != 0 {
			continue
		}
		f.readPartition(p, min(p.maxBytes, max(0, f.maxBytes-recordBytes)), recordBytes == 0)
		recordBytes += p.recordBytes
	}
	return recordBytes
}

func (f *fetch) readPartition(p *fetchPartition, maxBytes int, minOneBatch bool) {
	highWatermark, logStart := p.log.HighWatermark(), p.log.StartOffset()
	records, err := p.log.Read(p.offset, maxBytes, minOneBatch)
	if err != nil {
		p.code = refusalOf(err).code
		return
	}
	p.highWatermark, p.logStart = highWatermark, logStart
	before := len(f.regions)
	f.regions = records.AppendRegions(f.regions)
	p.regions = len(f.regions) - before
	for _, r := range f.regions[before:] {
		p.recordBytes += r.LengthBytes
	}
}

// respond writes a FetchResponse of version 4 to 12. It is written by hand
// because the records are not bytes in memory: each partition's lie in a file,
// and the response only names them.
//
//	throttle ms int32 · [7+: error int16 · session id int32] · topics:
//	    name · partitions:
//	        index int32 · error int16 · high watermark int64 · last stable offset int64 ·
//	        [5+: log start int64] · aborted transactions · [11+: preferred replica int32] ·
//	        size of records · RECORDS · [12: tags]
//	    [12: tags]
//	[12: tags]
//
// The session id is always 0, which tells clients to keep sending full requests
// (KIP-227).
func (f *fetch) respond(throttle time.Duration, code int16, topics bool) {
	w := f.request.out()
	w.int32(int32(throttle.Milliseconds()))
	if w.version >= 7 {
		w.int16(code)
		w.int32(0) // session id
	}
	if topics {
		f.writeTopics(w)
	} else {
		w.length(0)
	}
	w.tags()
	f.request.Respond()
}

func (f *fetch) writeTopics(w writer) {
	regions := f.regions
	f.write(w, func(w writer, p *fetchPartition) {
		p.writeHead(w)
		f.log.fetchedBytes.Add(int64(p.recordBytes))
		for _, r := range regions[:p.regions] {
			// The response takes over the reference.
			f.request.addRegion(models.Region{File: r.File, OffsetBytes: r.OffsetBytes, LengthBytes: int64(r.LengthBytes)})
		}
		regions = regions[p.regions:]
	})
}

// writeHead writes what precedes a partition's records, their size included.
func (p *fetchPartition) writeHead(w writer) {
	w.int32(p.index)
	w.int16(p.code)
	w.int64(p.highWatermark)
	w.int64(p.highWatermark) // last stable offset
	if w.version >= 5 {
		w.int64(p.logStart)
	}
	w.length(-1) // aborted transactions
	if w.version >= 11 {
		w.int32(-1) // preferred read replica
	}
	w.length(p.recordBytes)
}

// recycle gives the memory back; no other thread has seen f.
func (f *fetch) recycle() {
	f.reset()
	clear(f.logs)
	clear(f.regions)
	l := f.log
	f.log, f.request, f.logs, f.regions = nil, nil, f.logs[:0], f.regions[:0]
	f.wait, f.minBytes, f.maxBytes, f.sessionID, f.hasError = 0, 0, 0, 0, false
	l.fetches.Put(f)
}
