package measure

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"c10klab/internal/record"
)

// Number is one value of a trial that comes from no histogram.
type Number struct {
	Name    string
	Unit    string // 1: a ratio
	Meaning string
	Clock   Clock
	Kafka   string // the name of the same thing in Kafka's metrics; empty: it has none
	In      View
	// Heading is above its column of a table, under Group with its neighbours of the same
	// group; empty: Group, or the name.
	Heading, Group string
	// Along is the knob whose sweeps show it, under Title.
	Along, Title string
	// Of reads it from a trial; false: the trial has none. Packed evidence has its value, and
	// not all that it was computed from.
	Of func(*record.Trial) (float64, bool)
	// Together is the value of several trials; nil: their median.
	Together func([]*record.Trial) (float64, bool)
}

var numbers []*Number

// number declares a number of a trial's measurement; Of is not asked without one.
func number(n Number, of func(*record.Measurement) (float64, bool)) *Number {
	return ofTrial(n, func(t *record.Trial) (float64, bool) { return of(t.Measurement) })
}

// fromGenerator declares a number that the generator enters by its name
// (record.Measurement.Numbers), which has no other place in a record.
func fromGenerator(n Number) *Number {
	n.Clock = Client
	return number(n, func(m *record.Measurement) (float64, bool) {
		value, known := m.Numbers[n.Name]
		return value, known
	})
}

// ofTrial declares a number that needs more of a trial than its measurement.
func ofTrial(n Number, of func(*record.Trial) (float64, bool)) *Number {
	if NumberNamed(n.Name) != nil {
		panic(fmt.Sprintf("measure: number %s is declared twice", n.Name))
	}
	n.Of = func(t *record.Trial) (float64, bool) {
		if t.Measurement == nil {
			return 0, false
		}
		if value, stored := t.Numbers[n.Name]; stored {
			return pointed(value)
		}
		if len(t.Servers) > 1 {
			t = t.OfServer(record.Broker)
		}
		return of(t)
	}
	numbers = append(numbers, &n)
	return &n
}

func pointed(value *float64) (float64, bool) {
	if value == nil {
		return 0, false
	}
	return *value, true
}

// AllNumbers are those of a trial with a measurement by name, its servers' groups of
// threads among them; nil where it does not support one.
func AllNumbers(t *record.Trial) map[string]*float64 {
	all := map[string]*float64{}
	add := func(m Metric) {
		all[m.text] = nil
		if v := m.Of(t); v.Supported && !math.IsNaN(v.Value) && !math.IsInf(v.Value, 0) {
			all[m.text] = &v.Value
		}
	}
	servers := []string{record.Broker}
	for _, s := range t.Servers {
		if s.Name != record.Broker {
			servers = append(servers, s.Name)
		}
	}
	for _, server := range servers {
		for _, n := range numbers {
			if server == record.Broker || n.Clock == Server || n.Clock == Disk {
				add(n.Metric().ofServer(server))
			}
		}
		for group := range threadsOf(t.OfServer(server).Measurement) {
			add(Metric{text: threadsPrefix + group, threads: group}.ofServer(server))
		}
	}
	return all
}

// Numbers are those that any of the views shows, all if v is 0, in the order of
// declaration.
func Numbers(v View) []*Number {
	return slices.DeleteFunc(slices.Clone(numbers), func(n *Number) bool { return v != 0 && n.In&v == 0 })
}

// NumberNamed finds a number; nil: there is none of that name.
func NumberNamed(name string) *Number {
	if i := slices.IndexFunc(numbers, func(n *Number) bool { return n.Name == name }); i >= 0 {
		return numbers[i]
	}
	return nil
}

// Knobs that sweeps of numbers go along.
const (
	alongConnections = "connections"
	alongRate        = "rate-requests"
)

// What clients got, by their own counts.
var (
	Rate = number(Number{Name: "rate_mb_s", Unit: "MB/s", Meaning: "acknowledged record batches, 10⁶ bytes a second",
		Clock: Client, In: ClientTable | Comparisons, Heading: "MB/s", Together: overWindows(acked)}, acked)
	Held = number(Number{Name: "rate_held", Unit: "1", Meaning: "acknowledged share of the offered rate",
		Clock: Client, In: ClientTable, Heading: "held", Together: over(overWindows(acked), overWindows(offered))},
		func(m *record.Measurement) (float64, bool) { return ratio(m.AckedMBps, m.OfferedMBps) })
	Fetched = number(Number{Name: "fetched_mb_s", Unit: "MB/s", Meaning: "record batches fetched by all consumers, 10⁶ bytes a second",
		Clock: Client, In: ClientTable | Comparisons, Heading: "fetched", Together: overWindows(fetched)}, fetched)
	_ = number(Number{Name: "tail_mb_s", Unit: "MB/s", Meaning: "record batches fetched by tail consumers", Clock: Client},
		func(m *record.Measurement) (float64, bool) { return m.TailMBps, true })
	_ = number(Number{Name: "lagging_mb_s", Unit: "MB/s", Meaning: "record batches fetched by lagging consumers", Clock: Client},
		func(m *record.Measurement) (float64, bool) { return m.LaggingMBps, true })
	RequestRate = number(Number{Name: "requests_per_s", Unit: "1/s", Meaning: "answered requests of all kinds",
		Clock: Client, In: ClientTable | Comparisons | Sweep, Heading: "requests/s", Title: "requests a second", Along: alongConnections},
		func(m *record.Measurement) (float64, bool) { return m.RequestsPerSec, true })
	Starved = fromGenerator(Number{Name: "starved_share", Unit: "%", Meaning: "producers' connections with so few answers that chance does not explain it: less than half of the mean, a quarter below a mean of 16, none below 8",
		In: ClientTable, Heading: "starved %"})
	InFlight = fromGenerator(Number{Name: "requests_in_flight", Unit: "requests", Meaning: "producers' requests due and not answered, mean of those due in the window"})
)

// What one connection takes.
var (
	ServerMemory = number(Number{Name: "server_kb_per_connection", Unit: "KiB", Meaning: "resident memory of the server for each connection, recorders subtracted, in KiB",
		Clock: Machine, In: ConnectionsTable | Sweep, Group: "KiB a connection", Heading: "server", Title: "server memory, KiB a connection", Along: alongConnections},
		ofConnections(func(c *record.Connections) float64 { return c.ServerBytes / 1024 }))
	_ = number(Number{Name: "generator_kb_per_connection", Unit: "KiB", Meaning: "resident memory of the load generator for each connection, in KiB",
		Clock: Machine, In: ConnectionsTable, Group: "KiB a connection", Heading: "generator"},
		ofConnections(func(c *record.Connections) float64 { return c.GeneratorBytes / 1024 }))
	_ = number(Number{Name: "kernel_kb_per_connection", Unit: "KiB", Meaning: "kernel memory of the machine for each connection, both ends and the stacks of threads, in KiB",
		Clock: Machine, In: ConnectionsTable, Group: "KiB a connection", Heading: "kernel"},
		ofConnections(func(c *record.Connections) float64 { return c.KernelBytes / 1024 }))
	Availability = number(Number{Name: "availability", Unit: "1", Meaning: "share of the requests due that were answered within 1 s without an error",
		Clock: Client, In: ClientTable | Sweep, Heading: "available %", Title: "share answered within 1 s", Along: alongRate},
		func(m *record.Measurement) (float64, bool) { return m.Availability.Share() })
)

// What the server took, by its own window.
var (
	_ = number(Number{Name: "server_cores", Unit: "CPUs", Meaning: "processor time of the server for each second", Clock: Server,
		In: ServersTable, Group: "CPU", Heading: "cores"},
		ofProcess(func(p *record.Process) float64 { return float64(p.CPUNs) / 1e9 }, (*record.Measurement).ServerSeconds))
	_ = number(Number{Name: "server_cpu_us_per_request", Unit: "µs", Meaning: "processor time of the server for each answered request",
		Clock: Server, In: Comparisons | ServersTable, Group: "CPU", Heading: "µs a request"},
		ofProcess(func(p *record.Process) float64 { return float64(p.CPUNs) / 1e3 }, (*record.Measurement).ServerRequests))
	_ = number(Number{Name: "server_cpu_ns_per_byte", Unit: "ns", Meaning: "processor time of the server for each byte appended or fetched", Clock: Server},
		ofProcess(func(p *record.Process) float64 { return float64(p.CPUNs) }, (*record.Measurement).ServerBytes))
	_ = number(Number{Name: "server_switches_per_s", Unit: "1/s", Meaning: "voluntary context switches of the server", Clock: Server,
		In: ServersTable, Group: "switches", Heading: "a second"},
		ofProcess(func(p *record.Process) float64 { return float64(p.VoluntarySwitches) }, (*record.Measurement).ServerSeconds))
	_ = number(Number{Name: "server_switches_per_request", Unit: "switches", Meaning: "voluntary context switches of the server for each answered request",
		Clock: Server, In: ConnectionsTable | Sweep, Group: "switches a request", Heading: "voluntary", Title: "voluntary switches of the server a request", Along: alongConnections},
		ofProcess(func(p *record.Process) float64 { return float64(p.VoluntarySwitches) }, (*record.Measurement).ServerRequests))
	_ = number(Number{Name: "server_preemptions_per_request", Unit: "switches", Meaning: "involuntary context switches of the server for each answered request",
		Clock: Server, In: ConnectionsTable, Group: "switches a request", Heading: "involuntary"},
		ofProcess(func(p *record.Process) float64 { return float64(p.InvoluntarySwitches) }, (*record.Measurement).ServerRequests))
	_ = number(Number{Name: "server_peak_mib", Unit: "MiB", Meaning: "most resident memory that the server had since its start", Clock: Server,
		In: ServersTable, Group: "peak memory MiB"},
		ofProcess(func(p *record.Process) float64 { return float64(p.PeakRSSBytes) },
			func(*record.Measurement, *record.ServerUse) float64 { return 1 << 20 }))
	_ = number(Number{Name: "server_run_queue_us_per_request", Unit: "µs", Meaning: "time that the server's threads waited for a CPU for each request that it answered, from before the warm-up on",
		Clock: Server, In: ConnectionsTable, Group: "run queue µs a request"},
		func(m *record.Measurement) (float64, bool) {
			ns, known := m.Broker().RunQueueWaitNs()
			return ns / 1e3, known
		})
	_ = number(Number{Name: "server_threads_running", Unit: "threads", Meaning: "threads of the server on a CPU, mean from before the warm-up on",
		Clock: Server, In: ConnectionsTable, Group: "server threads, mean", Heading: "running"},
		ofThreads(func(s record.ThreadStates) float64 { return s.Running }))
	_ = number(Number{Name: "server_threads_waiting", Unit: "threads", Meaning: "threads of the server waiting for a CPU, mean",
		Clock: Server, In: ConnectionsTable, Group: "server threads, mean", Heading: "waiting for a CPU"},
		ofThreads(func(s record.ThreadStates) float64 { return s.Waiting }))
	_ = number(Number{Name: "server_threads_asleep", Unit: "threads", Meaning: "threads of the server asleep, mean",
		Clock: Server, In: ConnectionsTable, Group: "server threads, mean", Heading: "asleep"},
		ofThreads(func(s record.ThreadStates) float64 { return s.Asleep }))
	_ = number(Number{Name: "slowest_connect_ms", Unit: "ms", Meaning: "the longest that a connection took to be made",
		Clock: Client, In: ConnectionsTable, Group: "slowest connect ms"},
		ofConnections(func(c *record.Connections) float64 { return float64(c.SlowestConnectNs) / 1e6 }))
)

// What network threads and emulated disks did within the window.
var (
	_ = number(Number{Name: "io_ratio", Unit: "1", Meaning: "share of the window in I/O after the poll, sendfile included, of the network thread with the most",
		Clock: Server, Kafka: "io-ratio"},
		ofLoops(func(l record.LoopTimes) int64 { return l.IONs }))
	_ = number(Number{Name: "io_wait_ratio", Unit: "1", Meaning: "share of the window in the poll, of the network thread with the most",
		Clock: Server, Kafka: "io-wait-ratio"},
		ofLoops(func(l record.LoopTimes) int64 { return l.IOWaitNs }))
	_ = ofTrial(Number{Name: "disk_util", Unit: "1", Meaning: "share of the window with a request under way, of the busiest emulated disk", Clock: Disk,
		In: ServersTable, Group: "disk", Heading: "busy"},
		ofDisks(func(w record.DiskWindow) record.Mean { return w.Util }))
	_ = ofTrial(Number{Name: "disk_in_flight", Unit: "requests", Meaning: "requests that the busiest emulated disk has in flight, mean", Clock: Disk},
		ofDisks(func(w record.DiskWindow) record.Mean { return w.InFlight }))
	_ = ofTrial(Number{Name: "disk_read_await_ms", Unit: "ms", Meaning: "time that a read waits for the slowest emulated disk, mean", Clock: Disk,
		In: ServersTable, Group: "disk", Heading: "read ms"},
		ofDisks(func(w record.DiskWindow) record.Mean { return w.ReadAwaitMs }))
	_ = ofTrial(Number{Name: "disk_write_await_ms", Unit: "ms", Meaning: "time that a write waits for the slowest emulated disk, mean", Clock: Disk,
		In: ServersTable, Group: "disk", Heading: "write ms"},
		ofDisks(func(w record.DiskWindow) record.Mean { return w.WriteAwaitMs }))
	_ = ofTrial(Number{Name: "disk_reads_per_mb", Unit: "reads", Meaning: "reads of the emulated disks for each 10⁶ bytes of record batches fetched by all consumers", Clock: Disk}, diskReadsPerMB)
)

// What memory cost that is taken anew: the pages of files that are written, and of cold ones read.
var (
	_ = ofTrial(Number{Name: "fresh_page_before_ns", Unit: "ns", Meaning: "processor time to write a page of a new file, by a probe of 32 MiB right before the load", Clock: Machine},
		ofFreshPages(func(f *record.FreshPages) float64 { return f.BeforeNs }))
	_ = ofTrial(Number{Name: "fresh_page_after_ns", Unit: "ns", Meaning: "the same, right after the load", Clock: Machine},
		ofFreshPages(func(f *record.FreshPages) float64 { return f.AfterNs }))
	_ = ofTrial(Number{Name: "fresh_pages_cpus", Unit: "CPUs", Meaning: "processor time for fresh pages in each second: those that the servers take for appended batches and cold reads, at the mean of the two costs", Clock: Machine},
		ofFreshPages((*record.FreshPages).CPUs))
	_ = ofTrial(Number{Name: "reported_mib", Unit: "MiB", Meaning: "free memory that the kernel reported to the host between the two probes (free page reporting), as far as it counts", Clock: Machine},
		ofFreshPages(func(f *record.FreshPages) float64 { return float64(f.ReportedKiB) / 1024 }))
)

// What the slowest appends fall together with.
var (
	_ = number(Number{Name: "spikes_at_roll", Unit: "1", Meaning: "share of the slowest thousandth of appends within 10 ms of a segment's roll, beyond chance (0: no more often than anywhere, 1: all)", Clock: Server},
		spikesAt(eventsOf(record.EventRoll)))
	_ = number(Number{Name: "spikes_at_index_flush", Unit: "1", Meaning: "the same, of an index file being written", Clock: Server},
		spikesAt(eventsOf(record.EventIndexFlush)))
	_ = number(Number{Name: "spikes_at_fsync", Unit: "1", Meaning: "the same, of a file being forced to the device", Clock: Server},
		spikesAt(eventsOf(record.EventFsync)))
	_ = number(Number{Name: "spikes_at_write_back", Unit: "1", Meaning: "the same, of the kernel writing dirty pages, by 100 ms samples", Clock: Server},
		spikesAt(samplesWith(writingBack)))
	_ = number(Number{Name: "spikes_at_dirty_throttle", Unit: "1", Meaning: "the same, of more dirty pages than writers need not wait for, by 100 ms samples", Clock: Server},
		spikesAt(samplesWith(dirtyBeyondHalfway)))
)

// What server and client know together.
var (
	_ = number(Number{Name: "terms_over_response", Unit: "1", Meaning: "sum of the mean terms of a request's time, Lateness to ResponseWire, over the mean ResponseTime", Clock: Both},
		ofJoin(func(j *record.Join) (float64, bool) { return j.TermsOverResponse, j.TermsOverResponse > 0 }))
	_ = number(Number{Name: "joined_requests", Unit: "requests", Meaning: "requests whose stamps on both sides were joined", Clock: Both},
		ofJoin(func(j *record.Join) (float64, bool) { return float64(j.Joined), true }))
	_ = number(Number{Name: "below_clock_error_requests", Unit: "requests", Meaning: "joined requests with a term that is negative beyond the clocks' error", Clock: Both},
		ofJoin(func(j *record.Join) (float64, bool) { return float64(j.BelowClockError), j.OneSegment }))
	_ = joinedP99("request_wire_p99_us", RequestWire)
	_ = joinedP99("response_wire_p99_us", ResponseWire)
	_ = joinedP99("request_network_p99_us", RequestNetwork)
	_ = joinedP99("response_network_p99_us", ResponseNetwork)
)

// What the server's threads did with their sockets and queues.
var (
	_ = number(Number{Name: "receive_us_per_request", Unit: "µs", Meaning: "time in receive calls of the server, for each answered request", Clock: Server},
		ioPerRequest(func(io record.ThreadIO) float64 { return float64(io.ReceiveNs) / 1e3 }))
	_ = number(Number{Name: "send_us_per_request", Unit: "µs", Meaning: "time in send calls of the server, for each answered request", Clock: Server},
		ioPerRequest(func(io record.ThreadIO) float64 { return float64(io.SendNs) / 1e3 }))
	_ = number(Number{Name: "send_blocked_us_per_request", Unit: "µs", Meaning: "time that the server slept in send calls with file bytes, for each answered request", Clock: Server},
		ioPerRequest(func(io record.ThreadIO) float64 { return float64(io.BlockedNs) / 1e3 }))
	_ = number(Number{Name: "receive_calls_per_request", Unit: "calls", Meaning: "receive calls of the server for each answered request", Clock: Server},
		ioPerRequest(receiveCalls))
	_ = number(Number{Name: "send_calls_per_request", Unit: "calls", Meaning: "send calls of the server for each answered request", Clock: Server},
		ioPerRequest(sendCalls))
	_ = number(Number{Name: "received_bytes_per_call", Unit: "bytes", Meaning: "bytes that a receive call of the server brings, mean", Clock: Server},
		func(m *record.Measurement) (float64, bool) {
			return ratio(sumIO(m, func(io record.ThreadIO) float64 { return float64(io.ReceivedBytes) }), sumIO(m, receiveCalls))
		})
	_ = number(Number{Name: "sent_bytes_per_call", Unit: "bytes", Meaning: "bytes that a send call of the server takes, mean", Clock: Server},
		func(m *record.Measurement) (float64, bool) {
			return ratio(sumIO(m, func(io record.ThreadIO) float64 { return float64(io.SentBytes) }), sumIO(m, sendCalls))
		})
	_ = number(Number{Name: "request_queue_longest_requests", Unit: "requests", Meaning: "most requests that waited in a request queue within the window", Clock: Server}, longestQueue("requests"))
	_ = number(Number{Name: "response_queue_longest_responses", Unit: "responses", Meaning: "most complete responses that waited for a network thread within the window", Clock: Server}, longestQueue("responses"))
	_ = number(Number{Name: "send_queue_longest_responses", Unit: "responses", Meaning: "most responses that waited for a send thread within the window", Clock: Server}, longestQueue("send"))
	_ = number(Number{Name: "handler_idle_ratio", Unit: "1", Meaning: "share of the window that handler threads waited for requests, mean",
		Clock: Server, Kafka: "RequestHandlerAvgIdlePercent"},
		func(m *record.Measurement) (float64, bool) {
			var idleNs, wallNs float64
			for _, p := range m.Broker().HandlerIdle {
				idleNs += float64(p.IdleNs)
				wallNs += float64(p.Threads) * float64(p.WallNs)
			}
			return ratio(idleNs, wallNs)
		})
)

func acked(m *record.Measurement) (float64, bool)   { return m.AckedMBps, true }
func fetched(m *record.Measurement) (float64, bool) { return m.FetchedMBps, true }
func offered(m *record.Measurement) (float64, bool) { return m.OfferedMBps, true }

// overWindows is a rate over the windows of several trials as if they were one.
func overWindows(rate func(*record.Measurement) (float64, bool)) func([]*record.Trial) (float64, bool) {
	return func(trials []*record.Trial) (float64, bool) {
		var done, windowNs float64
		for _, t := range trials {
			if t.Measurement == nil {
				continue
			}
			perSecond, _ := rate(t.Measurement)
			ns := float64(t.Measurement.WindowNs)
			done, windowNs = done+perSecond*ns, windowNs+ns
		}
		return ratio(done, windowNs)
	}
}

func over(value, by func([]*record.Trial) (float64, bool)) func([]*record.Trial) (float64, bool) {
	return func(trials []*record.Trial) (float64, bool) {
		x, _ := value(trials)
		y, _ := by(trials)
		return ratio(x, y)
	}
}

func ratio(value, by float64) (float64, bool) {
	if by == 0 {
		return 0, false
	}
	return value / by, true
}

// ofProcess divides a part of what the server's process used.
func ofProcess(part func(*record.Process) float64, by func(*record.Measurement, *record.ServerUse) float64) func(*record.Measurement) (float64, bool) {
	return func(m *record.Measurement) (float64, bool) {
		s := m.Broker()
		if s.Process == nil {
			return 0, false
		}
		return ratio(part(s.Process), by(m, s))
	}
}

func ofThreads(part func(record.ThreadStates) float64) func(*record.Measurement) (float64, bool) {
	return func(m *record.Measurement) (float64, bool) {
		states, known := m.Broker().ThreadStates()
		return part(states), known
	}
}

func ofConnections(part func(*record.Connections) float64) func(*record.Measurement) (float64, bool) {
	return func(m *record.Measurement) (float64, bool) {
		if m.Connections == nil {
			return 0, false
		}
		return part(m.Connections), true
	}
}

func ofLoops(part func(record.LoopTimes) int64) func(*record.Measurement) (float64, bool) {
	return func(m *record.Measurement) (highest float64, found bool) {
		for _, l := range m.Broker().LoopTimes {
			if share, known := ratio(float64(part(l)), float64(l.WallNs)); known {
				highest, found = max(highest, share), true
			}
		}
		return highest, found
	}
}

// diskReadsPerMB counts over the samples of the window. Older records lack the counts.
func diskReadsPerMB(t *record.Trial) (float64, bool) {
	var reads int64
	for _, w := range t.DiskWindows {
		reads += w.Reads
	}
	m := t.Measurement
	perMB, fetched := ratio(float64(reads), m.FetchedMBps*float64(m.WindowNs)/1e9)
	return perMB, fetched && reads > 0
}

func ofFreshPages(of func(*record.FreshPages) float64) func(*record.Trial) (float64, bool) {
	return func(t *record.Trial) (float64, bool) {
		if t.FreshPages == nil {
			return 0, false
		}
		return of(t.FreshPages), true
	}
}

func ofDisks(mean func(record.DiskWindow) record.Mean) func(*record.Trial) (float64, bool) {
	return func(t *record.Trial) (highest float64, found bool) {
		for _, w := range t.DiskWindows {
			m := mean(w)
			if value, exists := ratio(m.Sum, float64(m.N)); exists && (!found || value > highest) {
				highest, found = value, true
			}
		}
		return highest, found
	}
}

// ofJoin reads a number from a measurement with joined requests.
func ofJoin(of func(*record.Join) (float64, bool)) func(*record.Measurement) (float64, bool) {
	return func(m *record.Measurement) (float64, bool) {
		if m.Join == nil || m.Join.Joined == 0 {
			return 0, false
		}
		return of(m.Join)
	}
}

// joinedP99 declares the p99 of a span of joined requests.
func joinedP99(name string, s *Span) *Number {
	return number(Number{Name: name, Unit: "µs", Meaning: s.Name + " p99 of joined requests: " + s.Meaning, Clock: Both},
		ofJoin(func(j *record.Join) (float64, bool) {
			for _, t := range slices.Concat(j.Terms, j.Beside) {
				if t.Name == s.Name && t.P99Ns != nil {
					return float64(*t.P99Ns) / 1e3, true
				}
			}
			return 0, false
		}))
}

func receiveCalls(io record.ThreadIO) float64 { return float64(io.ReceiveCalls) }
func sendCalls(io record.ThreadIO) float64    { return float64(io.SendCalls) }

// sumIO adds up a part of what the server's threads did within the window.
func sumIO(m *record.Measurement, part func(record.ThreadIO) float64) (sum float64) {
	for _, io := range m.Broker().ThreadIO {
		sum += part(io)
	}
	return sum
}

// ioPerRequest divides what the server's threads did by the number of answered requests.
func ioPerRequest(part func(record.ThreadIO) float64) func(*record.Measurement) (float64, bool) {
	return func(m *record.Measurement) (float64, bool) {
		if len(m.Broker().ThreadIO) == 0 {
			return 0, false
		}
		return ratio(sumIO(m, part), m.ServerRequests(m.Broker()))
	}
}

// longestQueue is the most that waited in any queue of a kind.
func longestQueue(kind string) func(*record.Measurement) (float64, bool) {
	return func(m *record.Measurement) (longest float64, found bool) {
		after := m.Broker().After
		if after == nil {
			return 0, false
		}
		for _, q := range after.Queues {
			if name, _, _ := strings.Cut(q.Name, "/"); name == kind {
				longest, found = max(longest, float64(q.Longest)), true
			}
		}
		return longest, found
	}
}
