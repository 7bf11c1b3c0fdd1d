package slowdisk

import (
	"errors"
	"testing"
	"time"
)

// virtualPacer runs on a clock that only sleeps and accesses move.
func virtualPacer(m Model) (p *pacer, now *int64) {
	now = new(int64)
	*now = int64(time.Hour)
	p = newPacer(m)
	p.setSize(gib)
	p.now = func() int64 { return *now }
	p.sleep = func(untilNs int64) { *now = max(*now, untilNs) }
	p.setDelay(true)
	return p, now
}

// take does one sequential read of 125 kB, a millisecond for an HDD, whose
// image takes imageNs, and returns how long it took.
func take(p *pacer, now *int64, imageNs int64) time.Duration {
	startNs := *now
	offset := p.timeline.headBytes
	_ = p.do(Request{OffsetBytes: offset, Bytes: 125_000}, func() error { *now += imageNs; return nil })
	return time.Duration(*now - startNs)
}

func TestLateAnswersAreCounted(t *testing.T) {
	p, now := virtualPacer(models[HDD])
	*now += 1e9
	take(p, now, 0)
	for _, imageNs := range []int64{0, 900_000, 1_400_000} { // within the slack
		if take(p, now, imageNs); p.counts.Late != 0 {
			t.Fatalf("an image of %d ns made an answer late", imageNs)
		}
		*now += 1e9 // so that the next starts when it arrives
	}
	take(p, now, 5_000_000)
	counts, _ := p.snapshot()
	if counts.Late != 1 || counts.Delayed != 5 || counts.LateShare != 0.2 {
		t.Errorf("late %d of %d, share %g", counts.Late, counts.Delayed, counts.LateShare)
	}
	if counts.LateMaxNs != 4_000_000 || counts.LateTotalNs != counts.LateMaxNs {
		t.Errorf("late by %d ns in all, %d at most", counts.LateTotalNs, counts.LateMaxNs)
	}
}

func TestFastImageMakesUpForASlowMoment(t *testing.T) {
	p, now := virtualPacer(models[HDD])
	startNs := *now
	take(p, now, 0)
	for range 9 {
		*now += 100_000 // from the answer to the next request
		take(p, now, 300_000)
	}
	if took := time.Duration(*now - startNs); took > 10*time.Millisecond {
		t.Errorf("ten requests of 1 ms took %v", took)
	}
}

func TestStallAndDelayAreObeyed(t *testing.T) {
	p, now := virtualPacer(models[HDD])
	p.stall(2 * time.Second)
	if took := take(p, now, 0); took < 2*time.Second || took > 2002*time.Millisecond {
		t.Errorf("a request during a stall of 2 s took %v", took)
	}
	p.setDelay(false)
	if took := take(p, now, 0); took != 0 {
		t.Errorf("without delay a request took %v", took)
	}
	p.stall(time.Second)
	if took := take(p, now, 0); took != time.Second {
		t.Errorf("without delay a stall of 1 s took %v", took)
	}
	counts, _ := p.snapshot()
	if counts.Reads != 3 || counts.Delayed != 1 || counts.Late != 0 {
		t.Errorf("counts %+v", counts)
	}
}

func TestSwitchingOffReleasesWaitingRequests(t *testing.T) {
	p, now := virtualPacer(models[HDD])
	p.sleep = func(untilNs int64) { *now = untilNs; p.release() }
	if took := take(p, now, 0); took > longestSleep {
		t.Errorf("a released request took %v", took)
	}
	p.mark()
	failure := errors.New("no such block")
	if err := p.do(Request{Write: true, Bytes: 1}, func() error { return failure }); !errors.Is(err, failure) {
		t.Errorf("the image's error became %v", err)
	}
	if counts, on := p.snapshot(); on || counts.Errors != 1 || counts.Writes != 1 || counts.Reads != 0 {
		t.Errorf("counts %+v, on %t", counts, on)
	}
}
