package loadgen

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"c10klab/internal/kafka"
	"c10klab/internal/record"

	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"
)

// answersOf is an echo server that answers each connection once, as a load waits for, and then
// only the first few of them.
func answersOf(t *testing.T, few int64) *fakeServer {
	var connections sync.Map
	var opened atomic.Int64
	return startFake(t, func(conn net.Conn, frame []byte) bool {
		served, known := connections.Load(conn)
		if !known {
			connections.Store(conn, opened.Add(1) <= few)
		} else if !served.(bool) {
			return true
		}
		return echoFrame(conn, frame)
	})
}

func checkOf(t *testing.T, m *record.Measurement, prefix string) record.Check {
	t.Helper()
	for _, c := range m.Checks {
		if strings.HasPrefix(c.Name, prefix) {
			return c
		}
	}
	t.Fatalf("%q was not asked; not judged: %q", prefix, m.NotJudged)
	return record.Check{}
}

// manyConnections are 10 000 where a machine is given time, or as many as its limit of
// descriptors leaves for both ends in one process.
func manyConnections(t *testing.T) (all, served int) {
	if os.Getenv("C10KLAB_LONG") == "" {
		return 500, 50
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	const others = 200
	all = int(min(10_000, (limit.Cur-others)/2))
	return all, all / 10
}

func TestServerThatAnswersATenthOfAClosedLoopIsNotValid(t *testing.T) {
	all, served := manyConnections(t)
	m := run(t, echoConfig(t, answersOf(t, int64(served)).addr, "mode", "closed", "producers", fmt.Sprint(all), "source-addresses", "4", "warm-up", "1s", "window", "1s", "drain", "100ms"))
	if m.Outcome == record.Valid {
		t.Error("the run is valid")
	}
	starved := float64(all-served) / float64(all) * 100
	for _, prefix := range []string{"closed loop: rate × time", "starvation"} {
		if c := checkOf(t, m, prefix); c.OK || c.Value < starved-5 || c.Value > starved+5 {
			t.Errorf("%s: %g %s of limit %g, want some %g", c.Name, c.Value, c.Unit, c.Limit, starved)
		}
	}
	if c := checkOf(t, m, "requests never answered"); c.OK || c.Value != float64(all-served) {
		t.Errorf("%g requests were never answered, want %d", c.Value, all-served)
	}
	if c := checkOf(t, m, "count of requests in flight"); !c.OK {
		t.Errorf("the generator counts wrong: %g %s", c.Value, c.Unit)
	}
	if got := m.Numbers["starved_share"]; got < starved-5 {
		t.Errorf("starved_share is %g %%", got)
	}
	ages := m.Censored["ServiceTime/Echo"]
	if ages.Count != int64(all-served) || ages.LeastNs < int64(time.Second) || ages.MostNs > int64(time.Minute) {
		t.Errorf("ages %+v, want those of %d requests longer than the window", ages, all-served)
	}
	if h := echoSpan(m, "ServiceTime"); h.MaxNs() < ages.LeastNs || h.Count() != m.Answered+ages.Count {
		t.Errorf("%d durations up to %v, want %d answers and %d ages", h.Count(), time.Duration(h.MaxNs()), m.Answered, ages.Count)
	}
}

func TestServerThatAnswersATenthOfAnOpenLoopIsNotValid(t *testing.T) {
	all, served := manyConnections(t)
	m := run(t, echoConfig(t, answersOf(t, int64(served)).addr, "producers", fmt.Sprint(all), "source-addresses", "4", "rate-requests", fmt.Sprint(5*all), "window", "1s", "drain", "100ms"))
	if m.Outcome == record.Valid {
		t.Error("the run is valid")
	}
	for _, prefix := range []string{"requests never answered", "acknowledged below offered", "starvation"} {
		if c := checkOf(t, m, prefix); c.OK {
			t.Errorf("%s passes with %g %s", c.Name, c.Value, c.Unit)
		}
	}
	if c := checkOf(t, m, "requests due that no percentile counts"); !c.OK {
		t.Errorf("%g requests due are in no histogram", c.Value)
	}
	ages, h := m.Censored["ResponseTime/Echo"], echoSpan(m, "ResponseTime")
	if ages.Count != m.InFlightAtEnd || h.Count() != m.OfferedRequests || h.ValueNs(0.5) < ages.LeastNs {
		t.Errorf("ages %+v of %d never answered, p50 %v", ages, m.InFlightAtEnd, time.Duration(h.ValueNs(0.5)))
	}
}

func TestFairServersPercentilesAreExact(t *testing.T) {
	for _, mode := range []string{"closed", "open"} {
		m := run(t, echoConfig(t, startFake(t, echoFrame).addr, "mode", mode, "producers", "100", "warm-up", "200ms", "window", "500ms"))
		if len(m.Censored) > 0 || m.Censored == nil {
			t.Errorf("%s loop: ages %v, want none, and that it is known", mode, m.Censored)
		}
		for _, c := range m.Checks {
			if !c.OK && c.Else == record.Saturated && c.Name != "ResponseTime rises within the window" {
				t.Errorf("%s loop: %s fails with %g %s", mode, c.Name, c.Value, c.Unit)
			}
		}
		if mode == "closed" {
			checkOf(t, m, "closed loop: rate × time")
		}
	}
}

// TestConsumerThatIsForgottenIsSeen holds the fetches of one consumer of two back for ever, but the first.
func TestConsumerThatIsForgottenIsSeen(t *testing.T) {
	b := startFakeBroker(t)
	var mu sync.Mutex
	var forgotten net.Conn
	front := startFake(t, func(conn net.Conn, frame []byte) bool {
		if h, _, err := kafka.ParseRequestHeader(frame[kafka.PrefixBytes:]); err == nil && h.Key == kmsg.Fetch.Int16() {
			mu.Lock()
			defer mu.Unlock()
			switch forgotten {
			case nil:
				forgotten = conn
			case conn:
				return true
			}
		}
		return b.serveFrame(conn, frame)
	})
	m := run(t, kafkaConfig(t, front.addr, "consumers", "tail", "consumer-connections", "2", "fetch-max-wait", "20ms", "drain", "200ms"))
	if m.Outcome == record.Valid {
		t.Error("the run is valid")
	}
	if c := checkOf(t, m, "closed loop: consumers without an answer"); c.OK || c.Value != 50 {
		t.Errorf("%g %s of the consumers had no answer, want 50", c.Value, c.Unit)
	}
	if c := checkOf(t, m, "requests never answered"); c.OK || c.Value != 1 {
		t.Errorf("%g requests were never answered, want one fetch", c.Value)
	}
	if ages := m.Censored["ServiceTime/Fetch"]; ages.Count != 1 || ages.LeastNs < m.WindowNs {
		t.Errorf("ages %+v, want one of at least the window", ages)
	}
	if ages, there := m.Censored["ResponseTime/Fetch"]; there {
		t.Errorf("a closed loop has no due times, and has ages from them: %+v", ages)
	}
}
