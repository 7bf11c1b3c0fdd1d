package loadgen

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"c10klab/internal/knob"
	"c10klab/loadgen/plan"
)

const (
	smallTrace = "time,api,bytes\n0,Echo,64\n0.001,Echo,100\n0.001,Echo,64\n1.5,Echo,64\n"
	kafkaTrace = "time,api,bytes\n0,Produce,4096\n0.001,Fetch,100\n0.001,LaggingFetch,300\n0.002,Fetch,200\n0.003,Fetch,100\n0.5,Produce,4096\n"
)

// mustReadTrace reads a trace of Kafka's requests.
func mustReadTrace(t *testing.T, text string) *plan.Trace {
	t.Helper()
	trace, err := plan.ReadTrace(strings.NewReader(text), plan.ProtocolKafka)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

// traceFile writes a trace's text where the knob can name it.
func traceFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trace.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTracesThatCannotBeReplayedAreRefused(t *testing.T) {
	const longKafka = kafkaTrace + "9,Produce,4096\n"
	for name, c := range map[string]struct {
		text string
		knob []string
		want string
	}{
		"shorter than the run":  {smallTrace, []string{"warm-up", "1s", "window", "1s"}, "lasts 1.5s"},
		"closed loop":           {smallTrace, []string{"mode", "closed"}, "closed"},
		"payload without id":    {"time,api,bytes\n0,Echo,3\n9,Echo,64\n", nil, "3 to 64 bytes"},
		"of another protocol":   {smallTrace, []string{"protocol", "kafka"}, `api "Echo"`},
		"fetches, no consumers": {longKafka, []string{"protocol", "kafka"}, "it holds Fetch, for which consumers=none"},
		"no lagging consumers":  {longKafka, []string{"protocol", "kafka", "consumers", "tail"}, "it holds LaggingFetch, for which consumers=tail"},
		"no producers":          {longKafka, []string{"protocol", "kafka", "consumers", "both", "producers", "0"}, "it holds Produce, and producers=0"},
		"nothing to produce":    {"time,api,bytes\n9,Fetch,64\n", []string{"protocol", "kafka", "consumers", "tail"}, "holds no Produce; use producers 0"},
		"a cap and a plan":      {longKafka, []string{"protocol", "kafka", "consumers", "both", "fetch-rate", "1"}, "fetch-rate"},
		"absurd fetch":          {longKafka + "10,Fetch,2000000000\n", []string{"protocol", "kafka", "consumers", "both"}, "a Fetch of 2000000000 bytes"},
	} {
		values := knob.NewTable(Knobs).Defaults()
		base := []string{"protocol", "echo", "warm-up", "100ms", "window", "1s", "trace", traceFile(t, c.text)}
		for i, all := 0, append(base, c.knob...); i < len(all); i += 2 {
			if err := values.Set(all[i], all[i+1]); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := ConfigFrom(values); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "knob trace") {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}

// sizedServer echoes and counts frames by their size.
func sizedServer(t *testing.T, slow time.Duration) (addr string, counts func() map[int]int) {
	var mu sync.Mutex
	bySize := map[int]int{}
	s := startFake(t, func(conn net.Conn, frame []byte) bool {
		mu.Lock()
		bySize[len(frame)-4]++
		mu.Unlock()
		time.Sleep(slow)
		return echoFrame(conn, frame)
	})
	return s.addr, func() map[int]int { mu.Lock(); defer mu.Unlock(); return bySize }
}

func TestReplayedTraceReachesTheTargetInItsSizes(t *testing.T) {
	var text strings.Builder
	text.WriteString("time,api,bytes\n")
	for i := range 100 {
		text.WriteString("0." + string(rune('0'+i/10)) + string(rune('0'+i%10)) + ",Echo," + map[bool]string{true: "5000", false: "50"}[i%4 == 0] + "\n")
	}
	addr, counts := sizedServer(t, 0)
	m := run(t, echoConfig(t, addr, "trace", traceFile(t, text.String()), "warm-up", "100ms", "window", "800ms", "load-threads", "2"))
	if n := echoSpan(m, "ResponseTime").Count(); m.OfferedRequests != 80 || n != 80 || m.InFlightAtEnd != 0 {
		t.Errorf("%d requests offered, %d response times, the trace has 80 in the window", m.OfferedRequests, n)
	}
	// 90 before the window's end, and each of 8 connections' first, which has the first size.
	if got := counts(); got[5000] != 23+8 || got[50] != 67 {
		t.Errorf("the target got %v, want 31 of 5000 bytes and 67 of 50", got)
	}
}

// TestSameSeedGivesTheSameArrivalsAtAnyTarget records two runs against targets that
// behave differently, and replays one.
func TestSameSeedGivesTheSameArrivalsAtAnyTarget(t *testing.T) {
	record := func(addr string, knobs ...string) (text, hash string) {
		cfg := echoConfig(t, addr, append([]string{"warm-up", "100ms", "window", "400ms"}, knobs...)...)
		cfg.TraceTo = filepath.Join(t.TempDir(), "out.csv")
		m := run(t, cfg)
		written, err := os.ReadFile(cfg.TraceTo)
		if err != nil {
			t.Fatal(err)
		}
		return string(written), m.ScheduleHash
	}
	quick, _ := sizedServer(t, 0)
	slow, _ := sizedServer(t, 2*time.Millisecond)
	first, hash := record(quick)
	second, hashAgain := record(slow)
	if first != second || hash != hashAgain || strings.Count(first, "\n") < 300 {
		t.Errorf("two runs of one seed: hashes %s and %s, traces of %d and %d bytes", hash, hashAgain, len(first), len(second))
	}
	path := traceFile(t, first+"1,Echo,64\n") // the recorded part covers the run
	replayed, _ := record(slow, "trace", path)
	if replayed != first {
		t.Errorf("a replayed run recorded %d bytes, the trace had %d", len(replayed), len(first))
	}
	if other, otherHash := record(quick, "seed", "2"); other == first || otherHash == hash {
		t.Error("another seed gave the same arrivals")
	}
}

func TestClosedLoopIsRecordedAndItsConnectionsBeginOneAfterTheOther(t *testing.T) {
	addr, _ := sizedServer(t, time.Millisecond)
	cfg := echoConfig(t, addr, "mode", "closed", "producers", "4")
	cfg.TraceTo = filepath.Join(t.TempDir(), "out.csv")
	closed := run(t, cfg)
	trace, err := plan.ReadTraceFile(cfg.TraceTo, plan.ProtocolEcho)
	if err != nil {
		t.Fatal(err)
	}
	p := plan.Plan{Trace: trace, Senders: 1, Connections: [plan.Kinds]int{1}}
	requests := map[int64]bool{}
	n := int64(0)
	for next := p.Requests(0); ; n++ {
		a, more := next()
		if !more {
			break
		}
		requests[a.OffsetNs] = true
	}
	if n < closed.Answered {
		t.Errorf("%d requests recorded, %d answered", n, closed.Answered)
	}
	for connection := range 4 { // evenly over the warm-up of 50 ms
		if first := int64(connection) * int64(50*time.Millisecond) / 4; !requests[first] {
			t.Errorf("no connection begins after %v", time.Duration(first))
		}
	}
}

func TestTraceThatCannotBeWrittenIsAnError(t *testing.T) {
	addr, _ := sizedServer(t, 0)
	cfg := echoConfig(t, addr)
	cfg.TraceTo = filepath.Join(t.TempDir(), "missing", "out.csv")
	if text := runError(t, context.Background(), cfg); !strings.Contains(text, cfg.TraceTo) {
		t.Errorf("%q does not name the file", text)
	}
}
