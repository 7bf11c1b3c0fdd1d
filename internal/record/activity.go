package record

const (
	EventRoll       = "roll"        // a log segment was closed and the next one made
	EventIndexFlush = "index-flush" // an index file was written, not forced to the device
	EventFsync      = "fsync"       // a file or directory was forced to the device
	EventDelete     = "delete"      // a log segment's files were removed
)

// StoreActivity is what the server's log store did since the mark, and the kernel's
// write-back beneath it. All instants are CLOCK_MONOTONIC.
type StoreActivity struct {
	Events         []StoreEvent      `json:"events,omitempty"`          // in the order they ended
	LostEvents     int               `json:"lost_events"`               // older ones that found no room
	Appends        int64             `json:"appends"`                   // calls that put records into the log
	SlowestAppends []SlowAppend      `json:"slowest_appends,omitempty"` // of them, slowest first
	WriteBack      []WriteBackSample `json:"write_back,omitempty"`      // sampled every 100 ms, under knob write-back-samples
	LostSamples    int               `json:"lost_samples,omitempty"`
}

// StoreEvent is one of a store's rare, slow events.
type StoreEvent struct {
	Kind   string `json:"kind"`
	AtNs   int64  `json:"at_ns"` // its end
	TookNs int64  `json:"took_ns"`
	Path   string `json:"path"` // the file or directory: its name, and that of what it is in
}

// SlowAppend is one call that put records into the log.
type SlowAppend struct {
	AtNs   int64 `json:"at_ns"` // its end
	TookNs int64 `json:"took_ns"`
}

// WriteBackSample is what /proc/vmstat says of dirty pages, machine-wide: levels at
// its end, and what was counted since the sample before.
type WriteBackSample struct {
	AtNs           int64 `json:"at_ns" since:"level"`           // its end
	DirtyPages     int64 `json:"dirty_pages" since:"level"`     // nr_dirty: changed, and waiting
	WritebackPages int64 `json:"writeback_pages" since:"level"` // nr_writeback: on their way to a device
	// DirtyLimitPages and BackgroundPages are nr_dirty_threshold and
	// nr_dirty_background_threshold. Halfway between them the kernel begins to let
	// writers wait (balance_dirty_pages in mm/page-writeback.c).
	DirtyLimitPages int64 `json:"dirty_limit_pages" since:"level"`
	BackgroundPages int64 `json:"background_pages" since:"level"`
	DirtiedPages    int64 `json:"dirtied_pages"` // nr_dirtied, in the interval
	WrittenPages    int64 `json:"written_pages"` // nr_written, in the interval
	PagedOutKiB     int64 `json:"paged_out_kib"` // pgpgout, in the interval: what all block devices took
}
