package record

import (
	"testing"
	"time"
)

// A snapshot at the end that comes a second late: the client's window was two seconds.
func lateSnapshot() *Measurement {
	before := &ServerSnapshot{MonotonicNs: int64(10 * time.Second), Counters: Counters{Responses: map[string]int64{"Echo": 100}, AppendedBytes: 7}}
	after := &ServerSnapshot{MonotonicNs: int64(13 * time.Second), Counters: Counters{Responses: map[string]int64{"Echo": 400}, AppendedBytes: 3007, FetchedBytes: 1000}}
	return &Measurement{
		WindowNs: int64(2 * time.Second), RequestsPerSec: 95, AckedMBps: 0.001,
		Server:       &Process{CPUNs: int64(1500 * time.Millisecond), VoluntarySwitches: 600, InvoluntarySwitches: 300},
		ServerWindow: after.ServerWindowSince(before), After: after,
	}
}

func TestServerIsMeasuredByItsOwnWindow(t *testing.T) {
	m := lateSnapshot()
	if m.ServerSeconds() != 3 || m.ServerRequests() != 300 || m.ServerBytes() != 4000 || m.ServerCores() != 0.5 {
		t.Errorf("%g s, %g requests, %g bytes, %g cores; want 3, 300, 4000 and 0.5", m.ServerSeconds(), m.ServerRequests(), m.ServerBytes(), m.ServerCores())
	}
	if voluntary, involuntary, known := m.SwitchesPerRequest(); voluntary != 2 || involuntary != 1 || !known {
		t.Errorf("%g and %g switches a request (known: %v), want 2 and 1", voluntary, involuntary, known)
	}
}

func TestServerThatCountsNothingIsMeasuredByTheClientsRate(t *testing.T) {
	uncounted := lateSnapshot()
	uncounted.ServerWindow.Requests, uncounted.ServerWindow.Bytes = 0, 0
	if uncounted.ServerRequests() != 3*95 || uncounted.ServerBytes() != 3*1000 {
		t.Errorf("%g requests and %g bytes in three seconds", uncounted.ServerRequests(), uncounted.ServerBytes())
	}
	without := lateSnapshot()
	without.ServerWindow = nil
	if without.ServerSeconds() != 2 || without.ServerRequests() != 190 {
		t.Errorf("without a window of its own: %g s and %g requests, want the client's 2 and 190", without.ServerSeconds(), without.ServerRequests())
	}
	if (&Measurement{WindowNs: 1}).ServerCores() != 0 {
		t.Error("cores without a server")
	}
}

func TestWindowLiesWhereTheClientHadIt(t *testing.T) {
	m := lateSnapshot()
	m.WindowStartNs = int64(10 * time.Second)
	if start, end, known := m.WindowSpan(); start != m.WindowStartNs || end != int64(12*time.Second) || !known {
		t.Errorf("from %d to %d (known: %v)", start, end, known)
	}
	m.WindowStartNs = 0
	if start, end, known := m.WindowSpan(); start != int64(11*time.Second) || end != m.After.MonotonicNs || !known {
		t.Errorf("by the last snapshot from %d to %d (known: %v)", start, end, known)
	}
	if _, _, known := (&Measurement{WindowNs: 1}).WindowSpan(); known {
		t.Error("a window without a begin is known")
	}
}
