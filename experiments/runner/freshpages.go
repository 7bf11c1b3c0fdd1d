package runner

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"time"

	"c10klab/experiments"
	"c10klab/internal/record"
	"c10klab/results"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

const (
	probePieceBytes = 64 << 10 // as batches mostly are
	probeBytes      = 32 << 20
)

// probeFreshPages writes a new file in dir, which is gone on return, and returns the
// processor time that a page of it took. It is no time that passes: others' use of the
// CPU is not in it, the host's work for a page is.
func probeFreshPages(dir string) (nsPerPage float64, err error) {
	f, err := os.CreateTemp(dir, dataDirPrefix)
	if err != nil {
		return 0, fmt.Errorf("probe fresh pages: %w", err)
	}
	defer f.Close() // which discards what was written
	err = os.Remove(f.Name())
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	piece, start := make([]byte, probePieceBytes), threadCPU()
	for n := 0; n < probeBytes && err == nil; n += len(piece) {
		_, err = f.Write(piece)
	}
	if err != nil {
		return 0, fmt.Errorf("probe fresh pages: %w", err)
	}
	return float64(threadCPU()-start) / float64(probeBytes/os.Getpagesize()), nil
}

func threadCPU() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) // exists on every Linux
	return time.Duration(t.Nano())
}

// freshPagesBefore begins what a trial's record says of fresh pages, right before its load.
func (r *runner) freshPagesBefore() (f *record.FreshPages, err error) {
	f = &record.FreshPages{ReportedKiB: record.ReadPageReporting().ReportedKiB}
	f.BeforeNs, err = probeFreshPages(r.cfg.DataDir)
	return f, err
}

// freshPagesAfter completes it right after the load.
func (r *runner) freshPagesAfter(f *record.FreshPages, servers []*server, m *record.Measurement) (err error) {
	f.AfterNs, err = probeFreshPages(r.cfg.DataDir)
	f.ReportedKiB = record.ReadPageReporting().ReportedKiB - f.ReportedKiB
	var bytesPerS float64
	for _, s := range servers {
		if use := m.Server(s.Name); use.Counters != nil {
			bytesPerS += float64(use.Counters.Counts[record.AppendedBytes]) / m.ServerSeconds(use)
		}
	}
	if b := servers[0].data.Backlog; b.Bytes > 0 && !b.Hot {
		bytesPerS += m.LaggingMBps * 1e6
	}
	f.PagesPerS = bytesPerS / float64(os.Getpagesize())
	return err
}

const (
	// likeTaking is by which factor trials may differ in how many fresh pages they take, for
	// the cost to be compared: who takes more comes to memory that has been free for longer.
	likeTaking    = 1.25
	fewestAlike   = 4    // of fewer trials, nobody knows which cost is the usual one
	freshPagesCPU = 0.05 // of a CPU, as much as a hypervisor may steal
)

const freshPagesRule = "fresh pages: CPU time beyond, or below, that of the run's like trials"

// judgeFreshPages holds what fresh pages cost in a trial against the median of the
// experiment's trials that took about as many: where all pay the same, cells compare.
func (r *runner) judgeFreshPages(t *record.Trial, m *record.Measurement) {
	costs := []float64{t.FreshPages.CostNs()}
	for i := range r.run.Trials {
		other := r.run.Trials[i].FreshPages
		if r.run.Trials[i].Experiment == t.Experiment && other != nil && alike(other.PagesPerS, t.FreshPages.PagesPerS) {
			costs = append(costs, other.CostNs())
		}
	}
	if len(costs) < fewestAlike {
		m.NotJudged = append(m.NotJudged, freshPagesRule)
		return
	}
	share := t.FreshPages.PagesPerS * math.Abs(costs[0]-results.MedianOf(costs).Median) / 1e9
	addCheck(m, record.Check{Name: freshPagesRule, Value: 100 * share, Limit: 100 * freshPagesCPU, Unit: "%",
		OK: share <= freshPagesCPU, Else: record.EnvironmentLimited})
}

func alike(a, b float64) bool { return max(a, b) <= likeTaking*min(a, b) }

// backing keeps memory of this machine from going back to the host. It has been touched,
// and of each block that the kernel would report one page in two places stays in use: the
// rest is free for whoever needs memory, and cannot grow together to a block that is
// reported. The kernel gives such fragments out before it breaks up larger blocks, so that
// they are what a trial's files get. No setting of the kernel is touched.
type backing struct{ held []byte }

var errTooLittleMemory = errors.New("more than half of the memory that is available")

// hold backs so many bytes instead of those held so far; 0: none.
func (b *backing) hold(bytes int64) error {
	if int64(len(b.held)) == bytes {
		return nil
	}
	if b.held != nil {
		if err := unix.Munmap(b.held); err != nil {
			return fmt.Errorf("give up backed memory: %w", err)
		}
		b.held = nil
	}
	if bytes == 0 {
		return nil
	}
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return err
	}
	memory, err := proc.Meminfo()
	if err == nil && memory.MemAvailableBytes != nil && uint64(bytes) > *memory.MemAvailableBytes/2 {
		err = fmt.Errorf("%d MiB of %d: %w", bytes>>20, *memory.MemAvailableBytes>>20, errTooLittleMemory)
	}
	if err == nil {
		b.held, err = unix.Mmap(-1, 0, int(bytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	}
	if err == nil {
		err = unix.Madvise(b.held, unix.MADV_NOHUGEPAGE) // of a huge page no part is given back
	}
	if err != nil {
		return fmt.Errorf("%s=%d: %w", experiments.BackedMemoryKnob, bytes, err)
	}
	return b.comb(os.Getpagesize())
}

// comb touches all pages, and gives back all but one in each half of a block.
func (b *backing) comb(page int) error {
	every := 1 << 20 // where nothing is reported, it is enough to have touched them
	if p := record.ReadPageReporting(); p.On() {
		every = max(2*page, int(p.BlockBytes()/2))
	}
	for i := 0; i < len(b.held); i += page {
		b.held[i] = 1
	}
	for i := 0; i+page < len(b.held); i += every {
		if err := unix.Madvise(b.held[i+page:min(i+every, len(b.held))], unix.MADV_DONTNEED); err != nil {
			return fmt.Errorf("give back what is between held pages: %w", err)
		}
	}
	return nil
}
