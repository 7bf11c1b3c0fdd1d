package judge

import (
	"testing"
	"time"

	"c10klab/internal/record"
)

func TestForeignCPUTimeIsKnownWhereTheServersWindowStandsForTheClients(t *testing.T) {
	const second = int64(time.Second)
	before, after := &Snapshot{}, &Snapshot{AtNs: 2 * second, Machine: record.HostUse{BusyNs: 4 * second, CPUs: 2}}
	for name, c := range map[string]struct {
		window, serverCPU, want int64
	}{
		"server measured throughout":         {2 * second, 2 * second, second},
		"server's window a little late":      {3 * second / 2, 3 * second / 2, second},
		"server marked at the window's end":  {second / 100, 0, -1},
		"server that used what there was":    {2 * second, 3 * second, 0},
		"server counted for too few seconds": {second - 1, second, -1},
	} {
		m := &record.Measurement{WindowNs: 2 * second, Servers: []record.ServerUse{{Name: record.Broker, Process: &record.Process{CPUNs: c.serverCPU}, Window: &record.ServerWindow{Ns: c.window}}}}
		m.Generator.CPUNs = second
		if got := hostUse(before, after, m).ForeignNs; got != c.want {
			t.Errorf("%s: %d ns of foreign processes, want %d", name, got, c.want)
		}
	}
}
