package loadgen

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/osthread"
	"c10klab/internal/record"
)

// startAdmin serves snapshots that count what an echo server has answered.
func startAdmin(t *testing.T, answered *atomic.Int64) string {
	t.Helper()
	recorders := hdr.NewRecorders(1)
	state := func() record.ServerSnapshot {
		n := answered.Load()
		return record.ServerSnapshot{
			Counters: record.Counters{Responses: map[string]int64{"Echo": n}},
			Process:  record.Process{PID: 42, CPUNs: n},
			Problems: []string{"disk is late"},
		}
	}
	count := func(n int64) {
		r := recorders.Acquire(0)
		for range n {
			r.Record(0, 1000)
		}
		r.Release()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+record.MarkPath, func(w http.ResponseWriter, _ *http.Request) {
		count(5)
		recorders.Mark()
		json.NewEncoder(w).Encode(state())
	})
	mux.HandleFunc("GET "+record.SnapshotPath, func(w http.ResponseWriter, _ *http.Request) {
		count(10)
		now, atMark := recorders.Snapshot()
		s := state()
		key := hdr.Key{Stage: "LocalTime", API: "Echo"}
		s.Histograms, s.AtMark = hdr.Bundle{key: now[0]}, hdr.Bundle{}
		if atMark[0] != nil {
			s.AtMark[key] = atMark[0]
		}
		json.NewEncoder(w).Encode(s)
	})
	mux.HandleFunc("GET "+record.MemoryPath, func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(record.Memory{PID: 42, RSSBytes: 1 << 20})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestServersStagesOfTheWindowAreInTheMeasurement(t *testing.T) {
	var answered atomic.Int64
	s := startFake(t, func(conn net.Conn, frame []byte) bool {
		answered.Add(1)
		return echoFrame(conn, frame)
	})
	cfg := echoConfig(t, s.addr)
	cfg.Servers = brokerAt(startAdmin(t, &answered))
	m := run(t, cfg)
	if h := m.Histograms[hdr.Key{Stage: "LocalTime", API: "Echo"}]; h == nil || h.Count() != 10 {
		t.Errorf("LocalTime of the window is %v, want the 10 recorded between its edges", h)
	}
	if m.Broker().Process == nil || m.Broker().Process.PID != 42 || m.Broker().After == nil || m.Broker().After.Histograms != nil || m.Host.ForeignNs < 0 {
		t.Errorf("server %+v, after %+v, host %+v", m.Broker().Process, m.Broker().After, m.Host)
	}
	if !hasProblem(m, "disk is late") {
		t.Errorf("the server's problem is lost: %q", m.Problems)
	}
	for _, c := range m.Checks {
		if strings.HasPrefix(c.Name, "answers counted") && !c.OK {
			t.Errorf("counts disagree by %v", c.Value)
		}
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var back record.Measurement
	if err := json.Unmarshal(text, &back); err != nil || back.Outcome != m.Outcome {
		t.Errorf("read back with outcome %q, %v", back.Outcome, err)
	}
}

// runBesideAdmin loads an echo server whose admin port answers every mark and snapshot so.
func runBesideAdmin(t *testing.T, answer http.HandlerFunc) *record.Measurement {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+record.MarkPath, answer)
	mux.HandleFunc("GET "+record.SnapshotPath, answer)
	mux.HandleFunc("GET "+record.MemoryPath, func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(record.Memory{}) })
	server := httptest.NewServer(mux)
	defer server.Close()
	cfg := echoConfig(t, startFake(t, echoFrame).addr)
	cfg.Servers = brokerAt(strings.TrimPrefix(server.URL, "http://"))
	return run(t, cfg)
}

// A server with its stages off counts no answers; that is no fault of the generator's.
func TestServerThatCountsNoAnswersIsNotSetAgainstTheGenerator(t *testing.T) {
	answer := func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(record.ServerSnapshot{MonotonicNs: time.Now().UnixNano()})
	}
	m := runBesideAdmin(t, answer)
	const rule = "answers counted by only one of server and generator"
	if !slices.ContainsFunc(m.NotJudged, func(name string) bool { return strings.Contains(name, rule) }) {
		t.Errorf("not judged are %q, and of %d answers counted by the generator alone nothing may follow: %+v", m.NotJudged, m.Answered, m.Checks)
	}
}

func TestServerWhoseSnapshotsComeLateHasItsOwnWindow(t *testing.T) {
	const interval = 5 * time.Second // longer than the window
	var snapshots atomic.Int64
	answer := func(w http.ResponseWriter, _ *http.Request) {
		n := snapshots.Add(1) // 1 ahead of the load, 2 and 3 at the window's edges
		json.NewEncoder(w).Encode(record.ServerSnapshot{
			MonotonicNs: n * int64(interval), CensusAtNs: n*int64(interval) + int64(time.Second), CensusResponses: 1500 * n,
			Counters:  record.Counters{Responses: map[string]int64{"Echo": 1000 * n}, Counts: map[string]int64{record.AppendedBytes: 70 * n}},
			Process:   record.Process{PID: 42, CPUNs: n * int64(time.Second), VoluntarySwitches: 3000 * n},
			ThreadUse: map[string]osthread.Use{"conn": {Threads: 1, CPUNs: n * int64(time.Second)}},
		})
	}
	m := runBesideAdmin(t, answer)
	if w := m.Broker().Window; w == nil || *w != (record.ServerWindow{Ns: int64(interval), Requests: 1000, Bytes: 70}) {
		t.Fatalf("the server's window is %+v", w)
	}
	if m.Broker().Process.VoluntarySwitches != 3000 || m.ServerCores(m.Broker()) != 0.2 {
		t.Errorf("%d switches and %g cores, want 3000 and 0.2", m.Broker().Process.VoluntarySwitches, m.ServerCores(m.Broker()))
	}
	if m.Broker().ThreadUseNs != 2*int64(interval) || m.Broker().ThreadUseRequests != 3000 {
		t.Errorf("threads were counted %v apart with %d requests between, want %v and 3000", time.Duration(m.Broker().ThreadUseNs), m.Broker().ThreadUseRequests, 2*interval)
	}
	if start, end, known := m.WindowSpan(); !known || end-start != m.WindowNs || start == m.Broker().After.MonotonicNs-m.WindowNs {
		t.Errorf("the window goes from %d to %d (known: %v), by the late snapshot", start, end, known)
	}
}

// Servers beside the target are told by their names: what they used, their stages, their
// problems.
func TestEveryServerOfTheRunIsMeasured(t *testing.T) {
	var answered, replicated atomic.Int64
	s := startFake(t, func(conn net.Conn, frame []byte) bool {
		answered.Add(1)
		return echoFrame(conn, frame)
	})
	follower := Server{"follower-1", startAdmin(t, &replicated)}
	for name, servers := range map[string][]Server{
		"beside the target's":      append([]Server{follower}, brokerAt(startAdmin(t, &answered))...),
		"without the target's own": {follower},
	} {
		cfg := echoConfig(t, s.addr)
		cfg.Servers = servers
		m := run(t, cfg)
		if len(m.Servers) != 2 || m.Servers[0].Name != record.Broker || m.Servers[1].Name != follower.Name {
			t.Fatalf("%s: servers %+v", name, m.Servers)
		}
		known := len(servers) == 2
		if (m.Broker().Process != nil) != known || (m.Broker().StageSource == record.StagesAdmin) != known || (m.Host.ForeignNs >= 0) != known {
			t.Errorf("%s: the broker %+v, foreign CPU time %d", name, m.Broker(), m.Host.ForeignNs)
		}
		if got := m.Server(follower.Name); got.StageSource != record.StagesAdmin || got.Process == nil || got.Process.PID != 42 || got.After.Histograms != nil {
			t.Errorf("%s: the follower %+v", name, got)
		}
		if h := m.Histograms[hdr.Key{Stage: "LocalTime", API: "Echo", Server: follower.Name}]; h == nil || h.Count() != 10 {
			t.Errorf("%s: LocalTime of the follower's window is %v, want the 10 recorded in it", name, h)
		}
		if h := m.Histograms[hdr.Key{Stage: "LocalTime", API: "Echo"}]; (h != nil) != known {
			t.Errorf("%s: LocalTime of the broker is %v", name, h)
		}
		if !hasProblem(m, "follower-1: disk is late") || hasProblem(m, "server: disk is late") != known {
			t.Errorf("%s: problems %q", name, m.Problems)
		}
		for _, c := range m.Checks {
			if strings.HasPrefix(c.Name, "answers counted") && !c.OK {
				t.Errorf("%s: a follower's answers are counted with the broker's: they disagree by %v", name, c.Value)
			}
		}
	}
}

func TestServersThatNobodyCouldTellApartAreRefused(t *testing.T) {
	for want, servers := range map[string][]Server{
		"two admin ports": {{record.Broker, "127.0.0.1:1"}, {record.Broker, "127.0.0.1:2"}},
		"a name has":      {{"", "127.0.0.1:1"}},
		`"a:b"`:           {{"a:b", "127.0.0.1:1"}},
		`"a/b"`:           {{"a/b", "127.0.0.1:1"}},
	} {
		if err := CheckServers(servers); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q in it", servers, err, want)
		}
	}
	if err := CheckServers([]Server{{record.Broker, "127.0.0.1:1"}, {"follower-1", "127.0.0.1:2"}}); err != nil {
		t.Error(err)
	}
}

func TestRequestsInFlightAreANumberOfTheRun(t *testing.T) {
	const answerAfter = 10 * time.Millisecond
	s := startFake(t, func(conn net.Conn, frame []byte) bool {
		time.Sleep(answerAfter)
		return echoFrame(conn, frame)
	})
	m := run(t, echoConfig(t, s.addr, "producers", "50", "schedule", "constant"))
	value, known := measure.InFlight.Of(&record.Trial{Measurement: m})
	response := echoSpan(m, "ResponseTime")
	want := float64(response.Count()) * response.MeanNs() / float64(m.WindowNs)
	if !known || value < 0.9*want || value > 1.1*want {
		t.Errorf("%g in flight (known: %v), rate × time is %g", value, known, want)
	}
}

func TestMissingAdminPortIsAnError(t *testing.T) {
	cfg := echoConfig(t, startFake(t, echoFrame).addr)
	cfg.Servers = brokerAt("127.0.0.1:1")
	if text := runError(t, context.Background(), cfg); !strings.Contains(text, "127.0.0.1:1") {
		t.Errorf("%q does not name the admin address", text)
	}
}

func TestMachineTimesAreThoseOfAllCores(t *testing.T) {
	before, err := readMachine()
	if err != nil {
		t.Fatal(err)
	}
	if before.CPUs != runtime.NumCPU() || before.BusyNs <= 0 {
		t.Errorf("%+v", before)
	}
}

// BenchmarkClosedLoopEcho drives a Go echo server on the same machine; the two
// share its cores.
func BenchmarkClosedLoopEcho(b *testing.B) {
	s := startFake(b, echoFrame)
	cfg := echoConfig(b, s.addr, "mode", "closed", "producers", "64")
	for b.Loop() {
		m, err := Run(context.Background(), cfg)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(m.RequestsPerSec, "requests/s")
		b.ReportMetric(float64(m.Generator.CPUNs)/float64(m.Answered), "cpu-ns/request")
	}
}

// BenchmarkOpenLoopLateness offers 20 000 requests/s from one sender.
func BenchmarkOpenLoopLateness(b *testing.B) {
	s := startFake(b, echoFrame)
	cfg := echoConfig(b, s.addr, "rate-requests", "20000", "producers", "64", "in-flight", "16", "window", "1s")
	for b.Loop() {
		m, err := Run(context.Background(), cfg)
		if err != nil {
			b.Fatal(err)
		}
		late := echoSpan(m, "Lateness")
		b.ReportMetric(float64(late.ValueNs(0.5))/float64(time.Microsecond), "p50-µs-late")
		b.ReportMetric(float64(late.ValueNs(0.999))/float64(time.Microsecond), "p99.9-µs-late")
	}
}
