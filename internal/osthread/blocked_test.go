package osthread

import (
	"math"
	"slices"
	"testing"
	"time"

	"c10klab/internal/clock"

	"golang.org/x/sys/unix"
)

// onMeteredThread runs body on a locked thread of its own with a meter.
func onMeteredThread(t *testing.T, body func(*BlockedMeter)) {
	t.Helper()
	r := NewRegistry(Options{})
	err := r.Start("metered-0", func(*Thread) {
		m, err := NewBlockedMeter()
		if err != nil {
			t.Error(err)
			return
		}
		defer m.Close()
		body(m)
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Wait()
}

// medianNs measures a piece of work many times: the median is what the work takes,
// the rest is what other load on the machine did to it.
func medianNs(m *BlockedMeter, times int, work func()) int64 {
	all := make([]int64, times)
	for i := range all {
		m.Begin()
		work()
		all[i] = m.EndNs()
	}
	slices.Sort(all)
	return all[times/2]
}

func TestSpinningIsNotBlocked(t *testing.T) {
	onMeteredThread(t, func(m *BlockedMeter) {
		blocked := medianNs(m, 51, func() {
			for end := clock.Now() + int64(500*time.Microsecond); clock.Now() < end; {
			}
		})
		if limit := int64(20 * time.Microsecond); blocked >= limit {
			t.Errorf("a spin of 500 µs was blocked for %d ns", blocked)
		}
	})
}

// A send that sleeps in the kernel: its time is read to within 5 %.
func TestSleepInTheKernelIsBlocked(t *testing.T) {
	const slept = 20 * time.Millisecond
	onMeteredThread(t, func(m *BlockedMeter) {
		blocked := medianNs(m, 11, func() {
			ts := unix.NsecToTimespec(int64(slept))
			unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &ts, nil)
		})
		if math.Abs(float64(blocked)/float64(slept)-1) > 0.05 {
			t.Errorf("a sleep of %v was measured as %v", slept, time.Duration(blocked))
		}
	})
}

func TestWaitInAReadIsBlocked(t *testing.T) {
	const delay = 20 * time.Millisecond
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	onMeteredThread(t, func(m *BlockedMeter) {
		blocked := medianNs(m, 11, func() {
			time.AfterFunc(delay, func() { unix.Write(ends[1], []byte{0}) })
			unix.Read(ends[0], make([]byte, 1))
		})
		if blocked < int64(delay)*95/100 {
			t.Errorf("a read that waited %v was blocked for %v", delay, time.Duration(blocked))
		}
	})
}

// Only the sleep of the call counts: not one before it, nor one of an earlier call.
func TestSleepBetweenCallsIsNotBlocked(t *testing.T) {
	sleep := func() {
		ts := unix.NsecToTimespec(int64(3 * time.Millisecond))
		unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &ts, nil)
	}
	onMeteredThread(t, func(m *BlockedMeter) {
		for range 5 {
			m.Begin()
			m.EndNs()
			sleep()
			m.Begin()
			if blocked := m.EndNs(); blocked != 0 {
				t.Errorf("an empty call after a sleep was blocked for %d ns", blocked)
			}
			m.Begin()
			sleep()
			m.EndNs()
			m.Begin()
			if blocked := m.EndNs(); blocked != 0 {
				t.Errorf("an empty call after one that slept was blocked for %d ns", blocked)
			}
		}
	})
}
