package plan

import (
	"testing"
	"time"
)

func TestASenderWakesEarlyWhereThatLeavesItTime(t *testing.T) {
	const now, due = int64(time.Second), int64(time.Second + 300*time.Microsecond)
	for _, c := range []struct {
		perSecond    float64
		lateNs       int64 // of each wake-up before
		until, early int64
	}{
		{0, 0, due, leastEarlyNs},
		{1000, 0, due, leastEarlyNs},
		{1000, 8_000, due, leastEarlyNs},
		{1000, 40_000, due, 60_000},
		{1000, 5_000_000, due, mostEarlyNs},
		{20_000, 8_000, due, leastEarlyNs},
		{20_000, 40_000, due, 0},
		{100_000, 0, due, 0},
	} {
		n := NewPacer(c.perSecond, false)
		for range 1000 {
			n.Woke(0) // only yielded
			n.Woke(c.lateNs)
		}
		until, early := n.Until(now, due)
		if until != c.until || early < c.early-200 || early > c.early {
			t.Errorf("%g/s, wake-ups %d ns late: sleeps until %d and wakes %d early, want %d and %d", c.perSecond, c.lateNs, until-now, early, c.until-now, c.early)
		}
	}
	dense := NewPacer(100_000, false)
	if until, _ := dense.Until(now, now+1000); until != now+leastSleepNs {
		t.Errorf("with requests 10 µs apart it sleeps %d ns", until-now)
	}
	free := NewPacer(100_000, true)
	if until, early := free.Until(now, now+1000); until-early != now {
		t.Errorf("with a CPU to itself and requests 10 µs apart it sleeps %d ns", until-early-now)
	}
	rare := NewPacer(1, true)
	if until, _ := rare.Until(now, now+int64(time.Hour)); until != now+LongestSleepNs {
		t.Errorf("it sleeps %d ns and sees no stop", until-now)
	}
}
