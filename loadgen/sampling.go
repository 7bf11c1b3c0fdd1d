package loadgen

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"c10klab/internal/clock"
	"c10klab/internal/poll"
	"c10klab/internal/record"
	"c10klab/internal/sample"

	"golang.org/x/sys/unix"
)

// sampling is the rule by which this run and its target keep the stamps of the same
// requests, to be joined by correlation id.
type sampling struct {
	rule   sample.Rule
	picker sample.Picker // picks nothing unless both sides sample
	// problem is why nothing is sampled although it was asked for; empty: no such thing.
	problem string
}

// unplannedShare is the share sampled where the number of requests is not known
// beforehand.
const unplannedShare = 1.0 / 64

// rule samples about JoinSamples requests of the window. Each side keeps twice as many.
func (c Config) rule() sample.Rule {
	planned := c.Schedule.PerSecond * c.Window.Seconds()
	share := unplannedShare
	if c.opensLoop() && planned > 0 {
		share = min(1, float64(c.JoinSamples)/planned)
	}
	return sample.Rule{Seed: c.Schedule.Seed, Share: share, Keep: 2 * c.JoinSamples}
}

// startSampling tells the target the rule and begins to follow it. No receiver runs
// yet. A target without an admin port, or without stages, has nothing to join.
func (l *load) startSampling(a *admin) error {
	if a.addr == "" || l.cfg.JoinSamples == 0 || l.cfg.Producers == 0 || !l.protocol.answers() {
		return nil
	}
	rule := l.cfg.rule()
	status, err := a.startSampling(l.ctx, rule)
	switch {
	case err != nil:
		return err
	case status == http.StatusConflict:
		return nil
	case status != http.StatusOK:
		l.sampling.problem = fmt.Sprintf("the target samples no requests (%s answers %d), so stamps are not joined", record.SamplePath, status)
		return nil
	}
	l.sampling.rule, l.sampling.picker = rule, rule.Picker()
	for _, r := range l.receivers {
		r.tally.samples = sample.NewRing[clientSample](rule.Keep)
	}
	if l.cfg.ClientStamps {
		return l.stampArrivals()
	}
	return nil
}

// stampArrivals asks the kernel when answers arrive.
func (l *load) stampArrivals() error {
	byTally := map[*tally]*stampedSocket{}
	for _, c := range l.connections {
		if byTally[c.own] == nil {
			byTally[c.own] = &stampedSocket{wall: &l.wall}
		}
		c.stamped = byTally[c.own]
		if err := poll.EnableReceiveStamps(c.fd); err != nil {
			return err
		}
	}
	return nil
}

// stampedSocket reads the sockets of one receiver thread with the kernel's stamps.
type stampedSocket struct {
	receiver poll.StampedReceiver
	wall     *clock.Offset
}

// recv reads what the socket holds.
func (s *stream) recv(p []byte) (int, unix.Errno) {
	if s.stamped == nil {
		return poll.Recv(s.fd, p)
	}
	n, realNs, errno := s.stamped.receiver.Recv(s.fd, p)
	s.arrivedNs = 0
	if realNs != 0 {
		s.arrivedNs = s.stamped.wall.Monotonic(realNs)
	}
	return n, errno
}

// clientSample is a sampled request that was answered without error.
type clientSample struct {
	request
	arrivedNs  int64 // the kernel had the answer; 0: not known
	answeredNs int64
}

// keep keeps a request that is due in the window, if it is sampled.
func (c *connection) keep(r *request, a answer, nowNs int64) {
	if r.sampled && a.errorCode == 0 && c.load.window.contains(r.dueNs) {
		c.own.samples.Put(clientSample{request: *r, arrivedNs: c.arrivedNs, answeredNs: nowNs})
	}
}

// startSampling has the server follow a rule; the status says whether it does.
func (a *admin) startSampling(ctx context.Context, rule sample.Rule) (status int, err error) {
	body, err := json.Marshal(rule)
	if err != nil {
		return 0, fmt.Errorf("encode the rule for samples: %w", err)
	}
	url := "http://" + a.addr + record.SamplePath
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("admin address %q: %w", a.addr, err)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("start to sample: %w", err)
	}
	response.Body.Close()
	return response.StatusCode, nil
}

// samples returns the server's record.Samples as JSON.
func (a *admin) samples(ctx context.Context) ([]byte, error) {
	return a.ask(ctx, http.MethodGet, record.SamplePath)
}
