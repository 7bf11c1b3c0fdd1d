package loadgen

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"c10klab/internal/knob"
)

const (
	smallTrace = "time,api,bytes\n0,Echo,64\n0.001,Echo,100\n0.001,Echo,64\n1.5,Echo,64\n"
	kafkaTrace = "time,api,bytes\n0,Produce,4096\n0.001,Fetch,100\n0.001,LaggingFetch,300\n0.002,Fetch,200\n0.003,Fetch,100\n0.5,Produce,4096\n"
)

func mustReadTrace(t *testing.T, text, protocol string) *Trace {
	t.Helper()
	trace, err := readTrace(strings.NewReader(text), protocol)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

func TestTraceIsReadAsItIsWritten(t *testing.T) {
	trace := mustReadTrace(t, smallTrace, ProtocolEcho)
	echoes := trace.lists[ofProducers]
	want := []traced{{0, 0}, {1_000_000, 1}, {1_000_000, 0}, {1_500_000_000, 0}}
	if !slices.Equal(echoes.requests, want) || !slices.Equal(echoes.sizes, []int{64, 100}) {
		t.Errorf("read %v of sizes %v", echoes.requests, echoes.sizes)
	}
	if trace.length() != 1500*time.Millisecond || echoes.perSecond(time.Second) != 3 {
		t.Errorf("lasts %v, %g/s in its first second", trace.length(), echoes.perSecond(time.Second))
	}
	for text, protocol := range map[string]string{smallTrace: ProtocolEcho, kafkaTrace: ProtocolKafka} {
		if written, again := writtenAgain(t, mustReadTrace(t, text, protocol), protocol); !reflect.DeepEqual(written, again) {
			t.Errorf("%s written and read again: %+v, was %+v", protocol, again, written)
		}
	}
}

// writtenAgain writes a trace and reads it.
func writtenAgain(t *testing.T, trace *Trace, protocol string) (written, again *Trace) {
	t.Helper()
	var out bytes.Buffer
	if err := trace.write(&out, protocol); err != nil {
		t.Fatal(err)
	}
	return trace, mustReadTrace(t, out.String(), protocol)
}

func TestTraceTellsProducersAndConsumersApart(t *testing.T) {
	trace := mustReadTrace(t, kafkaTrace, ProtocolKafka)
	for kind, want := range map[tracedKind]traceList{
		ofProducers:      {[]traced{{0, 0}, {500_000_000, 0}}, []int{4096}},
		ofReaders:        {[]traced{{1_000_000, 0}, {2_000_000, 1}, {3_000_000, 0}}, []int{100, 200}},
		ofLaggingReaders: {[]traced{{1_000_000, 0}}, []int{300}},
	} {
		if got := trace.lists[kind]; !reflect.DeepEqual(got, want) {
			t.Errorf("kind %d: %+v, want %+v", kind, got, want)
		}
	}
	connections := [tracedKinds]int{3, 2, 1}
	whole := trace.hash(0, time.Second, ProtocolKafka, connections)
	fewer := mustReadTrace(t, strings.Replace(kafkaTrace, "0.002,Fetch,200\n", "", 1), ProtocolKafka)
	if whole == fewer.hash(0, time.Second, ProtocolKafka, connections) || whole != trace.hash(0, time.Second, ProtocolKafka, connections) {
		t.Error("the hash of a plan does not tell its fetches")
	}
}

func TestDamagedTracesAreRefusedWithTheLine(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":         {"", "header"},
		"no header":     {"0,Echo,64\n", "header"},
		"no request":    {"time,api,bytes\n", "no request"},
		"columns":       {smallTrace + "2,Echo\n", "line 6"},
		"text as time":  {smallTrace + "soon,Echo,64\n", `line 6: time "soon"`},
		"negative time": {smallTrace + "-1,Echo,64\n", "line 6"},
		"endless time":  {smallTrace + "Inf,Echo,64\n", "line 6"},
		"no number":     {smallTrace + "NaN,Echo,64\n", "line 6"},
		"backwards":     {smallTrace + "1.4,Echo,64\n", "line 6: time 1.4 is before"},
		"other api":     {smallTrace + "2,Fetch,64\n", `line 6: api "Fetch"`},
		"no api":        {smallTrace + "2,,64\n", `line 6: api ""`},
		"no size":       {smallTrace + "2,Echo,0\n", `line 6: bytes "0"`},
		"absurd size":   {smallTrace + "2,Echo,99999999999\n", "line 6"},
	} {
		if _, err := readTrace(strings.NewReader(c.text), ProtocolEcho); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}

func FuzzTrace(f *testing.F) {
	f.Add(smallTrace, true)
	f.Add(kafkaTrace, false)
	f.Add("time,api,bytes\n1e-9,Echo,1\n\"2\",Echo,2147483647\n", true)
	f.Add("time,api,bytes\n0,Fetch,1\n0,LaggingFetch,1\n0,Produce,1\n0,Fetch,2\n", false)
	f.Fuzz(func(t *testing.T, text string, isEcho bool) {
		protocol := ProtocolKafka
		if isEcho {
			protocol = ProtocolEcho
		}
		trace, err := readTrace(strings.NewReader(text), protocol)
		if err != nil {
			return
		}
		if _, again := writtenAgain(t, trace, protocol); !reflect.DeepEqual(trace, again) {
			t.Errorf("written and read again: %+v, was %+v", again, trace)
		}
	})
}

func TestPartsOfATraceMakeTheWhole(t *testing.T) {
	trace := mustReadTrace(t, smallTrace, ProtocolEcho).lists[ofProducers]
	const parts, connections = 2, 3
	var got []Arrival
	for part := range parts {
		next := trace.stream(part, parts, connections)
		for a, more := next(); more; a, more = next() {
			if a.Connection%parts != part {
				t.Errorf("part %d offers on connection %d", part, a.Connection)
			}
			got = append(got, a)
		}
	}
	if len(got) != 4 {
		t.Errorf("%d requests in %d parts, want 4: %v", len(got), parts, got)
	}
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
	trace, err := readTraceFile(cfg.TraceTo, ProtocolEcho)
	if err != nil {
		t.Fatal(err)
	}
	requests := trace.lists[ofProducers].requests
	if n := int64(len(requests)); n < closed.Answered {
		t.Errorf("%d requests recorded, %d answered", n, closed.Answered)
	}
	for connection := range 4 { // evenly over the warm-up of 50 ms
		first := traced{int64(connection) * int64(50*time.Millisecond) / 4, 0}
		if !slices.Contains(requests, first) {
			t.Errorf("no connection begins after %v", time.Duration(first.offsetNs))
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
