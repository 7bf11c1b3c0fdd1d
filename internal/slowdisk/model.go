package slowdisk

import (
	"math"
	"time"
)

// Names of the disk models.
const (
	HDD     = "hdd"
	SSDSATA = "ssd-sata"
	NoDelay = "none"
	Custom  = "custom"
)

// Model is how long a disk takes. A request occupies a channel for its access
// time, then the one bus for its transfer.
type Model struct {
	Name                string
	ReadMBps, WriteMBps float64       // 10⁶ bytes a second
	Seek                time.Duration // mean over pairs of random places; 0: no moving head
	Latency             time.Duration // of every request, before its transfer
	Channels            int           // requests whose access times may overlap; a head needs 1
	// Slack is how late after the disk was free a request may arrive and still
	// start when it was free. It makes up for the time between an answer and the
	// next request, which the server and the kernel take and no disk would. An
	// answer later than planned by more than Slack counts as late.
	Slack time.Duration
}

// models are the disks that go by name. HDD: a 7200/min desktop disk on its
// middle tracks. SSDSATA: what the SATA link leaves of a flash disk.
var models = map[string]Model{
	HDD:     {Name: HDD, ReadMBps: 125, WriteMBps: 125, Seek: 8 * time.Millisecond, Channels: 1, Slack: 500 * time.Microsecond},
	SSDSATA: {Name: SSDSATA, ReadMBps: 500, WriteMBps: 450, Latency: 80 * time.Microsecond, Channels: 8, Slack: 500 * time.Microsecond},
	NoDelay: {Name: NoDelay, Channels: 8},
}

// Delays reports whether the model delays at all.
func (m Model) Delays() bool { return m.Name != NoDelay }

// Request is one access to the disk.
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
	headBytes int64   // where the last request ended
	freeNs    []int64 // by channel
	busNs     int64   // when the bus is free
}

// NewTimeline returns an idle disk of sizeBytes with its head at the start.
func NewTimeline(m Model, sizeBytes int64) *Timeline {
	return &Timeline{model: m, sizeBytes: sizeBytes, freeNs: make([]int64, max(m.Channels, 1))}
}

// Plan returns when a request that arrives at arrivalNs starts and finishes.
func (t *Timeline) Plan(arrivalNs int64, r Request) (startNs, finishNs int64) {
	if !t.model.Delays() {
		return arrivalNs, arrivalNs
	}
	channel := 0
	for i, free := range t.freeNs {
		if free < t.freeNs[channel] {
			channel = i
		}
	}
	startNs = t.freeNs[channel]
	if arrivalNs-startNs > int64(t.model.Slack) {
		startNs = arrivalNs
	}
	accessNs := startNs + int64(t.seek(r.OffsetBytes)+t.model.Latency)
	finishNs = max(accessNs, t.busNs) + int64(t.transfer(r))
	t.freeNs[channel], t.busNs = finishNs, finishNs
	t.headBytes = r.OffsetBytes + int64(r.Bytes)
	return startNs, finishNs
}

// Stall keeps the disk from starting anything before untilNs.
func (t *Timeline) Stall(untilNs int64) {
	for i := range t.freeNs {
		t.freeNs[i] = max(t.freeNs[i], untilNs)
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
