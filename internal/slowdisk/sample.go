package slowdisk

import (
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/record"
)

const (
	samplePeriod = 100 * time.Millisecond
	// maxSamples keeps an hour.
	maxSamples = 36_000
	// sectorBytes is the unit of the kernel's counts, whatever the device's block.
	sectorBytes = 512
)

// deviceCounts is a line of /proc/diskstats without the device's name, as
// /sys/block/loopN/stat shows it (Documentation/admin-guide/iostats.rst).
type deviceCounts struct {
	reads, readMerges, readSectors, readMs       int64
	writes, writeMerges, writtenSectors, writeMs int64
	inFlight, busyMs                             int64
	atNs                                         int64
}

func readDeviceCounts(path string) (deviceCounts, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return deviceCounts{}, err
	}
	c := deviceCounts{atNs: clock.Now()}
	_, err = fmt.Sscan(strings.TrimSpace(string(text)), &c.reads, &c.readMerges, &c.readSectors, &c.readMs,
		&c.writes, &c.writeMerges, &c.writtenSectors, &c.writeMs, &c.inFlight, &c.busyMs)
	if err != nil {
		return deviceCounts{}, fmt.Errorf("read %s: %w", path, err)
	}
	return c, nil
}

// since is the sample between two readings.
func (c deviceCounts) since(earlier deviceCounts) record.DiskSample {
	seconds := float64(c.atNs-earlier.atNs) / 1e9
	mean := func(ms, count int64) float64 {
		if count == 0 {
			return 0
		}
		return thousandths(float64(ms) / float64(count))
	}
	rate := func(sectors int64) float64 { return thousandths(float64(sectors*sectorBytes) / 1e6 / seconds) }
	return record.DiskSample{
		AtNs:         c.atNs,
		Util:         thousandths(min(float64(c.busyMs-earlier.busyMs)/1e3/seconds, 1)), // the kernel counts whole ms
		ReadAwaitMs:  mean(c.readMs-earlier.readMs, c.reads-earlier.reads),
		WriteAwaitMs: mean(c.writeMs-earlier.writeMs, c.writes-earlier.writes),
		InFlight:     c.inFlight,
		Reads:        c.reads - earlier.reads,
		Writes:       c.writes - earlier.writes,
		ReadMBps:     rate(c.readSectors - earlier.readSectors),
		WriteMBps:    rate(c.writtenSectors - earlier.writtenSectors),
	}
}

// thousandths keeps records short: the kernel's own figures are no finer.
func thousandths(x float64) float64 { return math.Round(x*1000) / 1000 }

// sampler reads the device's counts every samplePeriod. Any thread may call it.
type sampler struct {
	path string
	done chan struct{}
	end  sync.WaitGroup

	mu      sync.Mutex
	samples []record.DiskSample // since the mark
	lost    int64               // samples since the mark that were dropped for newer ones
	problem error
}

func startSampler(d loopDevice) (*sampler, error) {
	s := &sampler{path: d.sys() + "/stat", done: make(chan struct{})}
	first, err := readDeviceCounts(s.path)
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
		now, err := readDeviceCounts(s.path)
		s.mu.Lock()
		if s.problem = err; err == nil {
			s.keep(now.since(last))
			last = now
		}
		s.mu.Unlock()
	}
}

func (s *sampler) keep(sample record.DiskSample) {
	if len(s.samples) == maxSamples {
		copy(s.samples, s.samples[1:])
		s.samples = s.samples[:maxSamples-1]
		s.lost++
	}
	s.samples = append(s.samples, sample)
}

func (s *sampler) mark() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.samples, s.lost = nil, 0
}

func (s *sampler) snapshot() (samples []record.DiskSample, lost int64, problem error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]record.DiskSample{}, s.samples...), s.lost, s.problem
}

func (s *sampler) stop() error {
	close(s.done)
	s.end.Wait()
	return nil
}
