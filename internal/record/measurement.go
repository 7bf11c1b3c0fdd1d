package record

import (
	"strings"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/osthread"
)

// Outcome says what a measurement is worth.
type Outcome string

const (
	Valid Outcome = "valid"
	// Saturated: the target could not keep up with the offered load; its
	// percentiles are lower bounds. A legitimate result.
	Saturated Outcome = "saturated"
	// GeneratorLimited: the load generator itself was late; no number stands.
	GeneratorLimited Outcome = "generator-limited"
	// EnvironmentLimited: something else on the machine interfered.
	EnvironmentLimited Outcome = "environment-limited"
	Failed             Outcome = "failed"
)

// Limited reports whether the numbers do not stand because the generator or the
// environment limited them.
func (o Outcome) Limited() bool { return o == GeneratorLimited || o == EnvironmentLimited }

// Check is one rule of self-judgement with what was found: the evidence behind
// an outcome.
type Check struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Limit float64 `json:"limit"`
	Unit  string  `json:"unit"`
	OK    bool    `json:"ok"`
	Else  Outcome `json:"else"`
}

// Measurement is what one load generator run measured, with the target's stages
// where the target gives them. It is the document that `c10klab load` prints.
type Measurement struct {
	Outcome Outcome `json:"outcome"`
	Checks  []Check `json:"checks"`
	// NotJudged names the rules that could not be asked: of a closed loop, a target
	// without admin port, or too few requests.
	NotJudged    []string          `json:"not_judged,omitempty"`
	Problems     []string          `json:"problems,omitempty"`
	Knobs        map[string]string `json:"knobs"` // the generator's
	Seed         uint64            `json:"seed"`
	ScheduleHash string            `json:"schedule_hash,omitempty"` // equal hashes mean equal planned arrivals

	WindowStartUnixMs int64 `json:"window_start_unix_ms"`
	// WindowStartNs is the same instant on CLOCK_MONOTONIC; 0 in records of versions
	// without it.
	WindowStartNs int64 `json:"window_start_monotonic_ns,omitempty"`
	WindowNs      int64 `json:"window_ns"`

	OfferedRequests int64   `json:"offered_requests"`                // due in the window; 0 in closed-loop mode
	Answered        int64   `json:"answered_requests"`               // producers' answers in the window
	Errors          int64   `json:"error_responses"`                 // to producers
	FetchErrors     int64   `json:"fetch_error_responses,omitempty"` // retriable ones to consumers, which tried again
	OfferedMBps     float64 `json:"offered_mb_s"`                    // 10⁶ bytes of record batches a second
	AckedMBps       float64 `json:"rate_mb_s"`                       // acknowledged record batches
	FetchedMBps     float64 `json:"fetched_mb_s"`                    // record batches that consumers got, the two kinds together
	TailMBps        float64 `json:"tail_mb_s"`
	LaggingMBps     float64 `json:"lagging_mb_s"`
	// LaggingCaughtUp is how many lagging consumers reached the end of a partition
	// before the window's end, and so did not lag; with lagging-wrap that is no fault.
	LaggingCaughtUp int `json:"lagging_caught_up"`
	// BadAnswers is how many answers bad consumers began to get; they are in no
	// other number.
	BadAnswers     int64   `json:"bad_answers"`
	RequestsPerSec float64 `json:"requests_per_s"` // all answered requests
	AckedRecords   int64   `json:"acked_records"`  // since the first request, not only in the window
	// LogEndRecords is the growth of all log-end offsets over the same time; it
	// equals AckedRecords unless something was lost or written twice. −1: not asked.
	LogEndRecords int64 `json:"log_end_records"`
	InFlightAtEnd int64 `json:"in_flight_at_end"`

	// Outages of the target's brokers, since the first request; nil: no connection broke.
	Outages *Outages `json:"outages,omitempty"`

	Availability *Availability `json:"availability,omitempty"` // nil in closed-loop mode, which has no due times
	Connections  *Connections  `json:"connections,omitempty"`

	// Histograms: ResponseTime, ServiceTime, Lateness, BackPressure and EndToEnd
	// from the generator; stages from the servers, of all but the broker under their names.
	Histograms hdr.Bundle `json:"histograms"`
	// Censored are the requests in the generator's histograms that had no answer when they were
	// counted, by STAGE/API; nil in records of versions that did not count them.
	Censored map[string]Censored `json:"censored"`
	// Arms are the parts of the window in which the target's switched knob had each value
	// (Arm), as far as the client alone tells; the whole is in no record of a run, which has a trial for
	// each arm instead.
	Arms []*Measurement `json:"arms,omitempty"`
	Arm  string         `json:"arm,omitempty"`
	// OverTime is how ResponseTime, ServiceTime of fetches, EndToEnd, and then the servers' spans went within the
	// window; empty in records of versions that did not keep it.
	OverTime []TimeSeries `json:"over_time,omitempty"`

	// MeanTimeNs is how ResponseTime (ServiceTime of a closed loop) went over the window:
	// the means of its producers' requests by equal parts of the window, 0 for a part
	// without any.
	MeanTimeNs []float64 `json:"mean_time_ns,omitempty"`

	// Priority of the generator's threads: "prompt" (nice −20, short time slice), "prompt
	// within its session" with the reason why other sessions may outweigh it, or "normal"
	// with the reason, in an open loop "normal, short time slice".
	Priority string `json:"generator_priority"`

	Generator Process `json:"generator"`
	// GeneratorThreads are its senders and receivers, and what each did within the
	// window.
	GeneratorThreads []osthread.Entry `json:"generator_threads,omitempty"`
	Servers          []ServerUse      `json:"servers,omitempty"` // that the generator was told of, the broker that it loads first
	// Numbers are what the generator measured beside all this, by the names of package
	// measure.
	Numbers map[string]float64 `json:"numbers,omitempty"`
	// Join puts the stamps of both sides together, of sampled requests.
	Join *Join   `json:"join,omitempty"`
	Host HostUse `json:"host"`
}

// OfArm is the measurement of an arm as that of a trial of its own: what the client counted
// while the arm was in use, with what the whole run was and what it is worth. What the
// servers did is of all arms together and is left out.
func (m *Measurement) OfArm(i int) *Measurement {
	arm := *m.Arms[i]
	arm.Outcome, arm.Checks, arm.NotJudged, arm.Problems = m.Outcome, m.Checks, m.NotJudged, m.Problems
	arm.Knobs, arm.Seed, arm.ScheduleHash, arm.Priority = m.Knobs, m.Seed, m.ScheduleHash, m.Priority
	arm.Errors, arm.FetchErrors, arm.LaggingCaughtUp, arm.BadAnswers = m.Errors, m.FetchErrors, m.LaggingCaughtUp, m.BadAnswers
	arm.AckedRecords, arm.LogEndRecords, arm.InFlightAtEnd = m.AckedRecords, m.LogEndRecords, m.InFlightAtEnd
	arm.Generator, arm.GeneratorThreads, arm.Host = m.Generator, m.GeneratorThreads, m.Host
	return &arm
}

// Censored counts the durations of a histogram that are the ages of requests without an
// answer, and so lower bounds (right-censored). Percentiles below the least are exact.
type Censored struct {
	Count   int64 `json:"count"`
	LeastNs int64 `json:"least_ns"`
	MostNs  int64 `json:"most_ns"`
}

// Add counts what others have counted.
func (c *Censored) Add(other Censored) {
	if c.Count == 0 || other.Count > 0 && other.LeastNs < c.LeastNs {
		c.LeastNs = other.LeastNs
	}
	c.Count, c.MostNs = c.Count+other.Count, max(c.MostNs, other.MostNs)
}

// HostUse is the machine's processor time within the window, in CPU-nanoseconds
// over all cores (/proc/stat).
type HostUse struct {
	BusyNs  int64 `json:"busy_ns"`
	StealNs int64 `json:"steal_ns"`
	// ForeignNs is busy time that belongs neither to the generator nor to the
	// target; −1 when the target's share is unknown.
	ForeignNs int64 `json:"foreign_ns"`
	CPUs      int   `json:"cpus" since:"level"`
	// PageReporting has what was reported within the window.
	PageReporting PageReporting `json:"page_reporting,omitzero"`
}

// LatenessRule is the name of the check that holds Lateness to the run's limit.
const LatenessRule = "Lateness beyond stolen time, at the highest percentile shown"

// LatenessLimitNs is the Lateness up to which ResponseTime at the same percentile was taken
// for the target's when the run was judged; 0 where nothing was asked.
func (m *Measurement) LatenessLimitNs() int64 {
	for _, c := range m.Checks {
		if strings.Contains(c.Name, "beyond stolen time") { // earlier versions name a percentile before
			return int64(c.Limit * float64(time.Millisecond))
		}
	}
	return 0
}
