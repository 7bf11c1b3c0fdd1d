package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"c10klab/internal/child"
	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

// The admin port shows what the network threads did and how file bytes were sent.
func TestSnapshotShowsLoopTimesAndResidency(t *testing.T) {
	child.NeedDirsFor(t, "loop-per-thread-pool", "resident")
	s := child.Serve(t, "--data", t.TempDir(), "--send", "resident", "--loops", "2")
	producer := child.Client(t, s.Listen)
	sent := &kgo.Record{Topic: "shown", Value: make([]byte, 1000)}
	if err := producer.ProduceSync(context.Background(), sent).FirstErr(); err != nil {
		t.Fatal(err)
	}
	child.Consume(t, child.Client(t, s.Listen, child.FromBeginning("shown")), func(*kgo.Record) bool { return true })
	child.Eventually(t, "both network threads show their times", func() bool {
		times := child.Snapshot(t, s.Admin).LoopTimes
		return len(times) == 2 && times[0].WallNs > 0 && times[1].WallNs > 0
	})
	shown := child.Snapshot(t, s.Admin)
	for i, l := range shown.LoopTimes {
		if l.Name != []string{"net-0", "net-1"}[i] || l.IOWaitNs <= 0 || l.IOWaitNs+l.IONs > l.WallNs {
			t.Errorf("times of a network thread: %+v", l)
		}
	}
	if r := shown.Residency; r == nil || r.Probes < 1 || r.Hot != r.Probes {
		t.Errorf("residency of what was just produced: %+v", r)
	}
	for _, key := range []hdr.Key{{Stage: "BlockedOnDisk", API: "Fetch"}, {Stage: "LoopLag", API: measure.AllLoops}} {
		if shown.Histograms[key] == nil {
			t.Errorf("%s was not recorded", key)
		}
	}
}

// The admin port shows when the store was slow, and what the kernel wrote meanwhile.
func TestSnapshotShowsTheStoresActivity(t *testing.T) {
	s := child.Serve(t, "--data", t.TempDir(), "--segment-bytes", "1", "--write-back-samples", "true")
	producer := child.Client(t, s.Listen)
	for range 3 {
		if err := producer.ProduceSync(context.Background(), &kgo.Record{Topic: "rolls", Value: make([]byte, 1500)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	child.Eventually(t, "write-back is sampled", func() bool { return len(child.Snapshot(t, s.Admin).Store.WriteBack) > 1 })
	shown := child.Snapshot(t, s.Admin).Store
	rolls := 0
	for _, e := range shown.Events {
		if e.Kind == record.EventRoll && strings.HasSuffix(e.Path, "/rolls-0") && e.AtNs > 0 && e.TookNs > 0 {
			rolls++
		}
	}
	if rolls != 2 || shown.Appends != 3 || len(shown.SlowestAppends) != 3 {
		t.Errorf("%d rolls, %d appends, slowest %+v", rolls, shown.Appends, shown.SlowestAppends)
	}
}

// What the parts of a server count is what the registry of measures declares.
func TestEveryCountOfAServerIsDeclared(t *testing.T) {
	s := child.Serve(t, "--data", t.TempDir())
	counts := child.Snapshot(t, s.Admin).Counters.Counts
	for _, c := range measure.Counters {
		if _, counted := counts[c.Name]; !counted {
			t.Errorf("nobody counts %s", c.Name)
		}
		delete(counts, c.Name)
	}
	if len(counts) > 0 {
		t.Errorf("not declared: %v", counts)
	}
}

func TestResidentOnAFileSystemThatCannotTellIsRefused(t *testing.T) {
	data := filepath.Join(dirInMemory(t), "log")
	_, stderr, exit := child.Run(t, child.ServeArgs("--data", data, "--send", "resident")...)
	if exit != exitUsage || !strings.Contains(stderr, data) || !strings.Contains(stderr, "cannot tell what is in the page cache") {
		t.Errorf("ended with %d: %s", exit, stderr)
	}
}
