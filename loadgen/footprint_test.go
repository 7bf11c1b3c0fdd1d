package loadgen

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"c10klab/internal/record"
)

// startMemoryAdmin is an admin port whose process grows by so much between the first
// time it is asked for its memory and the second; everything else it answers as empty.
func startMemoryAdmin(t *testing.T, before, after record.Memory) (addr string) {
	t.Helper()
	var mu sync.Mutex
	asked := 0
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+record.MemoryPath, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		if asked == 1 {
			json.NewEncoder(w).Encode(before)
		} else {
			json.NewEncoder(w).Encode(after)
		}
	})
	empty := func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(record.ServerSnapshot{}) }
	mux.HandleFunc("POST "+record.MarkPath, empty)
	mux.HandleFunc("GET "+record.SnapshotPath, empty)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestServersMemoryAConnectionIsWithoutItsRecorders(t *testing.T) {
	const connections, each, recorders = 10, 10 << 10, 30 << 20
	before := record.Memory{RSSBytes: 100 << 20, RecorderBytes: 20 << 20}
	after := record.Memory{RSSBytes: before.RSSBytes + connections*each + recorders, RecorderBytes: before.RecorderBytes + recorders}
	cfg := echoConfig(t, startFake(t, echoFrame).addr, "connections", "10", "idle-share", "0.5", "join-samples", "0")
	cfg.Servers = brokerAt(startMemoryAdmin(t, before, after))
	if c := run(t, cfg).Connections; c.ServerBytes != each {
		t.Errorf("%g bytes a connection of the server, want %d", c.ServerBytes, each)
	}
}

func TestServersMemoryIsUnknownWithoutAdminPort(t *testing.T) {
	if c := run(t, echoConfig(t, startFake(t, echoFrame).addr)).Connections; c.ServerBytes != 0 || c.Open != 8 {
		t.Errorf("%+v, want 8 connections and nothing of the server's memory", c)
	}
}

func TestFootprintIsSharedByAllConnections(t *testing.T) {
	before := footprint{serverBytes: 400, ownBytes: 1000, kernelBytes: 2000}
	after := footprint{serverBytes: 600, ownBytes: 1040, kernelBytes: 2020}
	var c record.Connections
	before.perConnection(after, 4, &c)
	if want := (record.Connections{ServerBytes: 50, GeneratorBytes: 10, KernelBytes: 5}); c != want {
		t.Errorf("%+v, want %+v", c, want)
	}
}
