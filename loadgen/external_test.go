package loadgen

import (
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

// startKfake starts franz-go's broker, which shares no code with ours.
func startKfake(t *testing.T, options ...kfake.Opt) (addr string) {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

func TestAnotherKafkaBrokerIsLoaded(t *testing.T) {
	for _, acks := range []string{"1", "-1", "0"} {
		m := run(t, kafkaConfig(t, startKfake(t), "acks", acks, "drain", "10s"))
		if m.Errors != 0 || m.AckedRecords == 0 || m.LogEndRecords != m.AckedRecords {
			t.Errorf("acks %s: %d errors, %d records acknowledged, log grew by %d; %q", acks, m.Errors, m.AckedRecords, m.LogEndRecords, m.Problems)
		}
		if m.OfferedRequests == 0 || m.InFlightAtEnd != 0 {
			t.Errorf("acks %s: %d offered, %d never answered", acks, m.OfferedRequests, m.InFlightAtEnd)
		}
	}
}

func TestAnotherKafkaBrokersTopicIsConsumed(t *testing.T) {
	addr := startKfake(t, kfake.SeedTopics(5, "c10klab"))
	m := run(t, kafkaConfig(t, addr, "consumers", "both", "lagging-connections", "2", "lagging-wrap", "true", "drain", "10s"))
	end, response := m.Histograms[hdr.Key{Stage: "EndToEnd", API: "Fetch"}], m.Histograms[hdr.Key{Stage: "ResponseTime", API: "Produce"}]
	if end == nil || end.Count() != response.Count() {
		t.Fatalf("EndToEnd %v, want one sample for each of %d batches; %q", end, response.Count(), m.Problems)
	}
	if m.TailMBps == 0 || m.LaggingMBps == 0 || m.FetchErrors != 0 {
		t.Errorf("%g MB/s at the tail, %g of the backlog, %d errors", m.TailMBps, m.LaggingMBps, m.FetchErrors)
	}
}

// Without an admin port there are no stages, and what rests on them is named as not judged.
func TestTargetWithoutStagesIsMeasuredWithoutThem(t *testing.T) {
	m := run(t, kafkaConfig(t, startKfake(t)))
	if m.Broker().StageSource != record.StagesNone || m.Broker().Process != nil || m.Broker().After != nil || m.Broker().LoopTimes != nil {
		t.Errorf("stage source %q, server %v, after %v", m.Broker().StageSource, m.Broker().Process, m.Broker().After)
	}
	for key := range m.Histograms {
		if !slices.Contains([]string{"ResponseTime", "ServiceTime", "Lateness", "BackPressure"}, key.Stage) {
			t.Errorf("%s was measured, and nobody tells it", key)
		}
	}
	for _, name := range []string{"answers counted by only one", "CPU time of foreign processes", "garbage collections of the server"} {
		unasked := func(rule string) bool { return strings.HasPrefix(rule, name) }
		if !slices.ContainsFunc(m.NotJudged, unasked) {
			t.Errorf("%q is not named as not judged: %q", name, m.NotJudged)
		}
	}
}

func TestClusterOfSeveralLeadersIsRefused(t *testing.T) {
	const partitions = 50 // kfake draws their leaders by lot: of so many not all have the same
	cfg := kafkaConfig(t, startKfake(t, kfake.NumBrokers(3), kfake.SeedTopics(partitions, "c10klab")))
	cfg.Partitions = partitions
	if text := runError(t, t.Context(), cfg); !strings.Contains(text, "different leaders") {
		t.Errorf("%q does not say why", text)
	}
}
