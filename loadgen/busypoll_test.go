package loadgen

import "testing"

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
		l := &load{cfg: c.cfg}
		for range c.receivers {
			r, err := newReceiver(l, "recv")
			if err != nil {
				t.Fatal(err)
			}
			defer r.close()
			l.receivers = append(l.receivers, r)
		}
		l.decideBusyPoll()
		for _, r := range l.receivers {
			if r.busyPolls != c.want {
				t.Errorf("%s: busy-polls %v, want %v", name, r.busyPolls, c.want)
			}
		}
	}
}

func TestBusyPollFindsEventsAndGivesUp(t *testing.T) {
	r, err := newReceiver(&load{}, "recv")
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
