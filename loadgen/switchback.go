package loadgen

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"c10klab/internal/clock"
	"c10klab/internal/record"
	"c10klab/loadgen/plan"
)

// askArms finds out whether the target switches between arms, and plans when.
func (l *load) askArms() error {
	target := l.servers[0]
	if target.Admin == "" {
		return nil
	}
	status, answer, err := target.do(l.ctx, http.MethodGet, record.SwitchPath, nil)
	if err != nil || status != http.StatusOK {
		return err
	}
	if err := json.Unmarshal(answer, &l.offered.Arms); err != nil {
		return fmt.Errorf("decode what the target switches between: %w", err)
	}
	s := plan.NewSwitchback(len(l.offered.Arms.Values), l.cfg.SwitchbackSlot, l.cfg.SwitchbackDiscard, l.cfg.Window, l.cfg.Schedule.Seed)
	if s.Time() <= 0 {
		return fmt.Errorf("knobs window and switchback-slot: %v have no room for slots of %v in each of which the target is in one of %d arms for longer than switchback-discard, %v",
			l.cfg.Window, l.cfg.SwitchbackSlot, len(l.offered.Arms.Values), l.cfg.SwitchbackDiscard)
	}
	l.offered.Switchback = s
	return nil
}

// startSwitching has the target be in each slot's arm. It asks anew where the arm stays the
// same, so that all slots begin alike.
func (l *load) startSwitching() error {
	if l.offered.Switchback == nil {
		return nil
	}
	l.switching.Go(func() {
		for slot, arm := range l.offered.Switchback.Order() {
			beginsNs := l.window.StartNs() + int64(l.offered.Switchback.Begins(slot))
			if l.sleepUntil(beginsNs) != nil {
				return
			}
			to := url.Values{record.SwitchTo: {l.offered.Arms.Values[arm]}}
			status, answer, err := l.servers[0].do(l.ctx, http.MethodPost, record.SwitchPath+"?"+to.Encode(), nil)
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("%s of the target answers %d: %s", record.SwitchPath, status, answer)
			}
			if err != nil {
				l.fail(err)
				return
			}
			l.latestSwitchNs = max(l.latestSwitchNs, clock.Now()-beginsNs)
		}
	})
	return nil
}
