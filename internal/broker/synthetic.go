package broker

import (
	"encoding/binary"
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"c10klab/internal/clock"
	"c10klab/internal/stage"
	"c10klab/models"
)

// Echo answers every request with its own bytes. It allocates nothing and never
// blocks; any number of threads may call it.
type Echo struct{}

var _ models.Service = Echo{}

// Handle answers one request; see models.Service.
func (Echo) Handle(j *models.Job) {
	r := j.Response()
	r.Buf = append(r.Buf, j.Frame()...)
	j.Respond()
}

// Refuse answers with an empty frame, which no request is echoed by: the least
// that tells a client that it was refused and keeps its connection.
func (Echo) Refuse(j *models.Job) { j.Respond() }

// Classify puts all requests into one class.
func (Echo) Classify([]byte) stage.Class { return 1 }

// CorrelationID reads the one that the load generator begins a payload with.
func (Echo) CorrelationID(frame []byte) (int32, bool) {
	if len(frame) < 4 {
		return 0, false
	}
	return int32(binary.BigEndian.Uint32(frame)), true
}

// APIs lists the names of the classes; index 0 is "other".
func (Echo) APIs() []string { return []string{"other", "Echo"} }

// Synthetic is Echo after a drawn cost for every request that it handles. It
// allocates nothing; any number of threads may call it, and each is held for the cost.
type Synthetic struct {
	Echo
	config SyntheticConfig
	drawn  atomic.Uint64
}

var _ models.Service = (*Synthetic)(nil)

// NewSynthetic makes the service.
func NewSynthetic(config SyntheticConfig) *Synthetic { return &Synthetic{config: config} }

// Handle answers one request; see models.Service.
func (s *Synthetic) Handle(j *models.Job) {
	s.spend(s.cost(s.drawn.Add(1)))
	s.Echo.Handle(j)
}

// cost is the cost of the nth request.
func (s *Synthetic) cost(n uint64) time.Duration {
	if !s.config.Exponential {
		return s.config.Cost
	}
	return time.Duration(-math.Log(uniform(s.config.Seed, n)) * float64(s.config.Cost))
}

// uniform is the nth number in (0, 1] of a seeded sequence (SplitMix64). Its
// state is n alone, so threads draw without a lock.
func uniform(seed, n uint64) float64 {
	const goldenGamma = 0x9e3779b97f4a7c15
	z := seed + n*goldenGamma
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return float64(z>>11+1) / (1 << 53)
}

func (s *Synthetic) spend(cost time.Duration) {
	switch {
	case cost <= 0:
	case s.config.Sleep:
		sleepUntil(clock.Now() + int64(cost))
	default:
		spin(cost)
	}
}

// spin uses that much processor time of the calling thread up. Time in which the
// thread has no CPU is no part of it, so a request costs the machine the same however
// many threads share its CPUs.
func spin(cost time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	end := clock.ThreadCPU() + int64(cost)
	for left := int64(cost); left > 0; left = end - clock.ThreadCPU() {
		for until := clock.Now() + left; clock.Now() < until; {
		}
	}
}

// sleepUntil blocks the calling thread in clock_nanosleep(2), which oversleeps
// less than the runtime's timers do.
func sleepUntil(endNs int64) {
	at := unix.NsecToTimespec(endNs)
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &at, nil) == unix.EINTR {
	}
}
