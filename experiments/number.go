package experiments

import (
	"c10klab/internal/record"
)

// Number is a number of a trial that comes from no histogram.
type Number struct {
	Name    string
	Meaning string
	// Of reads it from a trial with a measurement; false: the trial has none.
	Of func(record.Trial) (float64, bool)
}

// Numbers lists them.
var Numbers = append([]Number{
	{"rate_mb_s", "acknowledged record batches, 10⁶ bytes a second", func(t record.Trial) (float64, bool) {
		return t.Measurement.AckedMBps, true
	}},
	{"rate_held", "acknowledged share of the offered rate", func(t record.Trial) (float64, bool) {
		return over(t.Measurement.AckedMBps, t.Measurement.OfferedMBps)
	}},
	{"fetched_mb_s", "record batches fetched by all consumers, 10⁶ bytes a second", func(t record.Trial) (float64, bool) {
		return t.Measurement.FetchedMBps, true
	}},
	{"tail_mb_s", "record batches fetched by tail consumers", func(t record.Trial) (float64, bool) {
		return t.Measurement.TailMBps, true
	}},
	{"lagging_mb_s", "record batches fetched by lagging consumers", func(t record.Trial) (float64, bool) {
		return t.Measurement.LaggingMBps, true
	}},
	{"requests_per_s", "answered requests of all kinds", func(t record.Trial) (float64, bool) {
		return t.Measurement.RequestsPerSec, true
	}},
	{"server_cpu_us_per_request", "processor time of the server for each answered request", func(t record.Trial) (float64, bool) {
		m := t.Measurement
		if m.Broker().Process == nil {
			return 0, false
		}
		return over(float64(m.Broker().Process.CPUNs)/1e3, m.ServerRequests(m.Broker()))
	}},
	{"server_cpu_ns_per_byte", "processor time of the server for each byte appended or fetched", func(t record.Trial) (float64, bool) {
		m := t.Measurement
		if m.Broker().Process == nil {
			return 0, false
		}
		return over(float64(m.Broker().Process.CPUNs), m.ServerBytes(m.Broker()))
	}},
	{"server_switches_per_s", "voluntary context switches of the server", func(t record.Trial) (float64, bool) {
		m := t.Measurement
		if m.Broker().Process == nil {
			return 0, false
		}
		return over(float64(m.Broker().Process.VoluntarySwitches), m.ServerSeconds(m.Broker()))
	}},
	{"server_switches_per_request", "voluntary context switches of the server for each answered request", func(t record.Trial) (float64, bool) {
		voluntary, _, known := t.Measurement.SwitchesPerRequest(t.Measurement.Broker())
		return voluntary, known
	}},
	{"server_preemptions_per_request", "involuntary context switches of the server for each answered request", func(t record.Trial) (float64, bool) {
		_, involuntary, known := t.Measurement.SwitchesPerRequest(t.Measurement.Broker())
		return involuntary, known
	}},
	{"server_run_queue_us_per_request", "time that the server's threads waited for a CPU for each request that it answered, from before the warm-up on", func(t record.Trial) (float64, bool) {
		ns, known := t.Measurement.Broker().RunQueueWaitNs()
		return ns / 1e3, known
	}},
	{"server_threads_running", "threads of the server on a CPU, mean from before the warm-up on", ofThreads(func(s record.ThreadStates) float64 { return s.Running })},
	{"server_threads_waiting", "threads of the server waiting for a CPU, mean", ofThreads(func(s record.ThreadStates) float64 { return s.Waiting })},
	{"server_threads_asleep", "threads of the server asleep, mean", ofThreads(func(s record.ThreadStates) float64 { return s.Asleep })},
	{"server_kb_per_connection", "resident memory of the server for each connection, recorders subtracted, in KiB", ofConnections(func(c *record.Connections) float64 { return c.ServerBytes })},
	{"generator_kb_per_connection", "resident memory of the load generator for each connection, in KiB", ofConnections(func(c *record.Connections) float64 { return c.GeneratorBytes })},
	{"kernel_kb_per_connection", "kernel memory of the machine for each connection, both ends and the stacks of threads, in KiB", ofConnections(func(c *record.Connections) float64 { return c.KernelBytes })},
	{"availability", "share of the requests due that were answered within 1 s without an error", func(t record.Trial) (float64, bool) {
		return t.Measurement.Availability.Share()
	}},
	{"io_ratio", "share of the window in I/O after the poll, sendfile included, of the network thread with the most (Kafka's io-ratio)", func(t record.Trial) (float64, bool) {
		return ofLoops(t, func(l record.LoopTimes) int64 { return l.IONs })
	}},
	{"io_wait_ratio", "share of the window in the poll, of the network thread with the most (Kafka's io-wait-ratio)", func(t record.Trial) (float64, bool) {
		return ofLoops(t, func(l record.LoopTimes) int64 { return l.IOWaitNs })
	}},
	{"disk_util", "share of the window with a request under way, of the busiest emulated disk", ofDisks(func(w record.DiskWindow) record.Mean { return w.Util })},
	{"disk_in_flight", "requests that the busiest emulated disk has in flight, mean", ofDisks(func(w record.DiskWindow) record.Mean { return w.InFlight })},
	{"disk_read_await_ms", "time that a read waits for the slowest emulated disk, mean", ofDisks(func(w record.DiskWindow) record.Mean { return w.ReadAwaitMs })},
	{"disk_write_await_ms", "time that a write waits for the slowest emulated disk, mean", ofDisks(func(w record.DiskWindow) record.Mean { return w.WriteAwaitMs })},
	{"disk_reads_per_mb", "reads of the emulated disks for each 10⁶ bytes of record batches fetched by all consumers", diskReadsPerMB},
	{"spikes_at_roll", "share of the slowest thousandth of appends within 10 ms of a segment's roll, beyond chance (0: no more often than anywhere, 1: all)", spikesAt(eventsOf(record.EventRoll))},
	{"spikes_at_index_flush", "the same, of an index file being written", spikesAt(eventsOf(record.EventIndexFlush))},
	{"spikes_at_fsync", "the same, of a file being forced to the device", spikesAt(eventsOf(record.EventFsync))},
	{"spikes_at_write_back", "the same, of the kernel writing dirty pages, by 100 ms samples", spikesAt(samplesWith(writingBack))},
	{"spikes_at_dirty_throttle", "the same, of more dirty pages than writers need not wait for, by 100 ms samples", spikesAt(samplesWith(dirtyBeyondHalfway))},
}, serverNumbers...)

// ofThreads reads a mean number of server threads.
func ofThreads(part func(record.ThreadStates) float64) func(record.Trial) (float64, bool) {
	return func(t record.Trial) (float64, bool) {
		states, known := t.Measurement.Broker().ThreadStates()
		return part(states), known
	}
}

// ofConnections reads bytes of a connection as KiB.
func ofConnections(part func(*record.Connections) float64) func(record.Trial) (float64, bool) {
	return func(t record.Trial) (float64, bool) {
		c := t.Measurement.Connections
		if c == nil {
			return 0, false
		}
		return part(c) / 1024, true
	}
}

// ofLoops is the highest of the network threads' shares of their time.
func ofLoops(t record.Trial, part func(record.LoopTimes) int64) (highest float64, found bool) {
	for _, l := range t.Measurement.Broker().LoopTimes {
		if share, known := over(float64(part(l)), float64(l.WallNs)); known {
			highest, found = max(highest, share), true
		}
	}
	return highest, found
}

// diskReadsPerMB counts over the samples of the window. Older records lack the counts.
func diskReadsPerMB(t record.Trial) (float64, bool) {
	var reads int64
	for _, w := range t.DiskWindows {
		reads += w.Reads
	}
	m := t.Measurement
	ratio, fetched := over(float64(reads), m.FetchedMBps*float64(m.WindowNs)/1e9)
	return ratio, fetched && reads > 0
}

// ofDisks is the highest of the disks' means over the window.
func ofDisks(mean func(record.DiskWindow) record.Mean) func(record.Trial) (float64, bool) {
	return func(t record.Trial) (highest float64, found bool) {
		for _, w := range t.DiskWindows {
			m := mean(w)
			if value, exists := over(m.Sum, float64(m.N)); exists && (!found || value > highest) {
				highest, found = value, true
			}
		}
		return highest, found
	}
}

// over is a ratio, unless there is nothing to divide by.
func over(value, by float64) (float64, bool) {
	if by == 0 {
		return 0, false
	}
	return value / by, true
}
