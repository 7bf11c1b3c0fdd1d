package loadgen

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"c10klab/internal/clock"
	"c10klab/loadgen/judge"

	"github.com/twmb/franz-go/pkg/kerr"
)

// wantAvailability runs a load and checks what it counts.
func wantAvailability(t *testing.T, cfg Config, within, beyond int64) {
	t.Helper()
	m := run(t, cfg)
	if a := m.Availability; a == nil || a.Within != within || a.Beyond != beyond || a.LimitNs != int64(time.Second) {
		t.Errorf("availability %+v, want %d within a second and %d not", a, within, beyond)
	}
	if share, known := m.Availability.Share(); !known || share != float64(within)/float64(within+beyond) {
		t.Errorf("share %g, known: %v", share, known)
	}
}

func TestRequestsNeverAnsweredAreNotAvailable(t *testing.T) {
	const answered = 8 + 100 // first answers, a third of the window
	var frames atomic.Int64
	s := startFake(t, func(conn net.Conn, frame []byte) bool {
		return frames.Add(1) > answered || echoFrame(conn, frame)
	})
	wantAvailability(t, echoConfig(t, s.addr, "schedule", "constant", "in-flight", "1000", "warm-up", "0s", "drain", "1200ms"), 100, 200)
}

func TestErrorAnswersAreNotAvailable(t *testing.T) {
	b := startFakeBroker(t)
	const first = 8
	b.produceError = func(n int) *kerr.Error {
		if n > first && n%2 == 0 {
			return kerr.NotEnoughReplicas
		}
		return nil
	}
	wantAvailability(t, kafkaConfig(t, b.addr, "schedule", "constant", "in-flight", "100", "warm-up", "0s"), 60, 60)
}

func TestAvailabilityCountsFromTheDueTime(t *testing.T) {
	const limitNs = int64(time.Second)
	r := newRig(t, echoConfig(t, "", "in-flight", "2"))
	r.offerAt(clock.Now() - limitNs) // its connection was free: the sender is a second late
	r.offerAt(clock.Now())
	r.mustAnswer(r.read())
	r.mustAnswer(r.read())
	if a := r.own.Counts; a[judge.Within] != 1 || a[judge.Beyond] != 1 {
		t.Errorf("one request in time and one a second late count as %d and %d", a[judge.Within], a[judge.Beyond])
	}
}

func TestAvailabilityNeedsDueTimesAndAnswers(t *testing.T) {
	for name, cfg := range map[string]Config{
		"closed loop": echoConfig(t, startFake(t, echoFrame).addr, "mode", "closed"),
		"acks 0":      kafkaConfig(t, startFakeBroker(t).addr, "acks", "0"),
	} {
		if m := run(t, cfg); m.Availability != nil {
			t.Errorf("%s: availability %+v", name, m.Availability)
		}
	}
}
