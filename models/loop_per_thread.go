package models

// loopPerThread spreads connections over C1 network threads, each of which
// handles its connections' requests itself.
var loopPerThread = Model{
	Name:    "loop-per-thread",
	Accepts: "acceptor", Reads: "net-N", Handles: "net-N", Writes: "net-N",
	Hides:   "a wait behind the loop's other connections: in SocketQueue before the request is read, in ResponseQueue until the turn's responses are sent",
	threads: []threadGroup{{"acceptor", oneThread}, {"net", perLoop}},
	fits:    withoutHandlerThreads,
	start:   func(e *env, l *listener) (running, error) { return startLoops(e, l, e.config.Loops, false) },
}
