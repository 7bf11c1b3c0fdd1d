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

// readVMStat is what /proc/vmstat says of write-back, now and since boot. It fails where
// the kernel does not tell one of the numbers.
func readVMStat() (s record.WriteBackSample, err error) {
	text, err := os.ReadFile(vmstatPath)
	if err != nil {
		return s, err
	}
	s, err = parseVMStat(text)
	s.AtNs = clock.Now()
	return s, err
}

func parseVMStat(text []byte) (s record.WriteBackSample, err error) {
	wanted := map[string]*int64{
		"nr_dirty": &s.DirtyPages, "nr_writeback": &s.WritebackPages,
		"nr_dirty_threshold": &s.DirtyLimitPages, "nr_dirty_background_threshold": &s.BackgroundPages,
		"nr_dirtied": &s.DirtiedPages, "nr_written": &s.WrittenPages, "pgpgout": &s.PagedOutKiB,
	}
	for line := range bytes.Lines(text) {
		name, number, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		value, found := wanted[string(name)]
		if !found {
			continue
		}
		if *value, err = strconv.ParseInt(string(number), 10, 64); err != nil {
			return s, fmt.Errorf("%s: %s: %w", vmstatPath, name, err)
		}
		delete(wanted, string(name))
	}
	for name := range wanted {
		return s, fmt.Errorf("%s has no %s", vmstatPath, name)
	}
	return s, nil
}

// sampleWriteBack takes a sample every writeBackPeriod until it is stopped. It leaves out
// a reading that fails; the next sample then covers its time too.
func sampleWriteBack(keep func(record.WriteBackSample)) (stop func(), err error) {
	last, err := readVMStat()
	if err != nil {
		return nil, fmt.Errorf("sampling write-back: %w", err)
	}
	done := make(chan struct{})
	var end sync.WaitGroup
	end.Go(func() {
		tick := time.NewTicker(writeBackPeriod)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			if now, err := readVMStat(); err == nil {
				keep(record.Since(now, last))
				last = now
			}
		}
	})
	return func() { close(done); end.Wait() }, nil
}
