package loadgen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/record"
	"c10klab/loadgen/judge"
)

// takeSnapshot reads both sides, the servers by mark at the beginning of the window and
// by snapshot at its end.
func (l *load) takeSnapshot(ask func(*admin, context.Context) ([]byte, error)) (judge.Snapshot, error) {
	s := judge.Snapshot{AtNs: clock.Now(), Process: record.ThisProcess(), AnswersBefore: l.answers.Load()}
	var err error
	if s.Machine, err = readMachineTimes(); err != nil {
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

// tickNs is one USER_HZ tick, the unit of /proc/stat on all Linux architectures.
const tickNs = int64(time.Second) / 100

// readMachineTimes reads /proc/stat (proc(5)).
func readMachineTimes() (record.HostUse, error) {
	const path = "/proc/stat"
	text, err := os.ReadFile(path)
	if err != nil {
		return record.HostUse{}, err
	}
	line, perCPU, _ := bytes.Cut(text, []byte("\n"))
	const idle, iowait, steal, guest = 4, 5, 8, 9 // user time includes guest time
	columns := strings.Fields(string(line))
	if len(columns) <= steal || columns[0] != "cpu" {
		return record.HostUse{}, fmt.Errorf("%s begins with %q, not with the processors' times", path, line)
	}
	m := record.HostUse{CPUs: bytes.Count(append([]byte("\n"), perCPU...), []byte("\ncpu"))}
	for i := 1; i < min(guest, len(columns)); i++ {
		ticks, err := strconv.ParseInt(columns[i], 10, 64)
		if err != nil {
			return record.HostUse{}, fmt.Errorf("%s: column %d: %w", path, i, err)
		}
		switch i {
		case idle, iowait:
		case steal:
			m.StealNs = ticks * tickNs
		default:
			m.BusyNs += ticks * tickNs
		}
	}
	return m, nil
}
