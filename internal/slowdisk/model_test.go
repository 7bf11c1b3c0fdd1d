package slowdisk

import (
	"testing"
	"time"
)

const gib = 1 << 30

// plan runs a trace of requests that all wait at time 0 and returns when the
// last one finishes.
func plan(m Model, sizeBytes int64, trace []Request) time.Duration {
	t := NewTimeline(m, sizeBytes)
	t.model.Slack = 0
	var finishNs int64
	for _, r := range trace {
		_, finishNs = t.Plan(0, r)
	}
	return time.Duration(finishNs)
}

func TestModelsTakeTheirTime(t *testing.T) {
	read := func(offset int64, bytes int) Request { return Request{OffsetBytes: offset, Bytes: bytes} }
	write := func(offset int64, bytes int) Request { return Request{Write: true, OffsetBytes: offset, Bytes: bytes} }
	cases := []struct {
		name  string
		model Model
		trace []Request
		want  time.Duration
	}{
		{"hdd, one second of sequential reads", models[HDD], []Request{read(0, 75e6), read(75e6, 50e6)}, time.Second},
		{"hdd, sequential writes after reads", models[HDD], []Request{read(0, 125e6), write(125e6, 125e6)}, 2 * time.Second},
		{"hdd, a quarter of the disk is half the longest way", models[HDD], []Request{read(gib/4, 0)}, 1*time.Millisecond + 6562500*time.Nanosecond},
		{"hdd, the same way back", models[HDD], []Request{read(gib/4, 0), read(0, 0)}, 2*time.Millisecond + 13125*time.Microsecond},
		{"hdd, a gap of 125 kB passes under the head", models[HDD], []Request{read(125_000, 125_000)}, 2 * time.Millisecond},
		{"ssd, one request", models[SSDSATA], []Request{read(gib/2, 5000)}, 90 * time.Microsecond},
		{"ssd, writes have their own rate", models[SSDSATA], []Request{write(0, 45_000)}, 180 * time.Microsecond},
		{"ssd, eight access times overlap, transfers do not", models[SSDSATA], make8(read(0, 5000)), 160 * time.Microsecond},
		{"ssd, the ninth waits for a channel", models[SSDSATA], append(make8(read(0, 5000)), read(0, 5000)), 180 * time.Microsecond},
		{"none", models[NoDelay], []Request{read(0, 1<<20), write(gib/2, 1<<20)}, 0},
	}
	for _, c := range cases {
		if got := plan(c.model, gib, c.trace); (got - c.want).Abs() > 20 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func make8(r Request) []Request { return []Request{r, r, r, r, r, r, r, r} }

func TestMeanSeekIsTheModels(t *testing.T) {
	m := models[HDD]
	m.ReadMBps = 1e9
	timeline := NewTimeline(m, 1000*blockBytes)
	var total time.Duration
	for from := range int64(1000) {
		for to := range int64(1000) {
			timeline.headBytes = from * blockBytes
			if to < from { // forward ways may be shorter than a seek
				total += 2 * timeline.seek(to*blockBytes)
			}
		}
	}
	if mean := total / (1000 * 1000); (mean - m.Seek).Abs() > m.Seek/100 {
		t.Errorf("the mean seek is %v, want %v", mean, m.Seek)
	}
}

func TestRequestStartsWhenTheOneBeforeFinishes(t *testing.T) {
	timeline := NewTimeline(models[HDD], gib)
	block := Request{Bytes: 125_000} // 1 ms
	timeline.Plan(1e9, block)
	timeline.Plan(1e9, block) // the head goes back, so its finish is the reference
	busyUntil := timeline.freeNs[0]
	next := Request{OffsetBytes: timeline.headBytes, Bytes: 125_000}
	for _, c := range []struct {
		name              string
		afterNs, startsNs int64
	}{
		{"arrives before", -1e6, 0},
		{"arrives within the slack", int64(models[HDD].Slack) / 2, 0},
		{"arrives later", 10e6, 10e6},
	} {
		fresh := *timeline
		fresh.freeNs = []int64{busyUntil}
		start, finish := fresh.Plan(busyUntil+c.afterNs, next)
		if start-busyUntil != c.startsNs || finish-start != 1e6 {
			t.Errorf("%s: starts %d ns after the one before and takes %d ns", c.name, start-busyUntil, finish-start)
		}
	}
}
