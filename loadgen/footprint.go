package loadgen

import (
	"context"

	"c10klab/internal/record"
)

// footprint is the memory on both sides of the connections at one instant.
type footprint struct {
	server      *record.Memory // nil: no admin port
	ownBytes    int64
	kernelBytes int64
}

// takeFootprint asks the server first: what asking costs is there in every footprint.
func takeFootprint(ctx context.Context, a *admin) (f footprint, err error) {
	if f.server, err = a.memory(ctx); err != nil {
		return f, err
	}
	own, err := record.ThisMemory()
	if err != nil {
		return f, err
	}
	f.ownBytes = own.RSSBytes
	f.kernelBytes, err = readKernelBytes()
	return f, err
}

// perConnection enters what one of n connections more takes, between two footprints.
func (f footprint) perConnection(after footprint, n int, c *record.Connections) {
	per := func(bytes int64) float64 { return float64(bytes) / float64(n) }
	if f.server != nil && after.server != nil {
		c.ServerBytes = per(after.server.RSSBytes - after.server.RecorderBytes - f.server.RSSBytes + f.server.RecorderBytes)
	}
	c.GeneratorBytes = per(after.ownBytes - f.ownBytes)
	c.KernelBytes = per(after.kernelBytes - f.kernelBytes)
}

// describeConnections is what the connections of a finished run were like.
func (l *load) describeConnections() *record.Connections {
	c := &record.Connections{
		Open: l.cfg.ConnectionCount() - l.cfg.badCount(), Idle: len(l.idle),
		ConnectNs: l.dialer.totalNs, SlowestConnectNs: l.dialer.slowestNs, SlowConnects: l.dialer.slow,
	}
	l.unconnected.perConnection(l.connected, c.Open, c)
	return c
}
