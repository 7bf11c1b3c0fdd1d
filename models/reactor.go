package models

// reactor does everything on one thread.
var reactor = Model{
	Name:    "reactor",
	Accepts: "1 thread", NetworkIO: "on the accepting thread", Computes: "on the accepting thread",
	Hides:   "a wait behind the loop's other connections: in SocketQueue before the request is read, in ResponseQueue until the turn's responses are sent",
	threads: func(Config, int) map[string]int { return map[string]int{"net": 1} },
	fits:    withoutHandlerThreads,
	start: func(e *env, l *listener) (running, error) {
		m, err := startLoops(e, 1, false)
		if err != nil {
			return nil, err
		}
		return m.serveOnListener(l)
	},
}
