package loadgen

// protocol is the language of a target: how a request looks and what an answer
// says. Its methods are called by all sender and receiver threads at once; they
// change nothing but the frame they are given, and allocate nothing except in
// newFrame.
type protocol interface {
	// api names the requests in histograms.
	api() string
	// newFrame returns a whole frame, length included, with all that requests
	// have in common.
	newFrame() []byte
	// stamp turns a frame into one connection's request.
	stamp(frame []byte, connection int, id int32, dueNs int64)
	// parse reads the payload of an answer on a connection; an error means that the
	// target does not speak the protocol.
	parse(connection int, payload []byte) (answer, error)
	// maxAnswerBytes is the largest payload that an answer may have.
	maxAnswerBytes() int
	// answers reports whether requests are answered at all.
	answers() bool
	// batch is the size of the record batch that a request carries; zeros: none.
	batch() (bytes, records int)
}

// answer is what a target said to one request.
type answer struct {
	id        int32 // correlation id
	errorCode int16 // Kafka's; 0: none
}
