package record

// FreshPages is what new memory cost in a trial, by the runner's probes right before the
// load and right after it: processor time to write a page of a new file.
type FreshPages struct {
	BeforeNs float64 `json:"before_ns"`
	AfterNs  float64 `json:"after_ns"`
	// PagesPerS is how many the servers took within the window: for batches appended, and
	// for those of a cold backlog read by lagging consumers.
	PagesPerS   float64 `json:"pages_per_s"`
	ReportedKiB int64   `json:"reported_kib,omitempty"` // to the host between the probes
}

// CostNs is what a page of the trial cost, taken to change from one probe to the other.
func (f *FreshPages) CostNs() float64 { return (f.BeforeNs + f.AfterNs) / 2 }

// CPUs is the processor time for fresh pages in each second.
func (f *FreshPages) CPUs() float64 { return f.PagesPerS * f.CostNs() / 1e9 }
