package admin

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/record"
)

// writeBackPeriod is that of the emulated disks' samples too.
const writeBackPeriod = 100 * time.Millisecond

const vmstatPath = "/proc/vmstat"

// vmstat is what /proc/vmstat says of write-back; counts are since boot.
type vmstat struct {
	dirty, writeback, limit, background int64 // levels, in pages
	dirtied, written                    int64 // pages
	pagedOutKiB                         int64
}

// readVMStat fails where the kernel does not tell one of them.
func readVMStat() (v vmstat, err error) {
	text, err := os.ReadFile(vmstatPath)
	if err != nil {
		return v, err
	}
	return parseVMStat(text)
}

func parseVMStat(text []byte) (v vmstat, err error) {
	wanted := map[string]*int64{
		"nr_dirty": &v.dirty, "nr_writeback": &v.writeback,
		"nr_dirty_threshold": &v.limit, "nr_dirty_background_threshold": &v.background,
		"nr_dirtied": &v.dirtied, "nr_written": &v.written, "pgpgout": &v.pagedOutKiB,
	}
	for line := range bytes.Lines(text) {
		name, number, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		value, found := wanted[string(name)]
		if !found {
			continue
		}
		if *value, err = strconv.ParseInt(string(number), 10, 64); err != nil {
			return v, fmt.Errorf("%s: %s: %w", vmstatPath, name, err)
		}
		delete(wanted, string(name))
	}
	for name := range wanted {
		return v, fmt.Errorf("%s has no %s", vmstatPath, name)
	}
	return v, nil
}

// since is the sample between two readings.
func (v vmstat) since(earlier vmstat, atNs int64) record.WriteBackSample {
	return record.WriteBackSample{
		AtNs: atNs, DirtyPages: v.dirty, WritebackPages: v.writeback,
		DirtyLimitPages: v.limit, BackgroundPages: v.background,
		DirtiedPages: v.dirtied - earlier.dirtied, WrittenPages: v.written - earlier.written,
		PagedOutKiB: v.pagedOutKiB - earlier.pagedOutKiB,
	}
}

// writeBackSampler takes a sample every writeBackPeriod.
type writeBackSampler struct {
	done chan struct{}
	end  sync.WaitGroup
}

func startWriteBackSampler(keep func(record.WriteBackSample)) (*writeBackSampler, error) {
	first, err := readVMStat()
	if err != nil {
		return nil, fmt.Errorf("sampling write-back: %w", err)
	}
	s := &writeBackSampler{done: make(chan struct{})}
	s.end.Go(func() { s.run(first, keep) })
	return s, nil
}

// run leaves out a reading that fails; the next sample then covers its time too.
func (s *writeBackSampler) run(last vmstat, keep func(record.WriteBackSample)) {
	tick := time.NewTicker(writeBackPeriod)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		if now, err := readVMStat(); err == nil {
			keep(now.since(last, clock.Now()))
			last = now
		}
	}
}

func (s *writeBackSampler) stop() {
	close(s.done)
	s.end.Wait()
}
