package runner

import (
	"slices"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/osthread"
	"c10klab/internal/record"
)

// The thresholds by which the page cache and emulated disks spoil or mark a trial.
const (
	// wrongPagesShare is how much of the backlog may be cached though it should be
	// cold, or missing though it should be hot, when the load starts.
	wrongPagesShare = 0.01
	leastDelayed    = 200  // requests; of fewer, a share says nothing and their lateness spoils nothing
	lateShare       = 0.05 // of requests, finished later than the model says: the disk below is too slow
	overloadLocalNs = 2e6  // p99 of Produce's LocalTime: writes do not only go to memory any more
)

// judge adds the rules that the generator could not judge: whether the server's backlog
// began as asked, whether its disks were what they emulate, and, as a mark only, whether
// writes waited for them.
func (s *server) judge(m *record.Measurement, disks []record.DiskStatus) {
	if s.data.Backlog.Bytes > 0 {
		addCheck(m, s.pagesCheck(s.pagesBefore))
	}
	for _, d := range disks {
		if d.Counts.Delayed < leastDelayed {
			continue
		}
		addCheck(m, record.Check{Name: "late requests of emulated disk " + d.Model + s.ofServer(), Value: 100 * d.Counts.LateShare,
			Limit: 100 * lateShare, Unit: "%", OK: d.Counts.LateShare <= lateShare, Else: record.EnvironmentLimited})
	}
	local := m.Histograms[hdr.Key{Stage: measure.LocalTime.Name, API: measure.Produce, Server: s.other}]
	if len(disks) == 0 || local == nil {
		return
	}
	if ns, supported := local.Quantile(0.99); supported {
		addCheck(m, record.Check{Name: "write overload: LocalTime p99 of Produce" + s.ofServer(), Value: float64(ns) / 1e6,
			Limit: overloadLocalNs / 1e6, Unit: "ms", OK: ns <= overloadLocalNs, Else: record.Valid})
	}
}

// ofServer ends the name of a check of a server that is not the broker.
func (s *server) ofServer() string {
	if s.other == "" {
		return ""
	}
	return " of " + s.other
}

// pagesCheck says whether the backlog began as its knobs ask for.
func (s *server) pagesCheck(before []record.Residency) record.Check {
	var pages, cached int64
	for _, r := range before {
		pages, cached = pages+r.Pages, cached+r.CachedPages
	}
	name, wrong := "backlog in the page cache before the load", cached
	if s.data.Backlog.Hot {
		name, wrong = "backlog missing in the page cache before the load", pages-cached
	}
	value := 100 * float64(wrong) / float64(max(1, pages))
	return record.Check{Name: name + s.ofServer(), Value: value, Limit: 100 * wrongPagesShare, Unit: "%",
		OK: value <= 100*wrongPagesShare && pages > 0, Else: record.EnvironmentLimited}
}

// throttledShare is how long, of a CPU, control groups may keep a trial's threads off the CPUs.
const throttledShare = 0.01

// judgeThrottling asks whether a quota on CPU time was used up from before the load to its end.
func judgeThrottling(m *record.Measurement, before, after osthread.CPUQuota, took time.Duration) {
	const rule = "CPU time kept back by a quota"
	if after.CPUs == 0 {
		m.NotJudged = append(m.NotJudged, rule)
		return
	}
	share := float64(after.Throttled-before.Throttled) / float64(took)
	addCheck(m, record.Check{Name: rule, Value: 100 * share, Limit: 100 * throttledShare, Unit: "%", OK: share <= throttledShare, Else: record.EnvironmentLimited})
}

func addCheck(m *record.Measurement, c record.Check) {
	m.Checks = append(m.Checks, c)
	if !c.OK && slices.Contains([]record.Outcome{record.Valid, record.Saturated}, m.Outcome) && c.Else != record.Valid {
		m.Outcome = c.Else
	}
}
