package loadgen

import (
	"context"
	"math"
	"strings"
	"testing"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

func TestLaggingConsumersReadFromTheBeginning(t *testing.T) {
	b := startFakeBroker(t)
	b.create(t, "c10klab", 5, 400)
	m := run(t, kafkaConfig(t, b.addr, "consumers", "lagging", "producers", "0", "fetch-rate", "1"))
	if m.LaggingMBps == 0 || m.TailMBps != 0 || m.Answered != 0 {
		t.Errorf("%g MB/s of the backlog, %g at the tail, %d produce answers", m.LaggingMBps, m.TailMBps, m.Answered)
	}
	if hasProblem(m, "read to the end of the log") {
		t.Errorf("nobody can have read 8 MB at 1 MB/s: %q", m.Problems)
	}
	if m.Histograms[hdr.Key{Stage: "EndToEnd", API: "Fetch"}] != nil {
		t.Error("lagging consumers report EndToEnd")
	}
}

func TestFetchRateIsACap(t *testing.T) {
	b := startFakeBroker(t)
	b.create(t, "c10klab", 5, 400)
	m := run(t, kafkaConfig(t, b.addr, "consumers", "lagging", "producers", "0", "fetch-rate", "0.2", "warm-up", "200ms", "window", "500ms"))
	// The least step is one answer: two consumers, up to six batches of 4 KiB each.
	if m.FetchedMBps == 0 || m.FetchedMBps > 0.2+2*6*4096/1e6/0.5 {
		t.Errorf("%.3f MB/s fetched under a cap of 0.2", m.FetchedMBps)
	}
}

// bothKinds adds tail and lagging consumers of a prepared topic to a small load.
func bothKinds(t *testing.T, b *fakeBroker, pairs ...string) Config {
	both := []string{"consumers", "both", "lagging-topic", "backlog", "lagging-connections", "3"}
	return kafkaConfig(t, b.addr, append(both, pairs...)...)
}

func TestTailAndLaggingConsumersAreToldApart(t *testing.T) {
	b := startFakeBroker(t)
	b.create(t, "backlog", 6, 1000)
	m := run(t, bothKinds(t, b, "fetch-rate", "2"))
	spans := map[string]bool{}
	for _, key := range m.Histograms.Keys() {
		spans[key.String()] = true
	}
	for _, want := range []string{"ServiceTime/Fetch", "ServiceTime/" + measure.LaggingFetch, "EndToEnd/Fetch"} {
		if !spans[want] {
			t.Errorf("%s is missing of %v", want, m.Histograms.Keys())
		}
	}
	if spans["EndToEnd/"+measure.LaggingFetch] {
		t.Error("a backlog has no EndToEnd")
	}
	end, response := m.Histograms[hdr.Key{Stage: "EndToEnd", API: "Fetch"}], m.Histograms[hdr.Key{Stage: "ResponseTime", API: "Produce"}]
	if end.Count() != response.Count() {
		t.Errorf("%d samples of EndToEnd for %d batches: the backlog's are none", end.Count(), response.Count())
	}
	if m.TailMBps == 0 || m.LaggingMBps == 0 || math.Abs(m.FetchedMBps-m.TailMBps-m.LaggingMBps) > 1e-9 {
		t.Errorf("%g MB/s at the tail and %g of the backlog make %g", m.TailMBps, m.LaggingMBps, m.FetchedMBps)
	}
	if check := caughtUpCheck(t, m); !check.OK || m.LaggingCaughtUp != 0 {
		t.Errorf("%d lagging consumers caught up, check %+v; %q", m.LaggingCaughtUp, check, m.Problems)
	}
}

// caughtUpCheck finds the rule on lagging consumers that caught up.
func caughtUpCheck(t *testing.T, m *record.Measurement) record.Check {
	t.Helper()
	for _, c := range m.Checks {
		if c.Name == "lagging consumers caught up" {
			return c
		}
	}
	t.Fatalf("lagging consumers are not judged: %+v", m.Checks)
	return record.Check{}
}

func TestLaggingConsumersThatCaughtUpSpoilTheTrial(t *testing.T) {
	b := startFakeBroker(t)
	b.create(t, "backlog", 6, 2)
	m := run(t, bothKinds(t, b))
	check := caughtUpCheck(t, m)
	if check.OK || check.Value != 3 || m.LaggingCaughtUp != 3 || check.Else != record.EnvironmentLimited {
		t.Errorf("%d caught up, check %+v", m.LaggingCaughtUp, check)
	}
	if m.Outcome != record.EnvironmentLimited && m.Outcome != record.GeneratorLimited {
		t.Errorf("outcome %s", m.Outcome)
	}
	if !hasProblem(m, "lagging consumer 2 read to the end") {
		t.Errorf("problems %q name no consumer", m.Problems)
	}
}

func TestLaggingConsumersThatWrapReadOn(t *testing.T) {
	b := startFakeBroker(t)
	b.create(t, "backlog", 6, 2)
	m := run(t, bothKinds(t, b, "lagging-wrap", "true"))
	const backlogMB = 6 * 2 * 4096 / 1e6
	if read := m.LaggingMBps * float64(m.WindowNs) / 1e9; read < 2*backlogMB {
		t.Errorf("%g MB read of a backlog of %g", read, backlogMB)
	}
	for _, c := range m.Checks {
		if c.Name == "lagging consumers caught up" {
			t.Errorf("consumers that need not lag are judged: %+v", c)
		}
	}
	if m.LaggingCaughtUp != 3 || hasProblem(m, "read to the end") {
		t.Errorf("%d reached the end, problems %q", m.LaggingCaughtUp, m.Problems)
	}
}

func TestConsumersOwnDisjointPartitionsOfOneLeaderEach(t *testing.T) {
	for name, leaders := range map[string][]string{
		"one leader":      {"a", "a", "a", "a", "a", "a", "a"},
		"several leaders": {"b", "a", "c", "a", "b", "b", "a", "a"},
	} {
		for _, count := range []int{3, 4} {
			shares, err := share(leaders, count)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			seen := map[int32]bool{}
			for _, partitions := range shares {
				for _, p := range partitions {
					if seen[p] || leaders[p] != leaders[partitions[0]] {
						t.Errorf("%s, %d consumers: partition %d of %q, seen before: %v", name, count, p, leaders[p], seen[p])
					}
					seen[p] = true
				}
			}
			if len(seen) != len(leaders) || len(shares) != count {
				t.Errorf("%s: %d consumers of partitions %v of %d", name, len(shares), seen, len(leaders))
			}
		}
	}
	for name, c := range map[string]struct {
		leaders   []string
		consumers int
		says      string
	}{
		"fewer consumers than leaders":   {[]string{"a", "b", "c"}, 2, "3 brokers lead"},
		"more consumers than partitions": {[]string{"a", "a", "b"}, 4, "2 consumers cannot share the 1 partitions that b leads"},
	} {
		if _, err := share(c.leaders, c.consumers); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLaggingTopicThatCannotBeReadIsRefused(t *testing.T) {
	b := startFakeBroker(t)
	b.create(t, "backlog", 2, 1)
	for name, c := range map[string]struct {
		pairs []string
		parts []string
	}{
		"missing":                        {[]string{"lagging-topic", "none"}, []string{`"none"`, "lagging-topic", "prepare"}},
		"more consumers than partitions": {nil, []string{"lagging-connections", "3 lagging", "2 partitions", "backlog"}},
		"more partitions than it has":    {[]string{"lagging-partitions", "5"}, []string{"2 partitions", "5", "backlog"}},
		"more consumers, lagging only":   {[]string{"consumers", "lagging", "consumer-connections", "4"}, []string{"consumer-connections", "4 lagging", "2 partitions"}},
	} {
		text := runError(t, context.Background(), bothKinds(t, b, c.pairs...))
		for _, part := range c.parts {
			if !strings.Contains(text, part) {
				t.Errorf("%s: %q does not say %q", name, text, part)
			}
		}
	}
	if b.topics["none"] != nil {
		t.Error("the missing topic was created")
	}
}

func TestLaggingConsumersAloneNeedNoTopicOfProducers(t *testing.T) {
	b := startFakeBroker(t)
	b.create(t, "backlog", 4, 2000)
	m := run(t, kafkaConfig(t, b.addr, "consumers", "lagging", "producers", "0", "lagging-topic", "backlog", "lagging-partitions", "2", "fetch-rate", "1"))
	if m.LaggingMBps == 0 || m.TailMBps != 0 || m.LogEndRecords != -1 {
		t.Errorf("%g MB/s of the backlog, %g at the tail, log end %d", m.LaggingMBps, m.TailMBps, m.LogEndRecords)
	}
	if m.Histograms[hdr.Key{Stage: "ServiceTime", API: "Fetch"}] == nil {
		t.Errorf("lagging consumers alone are Fetch; there is %v", m.Histograms.Keys())
	}
	if b.topics["c10klab"] != nil {
		t.Error("a topic for producers was created and there are none")
	}
}
