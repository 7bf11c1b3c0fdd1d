package models

// reactor does everything on one thread.
var reactor = Model{
	Name:    "reactor",
	Accepts: "net-0", Reads: "net-0", Handles: "net-0", Writes: "net-0",
	Hides:   "a wait behind the loop's other connections: in SocketQueue before the request is read, in ResponseQueue until the turn's responses are sent",
	threads: []threadGroup{{"net", oneThread}},
	fits:    withoutHandlerThreads,
	start:   func(e *env, l *listener) (running, error) { return startReactor(e, l, false) },
}
