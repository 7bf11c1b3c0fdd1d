package measure

import (
	"strconv"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

// missedShare is the part of a closed loop's active connections that rate × time may miss before
// the requests that are in no histogram count, where a record does not say how many there are.
const missedShare = 0.05

// Bounded is a trial's digest of one histogram with what its record says of requests without an
// answer. Records of versions that did not count them tell of a closed loop's, if of any: its rate
// times its mean ServiceTime is its number of active connections, and where that lacks,
// requests waited over all of the window that no histogram has; every percentile is a lower bound.
func Bounded(t *record.Trial, key hdr.Key, d hdr.Digest) hdr.Digest {
	m := t.Measurement
	if censored, some := m.Censored[key.String()]; some {
		return d.BoundedFrom(max(1, censored.LeastNs))
	}
	if m.Censored != nil || !ServiceTime.Is(key) || m.Knobs["mode"] != "closed" || m.Knobs["consumers"] != "none" || m.Connections == nil {
		return d
	}
	depth, err := strconv.Atoi(m.Knobs["in-flight"])
	active := float64((m.Connections.Open - m.Connections.Idle) * depth)
	if err == nil && m.RequestsPerSec*d.MeanNs/float64(time.Second) < (1-missedShare)*active {
		return d.BoundedFrom(1)
	}
	return d
}
