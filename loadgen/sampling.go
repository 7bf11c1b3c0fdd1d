package loadgen

import (
	"encoding/json"
	"fmt"
	"net/http"

	"c10klab/internal/poll"
	"c10klab/internal/record"
	"c10klab/internal/sample"
	"c10klab/loadgen/judge"

	"golang.org/x/sys/unix"
)

// keptArrivals bounds the batches at tail consumers, all of which are kept since nothing in them
// says which requests were sampled; the newest are.
const keptArrivals = 1 << 18

// unplannedShare is sampled where the number of requests is not known beforehand.
const unplannedShare = 1.0 / 64

// startSampling tells the target the rule by which both sides keep the stamps of the same
// requests, and begins to follow it. No receiver runs yet. A target without an admin port,
// or without stages, has nothing to join.
func (l *load) startSampling() error {
	if l.servers[0].Admin == "" || l.cfg.JoinSamples == 0 || l.cfg.Producers == 0 || !l.offered.Answers {
		return nil
	}
	share := unplannedShare
	if planned := l.cfg.Schedule.PerSecond * l.cfg.Window.Seconds(); l.offered.OffersRequests() && planned > 0 {
		share = min(1, float64(l.cfg.JoinSamples)/planned)
	}
	// About JoinSamples of the window; each side keeps twice as many.
	rule := sample.Rule{Seed: l.cfg.Schedule.Seed, Share: share, Keep: 2 * l.cfg.JoinSamples}
	body, err := json.Marshal(rule)
	if err != nil {
		return fmt.Errorf("encode the rule for samples: %w", err)
	}
	status, _, err := l.servers[0].do(l.ctx, http.MethodPost, record.SamplePath, body)
	switch {
	case err != nil:
		return err
	case status == http.StatusConflict:
		return nil
	case status != http.StatusOK:
		l.problems = append(l.problems, fmt.Sprintf("the target samples no requests (%s answers %d), so stamps are not joined", record.SamplePath, status))
		return nil
	}
	l.rule, l.picker = rule, rule.Picker()
	for _, r := range l.receivers {
		r.tally.Samples = sample.NewRing[judge.Sample](rule.Keep)
		if r.name == judge.ConsumerPrefix+judge.TailConsumers {
			r.tally.Arrivals = sample.NewRing[judge.Arrival](keptArrivals)
		}
	}
	if l.cfg.ClientStamps {
		return l.stampArrivals()
	}
	return nil
}

// stampArrivals asks the kernel when answers arrive.
func (l *load) stampArrivals() error {
	byTally := map[*judge.Tally]*stampedSocket{}
	stamp := func(s *stream, own *judge.Tally) error {
		if byTally[own] == nil {
			byTally[own] = &stampedSocket{wall: &l.wall}
		}
		s.stamped = byTally[own]
		return poll.EnableReceiveStamps(s.fd)
	}
	for _, c := range l.connections {
		if err := stamp(&c.stream, c.own); err != nil {
			return err
		}
	}
	for _, c := range l.consumers {
		if c.tally.Arrivals == nil {
			continue
		}
		if err := stamp(&c.stream, c.tally); err != nil {
			return err
		}
	}
	return nil
}

// askSamples asks for what the server has kept, if anything was sampled.
func (l *load) askSamples(e *judge.Evidence) (err error) {
	if l.picker == (sample.Picker{}) {
		return nil
	}
	e.Samples = &judge.Samples{Join: record.Join{Rule: l.rule, OneSegment: l.oneSegment(), ClientKernelStamps: l.cfg.ClientStamps, ClockErrorNs: l.wall.ErrorNs()}}
	e.Samples.Server, err = l.servers[0].ask(l.ctx, http.MethodGet, record.SamplePath)
	return err
}

// clientSamples are those that all receivers have kept; their threads must have ended.
func (l *load) clientSamples() (all []judge.Sample, lost int) {
	for _, r := range l.receivers {
		if r.tally.Samples == nil {
			continue
		}
		kept, gone := r.tally.Samples.Kept()
		all, lost = append(all, kept...), lost+gone
	}
	return all, lost
}

// oneSegment is record.Join's.
func (l *load) oneSegment() bool {
	c := l.connections[0]
	segment, err := unix.GetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_MAXSEG)
	return err == nil && l.cfg.InFlight == 1 && max(len(l.protocol.newFrame()), l.protocol.maxAnswerBytes()) <= segment
}
