package record

// MaxRate is what `c10klab load --find-max` prints: the highest rate at which the target
// held a service level objective, as an interval.
type MaxRate struct {
	SLO string `json:"slo"`
	// PerSecond is the highest rate found that held it, in requests a second, and
	// NotPerSecond the lowest that did not. Uncertainty is their distance as a share of
	// PerSecond.
	PerSecond     float64 `json:"requests_per_s"`
	NotPerSecond  float64 `json:"not_requests_per_s"`
	Uncertainty   float64 `json:"uncertainty"`
	PerSecondMBps float64 `json:"rate_mb_s,omitempty"`
	// Held of HeldOf runs at PerSecond held the SLO, Failed of FailedOf at NotPerSecond
	// did not; runs that were limited are in neither.
	Held     int `json:"held"`
	HeldOf   int `json:"held_of"`
	Failed   int `json:"failed"`
	FailedOf int `json:"failed_of"`
	// LimitedBy is set where generator or environment limited every run at NotPerSecond:
	// the target may be able to do more.
	LimitedBy Outcome `json:"limited_by,omitempty"`
	Probes    []Probe `json:"probes"` // every run, in order
}

// Probe is one run of a search for the highest rate.
type Probe struct {
	PerSecond float64            `json:"requests_per_s"`
	Outcome   Outcome            `json:"outcome"`
	Holds     bool               `json:"holds"`
	FoundNs   map[string]float64 `json:"found_ns"` // by the names in the SLO: "p99"
}
