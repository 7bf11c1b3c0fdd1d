package broker

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
	admin := ServeAdmin(listener,
		func(s *record.ServerSnapshot) { s.Counters.Connections = 3 },
		func(s *record.ServerSnapshot) { s.Problems = append(s.Problems, "a") })
	base := "http://" + listener.Addr().String()

	resp, err := http.Get(base + record.SnapshotPath)
	if err != nil {
		t.Fatal(err)
	}
	var got record.ServerSnapshot
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got.Counters.Connections != 3 || len(got.Problems) != 1 || got.Process.PID != os.Getpid() || got.MonotonicNs == 0 {
		t.Errorf("snapshot %+v", got)
	}
	for path, want := range map[string]int{"/debug/pprof/": 200, "/debug/pprof/goroutine?debug=1": 200, "/nothing": 404} {
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
