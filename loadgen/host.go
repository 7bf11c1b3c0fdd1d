package loadgen

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"c10klab/internal/record"
)

// machineTimes is the machine's cumulative processor time (/proc/stat, proc(5)),
// in CPU-nanoseconds over all its cores.
type machineTimes struct {
	busyNs, stealNs int64
	cpus            int
}

// tickNs is one USER_HZ tick, the unit of /proc/stat on all Linux architectures.
const tickNs = int64(time.Second) / 100

func readMachineTimes() (machineTimes, error) {
	const path = "/proc/stat"
	text, err := os.ReadFile(path)
	if err != nil {
		return machineTimes{}, err
	}
	line, perCPU, _ := bytes.Cut(text, []byte("\n"))
	const idle, iowait, steal, guest = 4, 5, 8, 9 // user time includes guest time
	columns := strings.Fields(string(line))
	if len(columns) <= steal || columns[0] != "cpu" {
		return machineTimes{}, fmt.Errorf("%s begins with %q, not with the processors' times", path, line)
	}
	m := machineTimes{cpus: bytes.Count(append([]byte("\n"), perCPU...), []byte("\ncpu"))}
	for i := 1; i < min(guest, len(columns)); i++ {
		ticks, err := strconv.ParseInt(columns[i], 10, 64)
		if err != nil {
			return machineTimes{}, fmt.Errorf("%s: column %d: %w", path, i, err)
		}
		switch i {
		case idle, iowait:
		case steal:
			m.stealNs = ticks * tickNs
		default:
			m.busyNs += ticks * tickNs
		}
	}
	return m, nil
}

// leastServerWindow is the share of the window between two edges that a server's own must
// have to stand for all of it.
const leastServerWindow = 0.5

// hostUse is the machine's use between two edges. What the server used then follows
// from its use within its own window, which may lie later; where that is too short for it,
// nobody knows what other processes used.
func hostUse(before, after edge, m *record.Measurement) record.HostUse {
	use := record.HostUse{
		BusyNs:    after.machine.busyNs - before.machine.busyNs,
		StealNs:   after.machine.stealNs - before.machine.stealNs,
		ForeignNs: -1,
		CPUs:      after.machine.cpus,
	}
	windowNs := float64(after.atNs - before.atNs)
	if m.Broker().Process != nil && float64(m.ServerNs(m.Broker())) >= leastServerWindow*windowNs {
		serverNs := int64(m.ServerCores(m.Broker()) * windowNs)
		// Ticks are coarser than processes' times, so the difference of nothing
		// may be slightly negative.
		use.ForeignNs = max(0, use.BusyNs-m.Generator.CPUNs-serverNs)
	}
	return use
}
