package loadgen

import (
	"time"

	"c10klab/internal/clock"
)

// Progress is how far a load is.
type Progress struct {
	Phase       string        // warm-up, window or drain
	Elapsed, Of time.Duration // since the load began, and what warm-up and window take
	Answers     int64         // of producers, since the load began
	Outstanding int64         // requests due and not answered
	Over        bool          // the load has ended; nothing follows
}

const progressPause = time.Second

// startProgress tells Config.Progress once a second how far the load is, and last when it is over, on
// a goroutine that stop ends.
func (l *load) startProgress() (stop func()) {
	if l.cfg.Progress == nil {
		return func() {}
	}
	ended, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		ticker := time.NewTicker(progressPause)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				if l.window.Begun() {
					l.cfg.Progress(l.progress())
				}
			case <-ended:
				l.cfg.Progress(Progress{Over: true})
				return
			}
		}
	}()
	return func() {
		close(ended)
		<-gone
	}
}

func (l *load) progress() Progress {
	nowNs := clock.Now()
	p := Progress{
		Phase: "window", Elapsed: time.Duration(nowNs - l.beginNs()), Of: l.cfg.WarmUp + l.cfg.Window,
		Answers: l.answers.Load(), Outstanding: l.outstanding.Load(),
	}
	switch {
	case l.window.Over(nowNs):
		p.Phase = "drain"
	case nowNs < l.window.StartNs():
		p.Phase = "warm-up"
	}
	return p
}
