package models

// reactorPool accepts and moves bytes on one thread and handles requests on C2
// handler threads.
var reactorPool = Model{
	Name:    "reactor-pool",
	Accepts: "1 thread", NetworkIO: "on the accepting thread", Computes: "C2 threads",
	Hides: "a wait behind the loop's other connections in SocketQueue and ResponseQueue; a wait of a woken handler for a CPU in RequestQueue",
	threads: func(c Config, _ int) map[string]int {
		return map[string]int{"net": 1, "io": c.Handlers}
	},
	fits: func(Config) error { return nil },
	start: func(e *env, l *listener) (running, error) {
		m, err := startLoops(e, 1, true)
		if err != nil {
			return nil, err
		}
		return m.serveOnListener(l)
	},
}
