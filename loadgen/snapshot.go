package loadgen

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/record"
	"c10klab/loadgen/judge"

	"github.com/prometheus/procfs"
)

// proc is the kernel's account of the machine.
var proc, _ = procfs.NewDefaultFS() // one that is missing fails when it is read

// takeSnapshot reads both sides, the servers by mark at the beginning of the window and
// by snapshot at its end.
func (l *load) takeSnapshot(ask func(*admin, context.Context) ([]byte, error)) (judge.Snapshot, error) {
	s := judge.Snapshot{AtNs: clock.Now(), Process: record.ThisProcess(), AnswersBefore: l.answers.Load()}
	var err error
	if s.Machine, err = readMachine(); err != nil {
		return s, err
	}
	if s.Threads, err = l.threads.all(); err != nil {
		return s, err
	}
	s.Servers, err = l.askServers(ask)
	s.AnswersAfter = l.answers.Load()
	return s, err
}

// askServers asks all servers at once.
func (l *load) askServers(ask func(*admin, context.Context) ([]byte, error)) ([][]byte, error) {
	answers, failures := make([][]byte, len(l.servers)), make([]error, len(l.servers))
	var others sync.WaitGroup
	for i, a := range l.servers[1:] {
		others.Go(func() { answers[1+i], failures[1+i] = ask(a, l.ctx) })
	}
	answers[0], failures[0] = ask(l.servers[0], l.ctx)
	others.Wait()
	return answers, errors.Join(failures...)
}

// readMachine reads the machine's cumulative processor time (proc(5), /proc/stat), in
// which user time includes that of guests.
func readMachine() (record.HostUse, error) {
	stat, err := proc.Stat()
	if err != nil {
		return record.HostUse{}, fmt.Errorf("read the processors' times: %w", err)
	}
	ns := func(seconds ...float64) (sum int64) {
		for _, s := range seconds {
			sum += int64(math.Round(s * float64(time.Second)))
		}
		return sum
	}
	t := stat.CPUTotal
	return record.HostUse{BusyNs: ns(t.User, t.Nice, t.System, t.IRQ, t.SoftIRQ), StealNs: ns(t.Steal), CPUs: len(stat.CPU)}, nil
}

// readKernelBytes reads the machine's kernel memory that connections and threads show in
// (proc(5), /proc/meminfo).
func readKernelBytes() (bytes int64, err error) {
	m, err := proc.Meminfo()
	if err != nil {
		return 0, fmt.Errorf("read the kernel's memory: %w", err)
	}
	for _, part := range []*uint64{m.SlabBytes, m.KernelStackBytes, m.PageTablesBytes} {
		if part != nil {
			bytes += int64(*part)
		}
	}
	return bytes, nil
}
