package record

// Residency is what the page cache holds.
type Residency struct {
	Topic       string `json:"topic"`
	LogDir      string `json:"log_dir"`
	Pages       int64  `json:"pages"`
	CachedPages int64  `json:"cached_pages"`
}
