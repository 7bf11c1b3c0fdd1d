package record

const (
	// ResidencyPath is where the admin port, asked by GET, answers with a list of
	// Residency; ?topic=T restricts it to one topic.
	ResidencyPath = "/residency"
	// EvictPath is where the admin port, asked by POST, forces a topic (?topic=T;
	// without it all topics) to the device, drops it from the page cache, and answers
	// with what stayed there, as ResidencyPath does.
	EvictPath = "/evict"
)

// Residency is how much of a topic's segment files in one log dir the server's
// page cache holds.
type Residency struct {
	Server      string `json:"server,omitempty"` // whose it is in a trial; empty: the broker's
	Topic       string `json:"topic"`
	LogDir      string `json:"log_dir"`
	Pages       int64  `json:"pages"` // that the files have
	CachedPages int64  `json:"cached_pages"`
	PageBytes   int64  `json:"page_bytes"`
}

// Backlog is what `c10klab prepare --json` prints.
type Backlog struct {
	Topic      string `json:"topic"`
	Partitions int    `json:"partitions"`
	Bytes      int64  `json:"bytes"` // over all partitions
	Records    int64  `json:"records"`
	Written    bool   `json:"written"` // false: it was there already
	TookNs     int64  `json:"took_ns"` // to write and force to the device
}
