package clock

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestNowIsTheKernelsMonotonicClock(t *testing.T) {
	before := Now()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	after := Now()
	if ts.Nano() < before || ts.Nano() > after {
		t.Errorf("CLOCK_MONOTONIC %d lies outside [%d, %d]", ts.Nano(), before, after)
	}
}

func TestOffsetRoundTripsAndMatchesWallTime(t *testing.T) {
	var o Offset
	o.Sample()
	now := Now()
	if back := o.Monotonic(o.Real(now)); back != now {
		t.Errorf("round trip of %d gives %d", now, back)
	}
	wall := time.Now().UnixNano()
	if late := wall - o.Real(now); late < -int64(time.Second) || late > int64(time.Minute) {
		t.Errorf("Real(Now()) is %v from the wall clock", time.Duration(late))
	}
	o.realMinusMonotonicNs.Add(int64(time.Hour))
	o.Sample()
	if o.Steps() != 1 {
		t.Errorf("a step of one hour counted %d times", o.Steps())
	}
}
