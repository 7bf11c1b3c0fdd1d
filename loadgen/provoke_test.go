package loadgen

import (
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"c10klab/internal/record"
)

// wantFailed checks that a run failed the rule whose name begins so, and that its
// outcome is at least as grave as the rule's.
func wantFailed(t *testing.T, m *record.Measurement, name string) {
	t.Helper()
	for _, c := range m.Checks {
		if !strings.HasPrefix(c.Name, name) {
			continue
		}
		if c.OK {
			t.Errorf("%q passes with %g of at most %g %s", c.Name, c.Value, c.Limit, c.Unit)
		}
		if c.Else != record.Valid && m.Outcome == record.Valid {
			t.Errorf("%q fails and the outcome is %s", c.Name, m.Outcome)
		}
		return
	}
	t.Errorf("%q was not judged; not judged: %q", name, m.NotJudged)
}

func TestServerThatCountsOtherwiseSpoilsTheRun(t *testing.T) {
	var answered atomic.Int64
	s := startFake(t, func(conn net.Conn, frame []byte) bool {
		answered.Add(3)
		return echoFrame(conn, frame)
	})
	cfg := echoConfig(t, s.addr)
	cfg.Servers = brokerAt(startAdmin(t, &answered))
	wantFailed(t, run(t, cfg), "answers counted by only one")
}

func TestCollectionInTheWindowSpoilsTheRun(t *testing.T) {
	var frames atomic.Int64
	s := startFake(t, func(conn net.Conn, frame []byte) bool {
		if frames.Add(1)%10 == 0 { // some of them within the window, however late it is
			runtime.GC()
		}
		return echoFrame(conn, frame)
	})
	wantFailed(t, run(t, echoConfig(t, s.addr)), "garbage collections of the generator")
}

func TestTargetThatSlowsDownIsSaturated(t *testing.T) {
	var frames atomic.Int64
	s := startFake(t, func(conn net.Conn, frame []byte) bool {
		time.Sleep(time.Duration(frames.Add(1)) * 500 * time.Microsecond)
		return echoFrame(conn, frame)
	})
	m := run(t, echoConfig(t, s.addr, "window", "1500ms", "producers", "200", "schedule", "constant", "rate-requests", "500"))
	wantFailed(t, m, "ResponseTime rises within the window")
	wantFailed(t, m, "steady state")
}

func TestStarvedConnectionIsSeen(t *testing.T) {
	var starved atomic.Pointer[net.Conn]
	s := startFake(t, func(conn net.Conn, frame []byte) bool {
		starved.CompareAndSwap(nil, &conn)
		if *starved.Load() == conn {
			time.Sleep(200 * time.Millisecond)
		} else {
			time.Sleep(time.Millisecond)
		}
		return echoFrame(conn, frame)
	})
	wantFailed(t, run(t, echoConfig(t, s.addr, "mode", "closed", "window", "1500ms", "producers", "4")), "starvation")
}
