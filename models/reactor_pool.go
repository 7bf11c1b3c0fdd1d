package models

// reactorPool accepts and moves bytes on one thread and handles requests on C2
// handler threads.
var reactorPool = Model{
	Name:    "reactor-pool",
	Accepts: "net-0", Reads: "net-0", Handles: "io-N", Writes: "net-0",
	Hides:   "a wait behind the loop's other connections in SocketQueue and ResponseQueue; a wait of a woken handler for a CPU in RequestQueue",
	threads: []threadGroup{{"net", oneThread}, {sharedHandlers, perHandler}},
	start:   func(e *env, l *listener) (running, error) { return startReactor(e, l, true) },
}
