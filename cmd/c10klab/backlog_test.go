package main

import (
	"encoding/json"
	"net/http"
	"testing"

	"c10klab/internal/child"
	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/need"
	"c10klab/internal/record"
)

// askResidency asks a server's admin port what of a topic is cached.
func askResidency(t *testing.T, s *child.Server, method, path string) record.Residency {
	t.Helper()
	request, err := http.NewRequest(method, "http://"+s.Admin+path+"?topic=backlog", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotImplemented {
		need.Lacking(t, "cachestat(2), Linux 6.5")
	}
	var found []record.Residency
	if err := json.NewDecoder(response.Body).Decode(&found); err != nil || len(found) != 1 {
		t.Fatalf("%s %s: %s, %+v, %v", method, path, response.Status, found, err)
	}
	return found[0]
}

func TestPreparedBacklogIsEvictedAndReadByLaggingConsumers(t *testing.T) {
	data := t.TempDir()
	if _, stderr, exit := child.Run(t, "prepare", "--data", data, "--partitions", "4", "--bytes", "32MiB"); exit != exitOK {
		t.Fatalf("prepare ended with %d: %s", exit, stderr)
	}
	s := child.Serve(t, "--data", data)
	hot := askResidency(t, s, http.MethodGet, record.ResidencyPath)
	if hot.Pages*hot.PageBytes < 32<<20 {
		t.Errorf("prepared 32 MiB, the server has %+v", hot)
	}
	stayed := askResidency(t, s, http.MethodPost, record.EvictPath)
	if stayed.Pages != hot.Pages || stayed.CachedPages > hot.CachedPages {
		t.Errorf("before %+v, after eviction %+v", hot, stayed)
	}
	stdout, stderr, exit := child.Run(t, "load", "--target", s.Listen, "--admin", s.Admin, "--json", "--rate", "2",
		"--producers", "2", "--partitions", "2", "--warm-up", "100ms", "--window", "500ms",
		"--consumers", "both", "--consumer-connections", "2", "--lagging-connections", "4", "--lagging-topic", "backlog", "--fetch-rate", "10",
		"--bad-consumers", "dies", "--bad-connections", "2")
	if exit != exitOK && exit != exitLimited {
		t.Fatalf("load ended with %d: %s", exit, stderr)
	}
	var m record.Measurement
	if err := json.Unmarshal([]byte(stdout), &m); err != nil {
		t.Fatal(err)
	}
	if m.LaggingMBps == 0 || m.TailMBps == 0 || m.LaggingCaughtUp != 0 || m.BadAnswers < 2 || m.Errors != 0 {
		t.Errorf("%g MB/s lagging, %g at the tail, %d caught up, %d bad answers, %d errors; %q",
			m.LaggingMBps, m.TailMBps, m.LaggingCaughtUp, m.BadAnswers, m.Errors, m.Problems)
	}
	for _, key := range []hdr.Key{{Stage: "ServiceTime", API: measure.LaggingFetch}, {Stage: "ServiceTime", API: "Fetch"}, {Stage: "EndToEnd", API: "Fetch"}} {
		if m.Histograms[key] == nil {
			t.Errorf("%s is missing of %v", key, m.Histograms.Keys())
		}
	}
}
