package slowdisk

import (
	"fmt"
	"math"
	"time"
)

const (
	HDD     = "hdd"
	SSDSATA = "ssd-sata"
	NoDelay = "none"
	Custom  = "custom"
)

// Model is how long a disk takes. A request occupies a channel for its access
// time, then the one bus for its transfer.
type Model struct {
	Name      string        `knob:"disk-model"`
	ReadMBps  float64       `knob:"disk-bandwidth"`       // 10⁶ bytes a second
	WriteMBps float64       `knob:"disk-write-bandwidth"` // likewise
	Seek      time.Duration `knob:"disk-seek"`            // mean over pairs of random places; 0: no moving head
	Latency   time.Duration `knob:"disk-latency"`         // of every request, before its transfer
	Channels  int           `knob:"disk-channels"`        // requests whose access times may overlap; a head needs 1
	// Slack is how long after an answer a request may arrive and still start when the
	// disk was free, and how late an answer may be without counting as late.
	Slack time.Duration `knob:"disk-slack"`
}

// models are the disks that go by name. HDD: a 7200/min desktop disk on its
// middle tracks. SSDSATA: what the SATA link leaves of a flash disk.
var models = map[string]Model{
	HDD:     {Name: HDD, ReadMBps: 125, WriteMBps: 125, Seek: 8 * time.Millisecond, Channels: 1, Slack: 500 * time.Microsecond},
	SSDSATA: {Name: SSDSATA, ReadMBps: 500, WriteMBps: 450, Latency: 80 * time.Microsecond, Channels: 8, Slack: 500 * time.Microsecond},
	NoDelay: {Name: NoDelay, Channels: 8},
}

// ModelNamed returns the model of a name other than Custom.
func ModelNamed(name string) (Model, error) {
	m, found := models[name]
	if !found {
		return Model{}, fmt.Errorf("no disk model is named %q", name)
	}
	return m, nil
}

func (m Model) Delays() bool { return m.Name != NoDelay }

type Request struct {
	Write       bool
	OffsetBytes int64
	Bytes       int
}

// Timeline plans requests in the order of their arrival, in nanoseconds of any
// one clock. It is pure arithmetic, for one thread at a time.
type Timeline struct {
	model     Model
	sizeBytes int64
	headBytes int64 // where the last request ended
	channels  []channel
	busNs     int64 // when the bus is free
}

// channel is one request's place in the disk.
type channel struct {
	freeNs     int64 // by the model's clock
	answeredNs int64 // when its last request was answered
}

// Plan is when a request takes place, and on which channel.
type Plan struct {
	Channel           int
	StartNs, FinishNs int64
}

// maxCatchUp bounds what is made up for after the image or the machine was
// slower than the model.
const maxCatchUp = 50 * time.Millisecond

// NewTimeline returns an idle disk of sizeBytes with its head at the start.
func NewTimeline(m Model, sizeBytes int64) *Timeline {
	return &Timeline{model: m, sizeBytes: sizeBytes, channels: make([]channel, max(m.Channels, 1))}
}

func (t *Timeline) Plan(arrivalNs int64, r Request) Plan {
	if !t.model.Delays() {
		return Plan{0, arrivalNs, arrivalNs}
	}
	p := Plan{Channel: t.choose(arrivalNs)}
	c := &t.channels[p.Channel]
	p.StartNs = arrivalNs
	if arrivalNs-max(c.freeNs, c.answeredNs) <= int64(t.model.Slack) {
		p.StartNs = max(c.freeNs, arrivalNs-int64(maxCatchUp))
	}
	accessNs := p.StartNs + int64(t.seek(r.OffsetBytes)+t.model.Latency)
	p.FinishNs = max(accessNs, t.busNs) + int64(t.transfer(r))
	c.freeNs, t.busNs = p.FinishNs, p.FinishNs
	t.headBytes = r.OffsetBytes + int64(r.Bytes)
	return p
}

// choose returns the channel that was last to become free, so that requests one
// after the other share one; or the next to become free.
func (t *Timeline) choose(arrivalNs int64) int {
	best := 0
	for i, c := range t.channels {
		b := t.channels[best].freeNs
		switch {
		case b > arrivalNs && c.freeNs < b, b <= arrivalNs && c.freeNs <= arrivalNs && c.freeNs > b:
			best = i
		}
	}
	return best
}

// Answered says when a planned request was answered.
func (t *Timeline) Answered(p Plan, atNs int64) {
	c := &t.channels[p.Channel]
	c.answeredNs = max(c.answeredNs, atNs)
}

// Stall keeps the disk from starting anything before untilNs.
func (t *Timeline) Stall(untilNs int64) {
	for i := range t.channels {
		t.channels[i].freeNs = max(t.channels[i].freeNs, untilNs)
	}
}

func (t *Timeline) transfer(r Request) time.Duration {
	mbps := t.model.ReadMBps
	if r.Write {
		mbps = t.model.WriteMBps
	}
	return bytesTime(int64(r.Bytes), mbps)
}

func bytesTime(bytes int64, mbps float64) time.Duration {
	return time.Duration(float64(bytes) / (mbps * 1e6) * float64(time.Second))
}

// trackShare is the shortest seek as a share of the mean one.
const trackShare = 1.0 / 8

// meanRoot is the mean of √|x−y| for x and y uniform in [0, 1].
const meanRoot = 8.0 / 15

// seek is the head's way to offset: it grows with the root of the distance, as
// a head accelerates and brakes, around the model's mean (Ruemmler and Wilkes,
// An introduction to disk drive modeling, 1994). A short way forward is at most
// the time in which the bytes between pass under the head.
func (t *Timeline) seek(offsetBytes int64) time.Duration {
	distance := offsetBytes - t.headBytes
	if distance == 0 || t.model.Seek == 0 {
		return 0
	}
	mean := float64(t.model.Seek)
	root := math.Sqrt(math.Abs(float64(distance)) / float64(t.sizeBytes))
	d := time.Duration(mean * (trackShare + (1-trackShare)*root/meanRoot))
	if distance > 0 {
		d = min(d, bytesTime(distance, t.model.ReadMBps))
	}
	return d
}
