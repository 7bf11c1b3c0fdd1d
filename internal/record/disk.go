package record

// Paths of an emulated disk's control socket (HTTP over a unix socket). The
// disk also answers MarkPath, which zeroes what is counted since the mark.
const (
	// DiskStatusPath answers GET with a DiskStatus.
	DiskStatusPath = "/status"
	// DiskDelayPath, asked by POST with ?on=true or false, switches the model's delay.
	DiskDelayPath = "/delay"
	// DiskStallPath, asked by POST with ?for=2s, lets every request wait until then.
	DiskStallPath = "/stall"
)

// DiskReady is the one line that `disk up` prints on stdout when the emulated
// disk is mounted.
type DiskReady struct {
	Name    string `json:"name"`
	Model   string `json:"model"`
	Device  string `json:"device"`  // the loop device
	Mount   string `json:"mount"`   // where its file system is
	Control string `json:"control"` // path of the unix socket
	PID     int    `json:"pid"`
}

// DiskStatus is an emulated disk's state and what it did since the last mark.
type DiskStatus struct {
	DiskReady
	Server     string            `json:"server,omitempty"` // whose it is in a trial; empty: the broker's
	Ready      bool              `json:"ready"`            // false while it comes up or goes down
	Parameters DiskParameters    `json:"parameters"`
	Knobs      map[string]string `json:"knobs"`
	FileSystem string            `json:"file_system"`
	SizeBytes  int64             `json:"size_bytes"`
	Base       string            `json:"base,omitempty"` // read-only image underneath
	// IOFlusher is false where the server lacks CAP_SYS_RESOURCE: under extreme
	// want of memory its allocations may then wait for its own disk.
	IOFlusher bool              `json:"io_flusher"`
	Settings  map[string]string `json:"settings"` // the kernel settings that hold now, by path
	Delay     bool              `json:"delay"`    // whether requests are delayed now

	MarkNs      int64        `json:"mark_ns"` // CLOCK_MONOTONIC
	MonotonicNs int64        `json:"monotonic_ns"`
	Counts      DiskCounts   `json:"since_mark"`
	CPUNs       int64        `json:"cpu_ns"`  // the server's, since the mark
	Samples     []DiskSample `json:"samples"` // since the mark, the last of them
	LostSamples int64        `json:"lost_samples"`
	Problems    []string     `json:"problems,omitempty"`
}

type DiskParameters struct {
	ReadMBps  float64 `json:"read_mb_s"` // 10⁶ bytes a second
	WriteMBps float64 `json:"write_mb_s"`
	SeekNs    int64   `json:"seek_ns"` // mean
	LatencyNs int64   `json:"latency_ns"`
	Channels  int     `json:"channels"`
	SlackNs   int64   `json:"slack_ns"` // an answer later than this counts as late
}

type DiskCounts struct {
	Reads        int64 `json:"reads"`
	Writes       int64 `json:"writes"`
	ReadBytes    int64 `json:"read_bytes"`
	WrittenBytes int64 `json:"written_bytes"`
	Errors       int64 `json:"errors"`        // requests that the image refused
	ModelBusyNs  int64 `json:"model_busy_ns"` // that the model takes for the requests that it delayed
	// Delayed requests had a planned finish; Late ones were answered after it,
	// because the image or the machine was slower than the model. LateShare is
	// Late / Delayed.
	Delayed     int64   `json:"delayed"`
	Late        int64   `json:"late"`
	LateShare   float64 `json:"late_share"`
	LateTotalNs int64   `json:"late_total_ns"`
	LateMaxNs   int64   `json:"late_max_ns"`
}

// DiskSample is what the kernel counted at the loop device over 100 ms
// (Documentation/admin-guide/iostats.rst).
type DiskSample struct {
	AtNs         int64   `json:"at_ns"`            // its end, CLOCK_MONOTONIC
	Util         float64 `json:"util"`             // share of the time with a request under way, 0 to 1
	ReadAwaitMs  float64 `json:"read_await_ms"`    // mean over the reads that ended
	WriteAwaitMs float64 `json:"write_await_ms"`   // mean over the writes that ended
	InFlight     int64   `json:"in_flight"`        // requests at its end
	Reads        int64   `json:"reads,omitempty"`  // that ended
	Writes       int64   `json:"writes,omitempty"` // that ended
	ReadMBps     float64 `json:"read_mb_s"`        // 10⁶ bytes a second
	WriteMBps    float64 `json:"write_mb_s"`
}
