package record

import (
	"testing"
	"time"
)

// A snapshot at the end that comes a second late: the client's window was two seconds.
func lateSnapshot() *Measurement {
	before := &ServerSnapshot{MonotonicNs: int64(10 * time.Second), Counters: Counters{Responses: map[string]int64{"Echo": 100}, Counts: map[string]int64{AppendedBytes: 7}}}
	after := &ServerSnapshot{MonotonicNs: int64(13 * time.Second), Process: Process{CPUNs: int64(1500 * time.Millisecond), VoluntarySwitches: 600, InvoluntarySwitches: 300}, Counters: Counters{Responses: map[string]int64{"Echo": 400}, Counts: map[string]int64{AppendedBytes: 3007, FetchedBytes: 1000}}}
	return &Measurement{
		WindowNs: int64(2 * time.Second), RequestsPerSec: 95, AckedMBps: 0.001,
		Servers: []ServerUse{UseOf(Broker, before, before, after)},
	}
}

func TestServerIsMeasuredByItsOwnWindow(t *testing.T) {
	m := lateSnapshot()
	if m.ServerSeconds(m.Broker()) != 3 || m.ServerRequests(m.Broker()) != 300 || m.ServerBytes(m.Broker()) != 4000 || m.ServerCores(m.Broker()) != 0.5 {
		t.Errorf("%g s, %g requests, %g bytes, %g cores; want 3, 300, 4000 and 0.5", m.ServerSeconds(m.Broker()), m.ServerRequests(m.Broker()), m.ServerBytes(m.Broker()), m.ServerCores(m.Broker()))
	}
	if p := m.Broker().Process; p.VoluntarySwitches != 600 || p.InvoluntarySwitches != 300 {
		t.Errorf("%d and %d switches, want 600 and 300", p.VoluntarySwitches, p.InvoluntarySwitches)
	}
}

func TestServerThatCountsNothingIsMeasuredByTheClientsRate(t *testing.T) {
	uncounted := lateSnapshot()
	uncounted.Broker().Window.Requests, uncounted.Broker().Window.Bytes = 0, 0
	if uncounted.ServerRequests(uncounted.Broker()) != 3*95 || uncounted.ServerBytes(uncounted.Broker()) != 3*1000 {
		t.Errorf("%g requests and %g bytes in three seconds", uncounted.ServerRequests(uncounted.Broker()), uncounted.ServerBytes(uncounted.Broker()))
	}
	without := lateSnapshot()
	without.Broker().Window = nil
	if without.ServerSeconds(without.Broker()) != 2 || without.ServerRequests(without.Broker()) != 190 {
		t.Errorf("without a window of its own: %g s and %g requests, want the client's 2 and 190", without.ServerSeconds(without.Broker()), without.ServerRequests(without.Broker()))
	}
	if m := (&Measurement{WindowNs: 1}); m.ServerCores(m.Broker()) != 0 {
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
	if start, end, known := m.WindowSpan(); start != int64(11*time.Second) || end != m.Broker().After.MonotonicNs || !known {
		t.Errorf("by the last snapshot from %d to %d (known: %v)", start, end, known)
	}
	if _, _, known := (&Measurement{WindowNs: 1}).WindowSpan(); known {
		t.Error("a window without a begin is known")
	}
}

func TestPackedNumbersOfAServerAreThoseUnderItsName(t *testing.T) {
	broker, follower := 1.0, 2.0
	trial := Trial{Measurement: new(Measurement), Numbers: map[string]*float64{"server_cores": &broker, "follower-1:server_cores": &follower, "rate_held": &broker}}
	for name, want := range map[string]int{Broker: 3, "follower-1": 1, "other": 0} {
		if own := trial.OfServer(name).Numbers; len(own) != want || name == "follower-1" && own["server_cores"] != &follower {
			t.Errorf("%s has %v", name, own)
		}
	}
}
