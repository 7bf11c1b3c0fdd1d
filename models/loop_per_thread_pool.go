package models

// loopPerThreadPool is Kafka's SocketServer: an acceptor, processors (network threads),
// handlers, and the queues between them.
var loopPerThreadPool = Model{
	Name:    "loop-per-thread-pool",
	Accepts: "acceptor", Reads: "net-N", Handles: "io-N", Writes: "net-N",
	Hides:   "a wait behind the loop's other connections in SocketQueue and ResponseQueue; a wait of a woken handler for a CPU in RequestQueue",
	threads: []threadGroup{{"acceptor", oneThread}, {"net", perLoop}, {sharedHandlers, perHandler}},
	start:   func(e *env, l *listener) (running, error) { return startLoops(e, l, e.config.Loops, true) },
}
