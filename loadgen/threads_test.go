package loadgen

import (
	"testing"

	"c10klab/loadgen/plan"
)

func TestReceiversBusyPollOnlyWhereThatCostsNobody(t *testing.T) {
	closed := Config{Closed: true, BusyPoll: true, CPUs: []int{1}}
	open, off, shared := closed, closed, closed
	open.Closed, off.BusyPoll, shared.CPUs = false, false, nil
	for name, c := range map[string]struct {
		cfg       Config
		receivers int
		want      bool
	}{
		"closed loop on a CPU of its own": {closed, 1, true},
		"open loop":                       {open, 1, false},
		"switched off":                    {off, 1, false},
		"no CPUs of its own":              {shared, 1, false},
		"more receivers than CPUs":        {closed, 2, false},
	} {
		l := newLoad(c.cfg)
		l.threads = &threads{}
		for range c.receivers {
			r, err := newReceiver(l, "recv")
			if err != nil {
				t.Fatal(err)
			}
			defer r.close()
			l.receivers = append(l.receivers, r)
		}
		l.threads.decideBusyPoll(l.cfg, l.receivers)
		for _, r := range l.receivers {
			if r.busyPolls != c.want {
				t.Errorf("%s: busy-polls %v, want %v", name, r.busyPolls, c.want)
			}
		}
	}
}

func TestSendersBusyWaitOnlyWithACPUForEachThread(t *testing.T) {
	silent := Config{BusyPoll: true, Protocol: plan.ProtocolKafka, Producers: 8, Threads: 1, CPUs: []int{1}}
	with := func(change func(c *Config)) Config {
		c := silent
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		cfg  Config
		want bool
	}{
		"nobody answers":                         {silent, true},
		"switched off":                           {with(func(c *Config) { c.BusyPoll = false }), false},
		"no CPUs of its own":                     {with(func(c *Config) { c.CPUs = nil }), false},
		"two senders on one CPU":                 {with(func(c *Config) { c.Threads = 2 }), false},
		"answers, one CPU":                       {with(func(c *Config) { c.Acks = 1 }), false},
		"answers, two CPUs":                      {with(func(c *Config) { c.Acks, c.CPUs = 1, []int{1, 2} }), true},
		"answers of an echo, one CPU":            {with(func(c *Config) { c.Protocol = plan.ProtocolEcho }), false},
		"consumers at the end share the CPU":     {with(func(c *Config) { c.Consumers = ConsumersTail }), false},
		"consumers of both kinds, a CPU missing": {with(func(c *Config) { c.Consumers, c.CPUs = ConsumersBoth, []int{1, 2} }), false},
		"a closed loop has no senders":           {with(func(c *Config) { c.Closed, c.Acks, c.CPUs = true, 1, []int{1, 2} }), false},
	} {
		if got := c.cfg.sendersBusyWait(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestBusyPollFindsEventsAndGivesUp(t *testing.T) {
	r, err := newReceiver(newLoad(Config{}), "recv")
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	if n, err := r.busyPoll(); n != 0 || err != nil {
		t.Errorf("nothing is there: %d events, %v", n, err)
	}
	r.wake.Wake()
	if n, err := r.busyPoll(); n != 1 || err != nil {
		t.Errorf("one event is there: %d events, %v", n, err)
	}
}
