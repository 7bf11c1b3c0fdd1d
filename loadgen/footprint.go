package loadgen

import (
	"encoding/json"
	"fmt"
	"net/http"

	"c10klab/internal/record"
)

// footprint is the memory on both sides of the connections at one instant.
type footprint struct {
	serverBytes int64 // without its recorders; 0: no admin port
	ownBytes    int64
	kernelBytes int64
}

// takeFootprint asks the server first: what asking costs is there in every footprint.
func (l *load) takeFootprint(f *footprint) error {
	text, err := l.servers[0].ask(l.ctx, http.MethodGet, record.MemoryPath)
	if err != nil {
		return err
	}
	if text != nil {
		var server record.Memory
		if err := json.Unmarshal(text, &server); err != nil {
			return fmt.Errorf("decode the server's memory: %w", err)
		}
		f.serverBytes = server.RSSBytes - server.RecorderBytes
	}
	own, err := record.ThisMemory()
	if err != nil {
		return err
	}
	f.ownBytes = own.RSSBytes
	f.kernelBytes, err = readKernelBytes()
	return err
}

// perConnection enters what one of n connections more takes, between two footprints.
func (f footprint) perConnection(after footprint, n int, c *record.Connections) {
	c.ServerBytes = float64(after.serverBytes-f.serverBytes) / float64(n)
	c.GeneratorBytes = float64(after.ownBytes-f.ownBytes) / float64(n)
	c.KernelBytes = float64(after.kernelBytes-f.kernelBytes) / float64(n)
}

// describeConnections is what the connections of a finished run were like.
func (l *load) describeConnections() *record.Connections {
	c := &record.Connections{Open: l.cfg.ConnectionCount() - l.cfg.badCount(), Idle: len(l.idle)}
	for _, d := range l.dialers.to {
		c.ConnectNs += d.totalNs
		c.SlowestConnectNs = max(c.SlowestConnectNs, d.slowestNs)
		c.SlowConnects += d.slow
	}
	l.unconnected.perConnection(l.connected, c.Open, c)
	return c
}
