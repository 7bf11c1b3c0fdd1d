package broker

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"c10klab/models"
)

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
func (f *fetch) respond() {
	w := f.request.fetchHead(0, f.sessionError())
	if f.sessionID != 0 {
		w.length(0)
	} else {
		f.writeTopics(w)
	}
	w.tags()
	f.request.Respond()
}

// fetchHead starts a FetchResponse and writes what precedes its topics.
func (q *request) fetchHead(throttle time.Duration, code int16) writer {
	w := q.out()
	w.int32(int32(throttle.Milliseconds()))
	if w.version >= 7 {
		w.int16(code)
		w.int32(0) // session id
	}
	return w
}

// throttle answers with no records and the time to wait, and mutes the connection
// for as long (KIP-219, FetchRequest's throttled response in KafkaApis).
func (f *fetch) throttle(d time.Duration) {
	for _, r := range f.regions {
		r.File.Release()
	}
	w := f.request.fetchHead(d, 0)
	w.length(0)
	w.tags()
	f.request.muteFor(d)
	f.request.Respond()
}

// sessionError refuses requests that build on a session: none was ever given.
func (f *fetch) sessionError() int16 {
	if f.sessionID != 0 {
		return kerr.FetchSessionIDNotFound.Code
	}
	return 0
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
	highWatermark, logStart := p.highWatermark, p.logStart
	if p.code != 0 {
		highWatermark, logStart = -1, -1
	}
	w.int32(p.index)
	w.int16(p.code)
	w.int64(highWatermark)
	w.int64(highWatermark) // last stable offset
	if w.version >= 5 {
		w.int64(logStart)
	}
	w.length(-1) // aborted transactions
	if w.version >= 11 {
		w.int32(-1) // preferred read replica
	}
	w.length(p.recordBytes)
}
