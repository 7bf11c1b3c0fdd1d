package models

// loopPerThread spreads connections over C1 network threads, each of which
// handles its connections' requests itself.
var loopPerThread = Model{
	Name:    "loop-per-thread",
	Accepts: "1 thread", NetworkIO: "C1 threads", Computes: "on the network thread",
	Hides: "a wait behind the loop's other connections: in SocketQueue before the request is read, in ResponseQueue until the turn's responses are sent",
	threads: func(c Config, _ int) map[string]int {
		return map[string]int{"acceptor": 1, "net": c.Loops}
	},
	fits: withoutHandlerThreads,
	start: func(e *env, l *listener) (running, error) {
		m, err := startLoops(e, e.config.Loops, false)
		if err != nil {
			return nil, err
		}
		return m.serve(l)
	},
}
