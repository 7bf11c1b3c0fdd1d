package models

import (
	"encoding/binary"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/stage"
)

// Service is what a server does with requests. Models call it and never learn
// what a request means.
type Service interface {
	// Handle answers one request. It runs on the thread that the model gives to
	// requests (a handler, a network thread, the connection's own) and may block
	// it. Before it returns it has called exactly one of the job's Respond,
	// RespondNothing, HangUp, or Delay.
	Handle(j *Job)
	// Classify returns the request's class from its frame, which may be
	// malformed. It runs on the thread that received the frame and must not
	// block. Isolation, quotas and histograms key on the class.
	Classify(frame []byte) stage.Class
}

// Identifier is a service whose requests carry a number that their client knows
// them by, so that the two sides' stamps of sampled requests can be joined.
type Identifier interface {
	// CorrelationID reads it from a frame, which may be malformed; false: there is
	// none. It runs on the thread that received the frame and must not block.
	CorrelationID(frame []byte) (id int32, ok bool)
}

// ClassNamer is a service whose classes have names, by which knob isolate chooses
// one.
type ClassNamer interface {
	// APIs lists the names of the classes that Classify returns; index 0 is for
	// requests of no class in particular.
	APIs() []string
}

// Refuser is a service that on-full=shed can run.
type Refuser interface {
	// Refuse answers a request for which there is no room, in a way that tells the
	// client so. It runs on the thread that received the request and must not block.
	// Before it returns it has called exactly one of the job's Respond,
	// RespondNothing and HangUp.
	Refuse(j *Job)
}

// File is an open file of which a response carries bytes.
type File interface {
	Fd() int
	// Release gives back the reference that a Region held.
	Release()
}

// Region names file bytes in a response. Whoever sends it releases its file
// exactly once, sent or not.
type Region struct {
	File        File
	OffsetBytes int64
	LengthBytes int64
}

// lengthBytes precede every frame: its length, big endian, without themselves.
const lengthBytes = 4

// Response is an answer under construction: bytes in memory with regions of
// files between them. The job's owner fills it.
type Response struct {
	// Buf collects the bytes; services append to it. Its first four bytes are the
	// frame length, which the model fills in.
	Buf          []byte
	cuts         []cut
	afterSent    func()
	mutedUntilNs int64 // when the connection may be read again, CLOCK_MONOTONIC; 0: at once
}

// cut is a region and the place in Buf that it follows.
type cut struct {
	bufEnd int
	region Region
}

func (r *Response) reset() {
	r.Buf = append(r.Buf[:0], 0, 0, 0, 0)
	r.cuts = r.cuts[:0]
	r.afterSent = nil
	r.mutedUntilNs = 0
}

// AddRegion puts file bytes after what Buf holds so far. The response owns the
// region's reference from here on. An empty region is released at once.
func (r *Response) AddRegion(region Region) {
	if region.LengthBytes == 0 {
		region.File.Release()
		return
	}
	r.cuts = append(r.cuts, cut{bufEnd: len(r.Buf), region: region})
}

// AfterSent asks for a call once the kernel has accepted the response's last
// byte; responses of a connection are called for in request order. It runs on
// the thread that reaps the request and must not block. It does not run for a
// response that was never sent, because its connection broke.
func (r *Response) AfterSent(call func()) { r.afterSent = call }

// MuteFor asks that the connection be read no further for d from now, as Kafka
// mutes the channel of a client above its quota (KIP-219). The response itself is
// sent at once; requests received before it are served. At a stop the connection
// does not wait.
func (r *Response) MuteFor(d time.Duration) { r.mutedUntilNs = clock.Now() + int64(d) }

func (r *Response) hasRegions() bool { return len(r.cuts) > 0 }

// seal writes the frame length.
func (r *Response) seal() {
	length := len(r.Buf) - lengthBytes
	for _, c := range r.cuts {
		length += int(c.region.LengthBytes)
	}
	binary.BigEndian.PutUint32(r.Buf, uint32(length))
}

// release gives back the regions from the given cut on.
func (r *Response) release(from int) {
	for i := from; i < len(r.cuts); i++ {
		r.cuts[i].region.File.Release()
	}
	clear(r.cuts)
	r.cuts = r.cuts[:0]
}

// bytesBefore returns the memory bytes that precede region i, or that end the
// response when i is the number of regions.
func (r *Response) bytesBefore(i int) []byte {
	start, end := 0, len(r.Buf)
	if i > 0 {
		start = r.cuts[i-1].bufEnd
	}
	if i < len(r.cuts) {
		end = r.cuts[i].bufEnd
	}
	return r.Buf[start:end]
}
