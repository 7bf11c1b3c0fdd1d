package models

import "c10klab/internal/stage"

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
