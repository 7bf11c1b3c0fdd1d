package loadgen

import (
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

// takeSnapshot reads both sides, the servers by asking all in one way.
func (l *load) takeSnapshot(method, path string, s *judge.Snapshot) (err error) {
	*s = judge.Snapshot{AtNs: clock.Now(), Process: record.ThisProcess(), AnswersBefore: l.answers.Load()}
	if s.Machine, err = readMachine(); err != nil {
		return err
	}
	if s.Threads, err = l.threads.all(); err != nil {
		return err
	}
	err = l.askServers(method, path, s)
	s.AnswersAfter = l.answers.Load()
	return err
}

// askServers asks all servers at once.
func (l *load) askServers(method, path string, s *judge.Snapshot) error {
	s.Servers = make([][]byte, len(l.servers))
	failures := make([]error, len(l.servers))
	var asking sync.WaitGroup
	for i, server := range l.servers {
		asking.Go(func() { s.Servers[i], failures[i] = server.ask(l.ctx, method, path) })
	}
	asking.Wait()
	return errors.Join(failures...)
}

// readMachine reads the machine's cumulative processor time (proc(5), /proc/stat), in
// which user time includes that of guests.
func readMachine() (record.HostUse, error) {
	stat, err := proc.Stat()
	if err != nil {
		return record.HostUse{}, fmt.Errorf("read the processors' times: %w", err)
	}
	ns := func(seconds float64) int64 { return int64(math.Round(seconds * float64(time.Second))) }
	t := stat.CPUTotal
	return record.HostUse{BusyNs: ns(t.User + t.Nice + t.System + t.IRQ + t.SoftIRQ), StealNs: ns(t.Steal), CPUs: len(stat.CPU),
		PageReporting: record.ReadPageReporting()}, nil
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
