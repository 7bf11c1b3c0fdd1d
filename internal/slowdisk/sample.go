package slowdisk

import (
	"math"
	"sync"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/record"
	"c10klab/internal/sample"

	"github.com/prometheus/procfs/blockdevice"
)

const (
	samplePeriod = 100 * time.Millisecond
	// maxSamples keeps an hour.
	maxSamples = 36_000
	// sectorBytes is the unit of the kernel's counts, whatever the device's block.
	sectorBytes = 512
)

// deviceCounts is what the kernel has counted by a time.
type deviceCounts struct {
	blockdevice.IOStats
	atNs int64
}

var blockDevices, _ = blockdevice.NewDefaultFS() // what is missing fails when it is read

func (d loopDevice) counts() (c deviceCounts, err error) {
	c.IOStats, _, err = blockDevices.SysBlockDeviceStat(string(d))
	c.atNs = clock.Now()
	return c, err
}

func (c deviceCounts) since(earlier deviceCounts) record.DiskSample {
	seconds := float64(c.atNs-earlier.atNs) / 1e9
	mean := func(ms, count uint64) float64 {
		if count == 0 {
			return 0
		}
		return thousandths(float64(ms) / float64(count))
	}
	rate := func(sectors uint64) float64 { return thousandths(float64(sectors*sectorBytes) / 1e6 / seconds) }
	reads, writes := c.ReadIOs-earlier.ReadIOs, c.WriteIOs-earlier.WriteIOs
	return record.DiskSample{
		AtNs:         c.atNs,
		Util:         thousandths(min(float64(c.IOsTotalTicks-earlier.IOsTotalTicks)/1e3/seconds, 1)), // the kernel counts whole ms
		ReadAwaitMs:  mean(c.ReadTicks-earlier.ReadTicks, reads),
		WriteAwaitMs: mean(c.WriteTicks-earlier.WriteTicks, writes),
		InFlight:     int64(c.IOsInProgress),
		Reads:        int64(reads),
		Writes:       int64(writes),
		ReadMBps:     rate(c.ReadSectors - earlier.ReadSectors),
		WriteMBps:    rate(c.WriteSectors - earlier.WriteSectors),
	}
}

// thousandths keeps records short: the kernel's own figures are no finer.
func thousandths(x float64) float64 { return math.Round(x*1000) / 1000 }

// sampler reads the device's counts every samplePeriod. Any thread may call it.
type sampler struct {
	device loopDevice
	done   chan struct{}
	end    sync.WaitGroup

	mu      sync.Mutex
	samples *sample.Ring[record.DiskSample] // since the mark
	problem error
}

func startSampler(d loopDevice) (*sampler, error) {
	s := &sampler{device: d, done: make(chan struct{}), samples: sample.NewRing[record.DiskSample](maxSamples)}
	first, err := d.counts()
	if err != nil {
		return nil, err
	}
	s.end.Go(func() { s.run(first) })
	return s, nil
}

func (s *sampler) run(last deviceCounts) {
	tick := time.NewTicker(samplePeriod)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		now, err := s.device.counts()
		s.mu.Lock()
		if s.problem = err; err == nil {
			s.samples.Put(now.since(last))
			last = now
		}
		s.mu.Unlock()
	}
}

func (s *sampler) mark() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.samples.Clear()
}

func (s *sampler) snapshot() (samples []record.DiskSample, lost int, problem error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	samples, lost = s.samples.Kept()
	return samples, lost, s.problem
}

func (s *sampler) stop() error {
	close(s.done)
	s.end.Wait()
	return nil
}
