package loadgen

import (
	"context"
	"errors"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/knob"
	"c10klab/internal/osthread"
	"c10klab/internal/record"
)

func echoSpan(m *record.Measurement, stage string) *hdr.Histogram {
	return m.Histograms[hdr.Key{Stage: stage, API: "Echo"}]
}

func TestOpenLoopRecordsEveryRequestDueInTheWindow(t *testing.T) {
	s := startFake(t, echoFrame)
	for _, threads := range []string{"1", "3"} {
		m := run(t, echoConfig(t, s.addr, "load-threads", threads))
		if m.OfferedRequests < 150 || m.InFlightAtEnd != 0 {
			t.Fatalf("%d offered, %d in flight at the end", m.OfferedRequests, m.InFlightAtEnd)
		}
		for _, stage := range []string{"ResponseTime", "ServiceTime", "Lateness", "BackPressure"} {
			if h := echoSpan(m, stage); h == nil || h.Count() != m.OfferedRequests {
				t.Errorf("%s holds other than the %d requests offered", stage, m.OfferedRequests)
			}
		}
		if n := overTime(m, "ResponseTime"); n != m.OfferedRequests {
			t.Errorf("%d requests over time, %d offered", n, m.OfferedRequests)
		}
		if m.ScheduleHash == "" || m.LogEndRecords != -1 || m.Host.ForeignNs != -1 || m.Broker().Process != nil {
			t.Errorf("hash %q, log end %d, foreign %d, server %v", m.ScheduleHash, m.LogEndRecords, m.Host.ForeignNs, m.Broker().Process)
		}
	}
}

// overTime counts the requests of a span's series.
func overTime(m *record.Measurement, stage string) (n int64) {
	for _, s := range m.OverTime {
		if s.Stage != stage {
			continue
		}
		for _, step := range s.Steps {
			for i := 1; i < len(step); i += 2 {
				n += step[i]
			}
		}
	}
	return n
}

// The record tells what each sender and receiver did in the window, also of senders,
// which end before anybody can look.
func TestThreadsOfTheGeneratorAreInTheRecord(t *testing.T) {
	m := run(t, echoConfig(t, startFake(t, echoFrame).addr, "load-threads", "2"))
	const partsOfTheWindow = 20
	used := map[string]osthread.Entry{}
	for _, e := range m.GeneratorThreads {
		used[e.Name] = e
	}
	for _, name := range []string{"send-0", "send-1", "recv-0", "recv-1"} {
		if e, there := used[name]; !there || e.CPUNs <= 0 || e.TimeSlices <= 0 || time.Duration(e.CPUNs) > time.Minute {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if len(used) != 4 || len(m.MeanTimeNs) != partsOfTheWindow {
		t.Errorf("threads %v, %d parts of the window", used, len(m.MeanTimeNs))
	}
}

func TestConstantScheduleOffersExactlyThePlannedRequests(t *testing.T) {
	m := run(t, echoConfig(t, startFake(t, echoFrame).addr, "schedule", "constant"))
	if m.OfferedRequests != 300 {
		t.Errorf("%d requests offered at 1000/s in 300 ms", m.OfferedRequests)
	}
}

func TestStalledTargetShowsInResponseTimeAndNotInLateness(t *testing.T) {
	const stall = 1400 * time.Millisecond
	const stallAtFrame = 150
	var frames atomic.Int64
	var gate sync.RWMutex
	s := startFake(t, func(conn net.Conn, frame []byte) bool {
		if frames.Add(1) == stallAtFrame {
			gate.Lock()
			time.Sleep(stall)
			gate.Unlock()
		}
		gate.RLock()
		defer gate.RUnlock()
		return echoFrame(conn, frame)
	})
	m := run(t, echoConfig(t, s.addr, "schedule", "constant", "window", "2500ms"))
	response, late := echoSpan(m, "ResponseTime"), echoSpan(m, "Lateness")
	if got := time.Duration(response.MaxNs()); got < stall {
		t.Errorf("longest ResponseTime %v under a stall of %v", got, stall)
	}
	// 1400 of the window's 2500 requests fall due during the stall; half of them wait
	// half of it or longer.
	if got := time.Duration(response.ValueNs(0.72)); got < stall/2 {
		t.Errorf("ResponseTime p72 %v, want at least %v", got, stall/2)
	}
	if got := time.Duration(late.ValueNs(0.72)); got >= stall/2 {
		t.Errorf("Lateness p72 %v, the generator did not stall", got)
	}
}

func TestTargetThatNeverAnswersAgainIsSaturatedWithAges(t *testing.T) {
	const silentAfter = 100
	var frames atomic.Int64
	s := startFake(t, func(conn net.Conn, frame []byte) bool {
		return frames.Add(1) > silentAfter || echoFrame(conn, frame)
	})
	m := run(t, echoConfig(t, s.addr, "drain", "100ms"))
	unanswered := func(c record.Check) bool {
		return c.Name == "requests never answered" && !c.OK && c.Else == record.Saturated
	}
	if m.Outcome == record.Valid || m.InFlightAtEnd == 0 || !slices.ContainsFunc(m.Checks, unanswered) {
		t.Errorf("outcome %s with %d never answered", m.Outcome, m.InFlightAtEnd)
	}
	response := echoSpan(m, "ResponseTime")
	if response.Count() != m.OfferedRequests {
		t.Errorf("ResponseTime holds %d of %d requests", response.Count(), m.OfferedRequests)
	}
	if got := time.Duration(response.MaxNs()); got < 300*time.Millisecond {
		t.Errorf("the oldest unanswered request is %v old, want window and drain", got)
	}
	if !slices.ContainsFunc(m.Problems, func(p string) bool { return strings.Contains(p, "lower bounds") }) {
		t.Errorf("problems say nothing of lower bounds: %q", m.Problems)
	}
}

func TestClosedLoopKeepsItsDepth(t *testing.T) {
	var now, most atomic.Int64
	s := startFake(t, func(conn net.Conn, frame []byte) bool {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		return echoFrame(conn, frame)
	})
	m := run(t, echoConfig(t, s.addr, "mode", "closed", "in-flight", "4"))
	if m.Answered == 0 || m.OfferedRequests != 0 || m.ScheduleHash != "" {
		t.Errorf("%d answered, %d offered, hash %q", m.Answered, m.OfferedRequests, m.ScheduleHash)
	}
	if echoSpan(m, "ResponseTime") != nil || echoSpan(m, "Lateness") != nil {
		t.Error("a closed loop has no due times, hence no ResponseTime and no Lateness")
	}
	if echoSpan(m, "ServiceTime") == nil {
		t.Error("no ServiceTime")
	}
}

// runError runs a load that must fail and returns its error's text.
func runError(t *testing.T, ctx context.Context, cfg Config) string {
	t.Helper()
	m, err := Run(ctx, cfg)
	if err == nil {
		t.Fatalf("no error; measured %d answers, outcome %s", m.Answered, m.Outcome)
	}
	return err.Error()
}

func TestRefusedConnectionNamesTheAddress(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	for _, protocol := range []string{"echo", "kafka"} {
		text := runError(t, context.Background(), config(t, addr, "protocol", protocol, "rate-requests", "100"))
		if !strings.Contains(text, addr) || !strings.Contains(text, "refused") {
			t.Errorf("%s: %q, want the address and the reason", protocol, text)
		}
	}
}

func TestMoreConnectionsThanDescriptorsAreRefusedUpFront(t *testing.T) {
	text := runError(t, context.Background(), echoConfig(t, "127.0.0.1:1", "producers", "999999"))
	if !strings.Contains(text, "1000063") || !strings.Contains(text, "ulimit") {
		t.Errorf("%q, want the number needed and how to raise the limit", text)
	}
}

func TestBadTargetsAreErrors(t *testing.T) {
	for _, target := range []string{"", ":9092", "nowhere", "127.0.0.1:port"} {
		if text := runError(t, context.Background(), echoConfig(t, target)); !strings.Contains(text, "target") {
			t.Errorf("target %q: %q", target, text)
		}
	}
}

func TestEndOfContextEndsTheRun(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var frames atomic.Int64
	s := startFake(t, func(conn net.Conn, frame []byte) bool {
		if frames.Add(1) == 50 {
			cancel()
		}
		return echoFrame(conn, frame)
	})
	before := runtime.NumGoroutine()
	_, err := Run(ctx, echoConfig(t, s.addr, "window", "1m"))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	s.close()
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before the run, %d after", before, after)
	}
}

func TestSenselessKnobsAreRefusedByName(t *testing.T) {
	for _, c := range [][]string{
		{"window", "0s"},
		{"producers", "0"},
		{"consumers", "tail", "protocol", "echo", "rate-requests", "1"},
		{"consumer-connections", "31", "consumers", "tail"},
		{"fetch-rate", "5"},
		{"fetch-rate-requests", "5"},
		{"fetch-rate-requests", "5", "consumers", "tail", "mode", "closed"},
		{"fetch-rate-requests", "5", "consumers", "lagging", "fetch-rate", "5"},
		{"fetch-rate-requests", "0.1", "consumers", "tail"},
		{"fetch-rate-requests", "1e9", "consumers", "tail"},
		{"consumer-connections", "31", "consumers", "lagging"},
		{"lagging-connections", "31", "consumers", "both"},
		{"lagging-connections", "4", "consumers", "both", "lagging-topic", "x", "lagging-partitions", "3"},
		{"lagging-partitions", "31", "consumers", "lagging"},
		{"bad-consumers", "dies", "protocol", "echo", "rate-requests", "1"},
		{"mode", "closed", "acks", "0"},
		{"rate-requests", "0", "protocol", "echo"},
		{"rate", "0"},
		{"rate", "1e-9"},
		{"rate-requests", "0.1", "protocol", "echo"},
		{"rate-requests", "1e9"},
		{"load-cpus", "x"},
	} {
		values := knob.NewTable(Knobs).Defaults()
		for i := 0; i < len(c); i += 2 {
			if err := values.Set(c[i], c[i+1]); err != nil {
				t.Fatal(err)
			}
		}
		want := c[0]
		if want == "mode" || want == "consumers" || want == "rate-requests" {
			want = "knob"
		}
		if _, err := ConfigFrom(values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want an error that names the knob", c, err)
		}
	}
}
