package loadgen

import (
	"slices"
	"strings"
	"testing"
	"time"

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

// cluster3 is a cluster of three, over whose brokers the leaders of its topic are spread.
func cluster3(t *testing.T, partitions int32) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(partitions, "c10klab"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	for p := range partitions {
		if err := cluster.MoveTopicPartition("c10klab", p, p%3); err != nil {
			t.Fatal(err)
		}
	}
	return cluster
}

func TestEachPartitionsLeaderIsLoaded(t *testing.T) {
	cluster := cluster3(t, 6)
	m := run(t, kafkaConfig(t, cluster.ListenAddrs()[0], "partitions", "6", "producers", "6", "consumers", "tail", "consumer-connections", "3", "drain", "10s"))
	if m.Errors != 0 || m.AckedRecords == 0 || m.LogEndRecords != m.AckedRecords || m.Outages != nil {
		t.Errorf("%d errors, %d records acknowledged, log grew by %d, outages %v; %q", m.Errors, m.AckedRecords, m.LogEndRecords, m.Outages, m.Problems)
	}
	if hasProblem(m, "did not reach their consumer") || m.TailMBps == 0 {
		t.Errorf("%g MB/s at the tail: %q", m.TailMBps, m.Problems)
	}
}

// while starts a run and does something in the middle of its window.
func while(t *testing.T, cfg Config, do func()) *record.Measurement {
	t.Helper()
	middle := time.AfterFunc(cfg.WarmUp+cfg.Window/2, do)
	defer middle.Stop()
	return run(t, cfg)
}

func TestLeadersThatMoveAreFollowed(t *testing.T) {
	cluster := cluster3(t, 6)
	cfg := kafkaConfig(t, cluster.ListenAddrs()[0], "partitions", "6", "producers", "6", "consumers", "tail", "consumer-connections", "3", "window", "2s", "drain", "10s")
	m := while(t, cfg, func() {
		for p := range int32(6) { // so that one consumer's partitions have several leaders
			cluster.MoveTopicPartition("c10klab", p, (p/3+1)%3)
		}
	})
	if m.Errors != 0 || m.InFlightAtEnd != 0 || m.AckedRecords == 0 || m.LogEndRecords < m.AckedRecords {
		t.Errorf("%d errors, %d never answered, %d acknowledged, the log grew by %d: %q", m.Errors, m.InFlightAtEnd, m.AckedRecords, m.LogEndRecords, m.Problems)
	}
	if m.Outages == nil || m.Outages.Connections == 0 || m.Outages.LongestNs == 0 || !hasProblem(m, "lost their leader") {
		t.Errorf("outages %+v, problems %q", m.Outages, m.Problems)
	}
	if hasProblem(m, "did not reach their consumer") {
		t.Errorf("problems %q", m.Problems)
	}
}

func TestBrokerThatGoesIsSurvived(t *testing.T) {
	cluster := cluster3(t, 6)
	cfg := kafkaConfig(t, cluster.ListenAddrs()[0], "partitions", "6", "producers", "6", "consumers", "tail", "consumer-connections", "3", "window", "2s", "drain", "10s")
	m := while(t, cfg, func() {
		if err := cluster.RemoveNode(2); err != nil {
			t.Error(err)
		}
	})
	if m.Errors != 0 || m.InFlightAtEnd != 0 || m.LogEndRecords < m.AckedRecords || m.Outages == nil {
		t.Errorf("%d errors, %d never answered, %d acknowledged, the log grew by %d, outages %v: %q", m.Errors, m.InFlightAtEnd, m.AckedRecords, m.LogEndRecords, m.Outages, m.Problems)
	}
}

func TestBrokerThatStaysAwayEndsTheRun(t *testing.T) {
	cluster := cluster3(t, 3)
	cfg := kafkaConfig(t, cluster.ListenAddrs()[0], "partitions", "3", "window", "20s", "reconnect", "300ms")
	time.AfterFunc(cfg.WarmUp+time.Second, cluster.Close)
	if text := runError(t, t.Context(), cfg); !strings.Contains(text, "not reached again within 300ms (knob reconnect)") {
		t.Errorf("%q does not say why", text)
	}
}

// Batches of every codec are taken by another broker and timed by the tail.
func TestCompressedBatchesAreProducedAndTimed(t *testing.T) {
	for _, codec := range []string{"gzip", "snappy", "lz4", "zstd"} {
		m := run(t, kafkaConfig(t, startKfake(t), "compression", codec, "consumers", "tail", "drain", "10s"))
		end, response := m.Histograms[hdr.Key{Stage: "EndToEnd", API: "Fetch"}], m.Histograms[hdr.Key{Stage: "ResponseTime", API: "Produce"}]
		if m.Errors != 0 || m.LogEndRecords != m.AckedRecords || end == nil || end.Count() != response.Count() {
			t.Errorf("%s: %d errors, %d acknowledged, log grew by %d, EndToEnd of %v: %q", codec, m.Errors, m.AckedRecords, m.LogEndRecords, end, m.Problems)
		}
		if held := m.OfferedMBps / (400 * 4096 / 1e6); held > 0.8 {
			t.Errorf("%s: %.2f of the bytes went over the wire", codec, held)
		}
	}
}
