package osthread

// Use is what a group of threads has done since each of them started.
type Use struct {
	Threads int `json:"threads" since:"level"`
	// States counts them by their state at that instant (proc(5)): R, S, D, T, Z …
	States              map[string]int `json:"states" since:"level"`
	CPUNs               int64          `json:"cpu_ns"`
	RunQueueWaitNs      int64          `json:"run_queue_wait_ns"`
	VoluntarySwitches   int64          `json:"voluntary_switches"`
	InvoluntarySwitches int64          `json:"involuntary_switches"`
}

// RuntimeGroup is the group of the threads that are not the registry's.
const RuntimeGroup = "runtime"

// Use sums a census by group.
func (c Census) Use() map[string]Use {
	use := map[string]Use{}
	for _, e := range c.Threads {
		use[groupOf(e.Name)] = use[groupOf(e.Name)].with(e)
	}
	for _, e := range c.Runtime {
		use[RuntimeGroup] = use[RuntimeGroup].with(e)
	}
	return use
}

func (u Use) with(e Entry) Use {
	if u.States == nil {
		u.States = map[string]int{}
	}
	u.States[e.State]++
	u.Threads++
	u.CPUNs += e.CPUNs
	u.RunQueueWaitNs += e.RunQueueWaitNs
	u.VoluntarySwitches += e.VoluntarySwitches
	u.InvoluntarySwitches += e.InvoluntarySwitches
	return u
}

// listedThreads is how many threads a document lists one by one.
const listedThreads = 256

// Short leaves out the list of a group of threads that is too long to be written
// into a document; Use has its sums.
func (c Census) Short() Census {
	if len(c.Threads) > listedThreads {
		c.Threads = nil
	}
	if len(c.Runtime) > listedThreads {
		c.Runtime = nil
	}
	return c
}
