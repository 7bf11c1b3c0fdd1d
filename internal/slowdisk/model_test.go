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
	var last Plan
	for _, r := range trace {
		last = t.Plan(0, r)
	}
	return time.Duration(last.FinishNs)
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
	const arrivedNs, slackNs, blockNs = int64(time.Hour), int64(500 * time.Microsecond), int64(time.Millisecond)
	for _, c := range []struct {
		name                          string
		answeredNs, afterNs, startsNs int64 // after the first's planned finish
	}{
		{"arrives before the answer", 0, -blockNs / 2, 0},
		{"arrives within the slack", 0, slackNs, 0},
		{"arrives later", 0, 2 * slackNs, 2 * slackNs},
		{"arrives soon after a late answer", 4 * blockNs, 4*blockNs + slackNs, 0},
		{"arrives long after a late answer", 4 * blockNs, 5 * blockNs, 5 * blockNs},
		{"has more to catch up than is allowed", 100 * blockNs, 100 * blockNs, 50 * blockNs},
	} {
		timeline := NewTimeline(models[HDD], gib)
		first := timeline.Plan(arrivedNs, Request{Bytes: 125_000})
		timeline.Answered(first, first.FinishNs+c.answeredNs)
		second := timeline.Plan(first.FinishNs+c.afterNs, Request{OffsetBytes: 125_000, Bytes: 125_000})
		if first.StartNs != arrivedNs || second.StartNs-first.FinishNs != c.startsNs || second.FinishNs-second.StartNs != blockNs {
			t.Errorf("%s: starts %d ns after the one before, want %d, and takes %d ns",
				c.name, second.StartNs-first.FinishNs, c.startsNs, second.FinishNs-second.StartNs)
		}
	}
}

func TestRequestsOneAfterTheOtherShareAChannel(t *testing.T) {
	timeline := NewTimeline(models[SSDSATA], gib)
	block := Request{Bytes: 5000}
	first := timeline.Plan(1e9, block)
	timeline.Answered(first, first.FinishNs)
	second := timeline.Plan(first.FinishNs+100, block)
	third := timeline.Plan(first.FinishNs+200, block)
	if second.Channel != first.Channel || second.StartNs != first.FinishNs {
		t.Errorf("the second starts %d ns after the first, on channel %d after %d", second.StartNs-first.FinishNs, second.Channel, first.Channel)
	}
	if third.Channel == second.Channel || third.StartNs != first.FinishNs+200 {
		t.Errorf("the third, which arrives during the second, is on channel %d and starts %d ns after the first", third.Channel, third.StartNs-first.FinishNs)
	}
}
