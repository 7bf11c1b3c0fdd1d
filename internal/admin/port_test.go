package admin

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"testing"

	"c10klab/internal/record"
)

func TestAdminAnswersWithWhatTheSourcesAdd(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	admin := Serve(listener, Port{
		Mark: func(s *record.ServerSnapshot) {
			s.Counters.Counts = map[string]int64{"connections": 2}
			s.Process = record.ThisProcess()
		},
		Snapshot: func(s *record.ServerSnapshot) {
			s.Counters.Counts = map[string]int64{"connections": 3}
			s.Process = record.ThisProcess()
		},
		Recorders: func() int { return 7 },
	}.Handler())
	base := "http://" + listener.Addr().String()

	ask := func(method, path string, want int64) {
		t.Helper()
		request, err := http.NewRequest(method, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var got record.ServerSnapshot
		if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
			t.Fatal(err)
		}
		if got.Counters.Counts["connections"] != want || got.Process.PID != os.Getpid() || got.MonotonicNs == 0 {
			t.Errorf("%s answers %+v", path, got)
		}
	}
	ask(http.MethodPost, record.MarkPath, 2)
	ask(http.MethodGet, record.SnapshotPath, 3)
	resp, err := http.Get(base + record.MemoryPath)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var memory record.Memory
	if err := json.NewDecoder(resp.Body).Decode(&memory); err != nil || memory.RecorderBytes != 7 || memory.RSSBytes == 0 || memory.PID != os.Getpid() {
		t.Errorf("%s answers %+v, %v", record.MemoryPath, memory, err)
	}
	for path, want := range map[string]int{"/debug/pprof/": 200, "/debug/pprof/goroutine?debug=1": 200, "/nothing": 404, record.ResidencyPath: 404} {
		resp, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if err := admin.Close(); err != nil {
		t.Error(err)
	}
}
