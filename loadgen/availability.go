package loadgen

import (
	"time"

	"c10klab/internal/record"
)

// availableWithin is how soon a request must be answered for its user to call the
// target available.
const availableWithin = time.Second

// answeredAfter counts a request that is due in the window and was answered so long
// after it fell due, with or without an error.
func (t *tally) answeredAfter(ns int64, ok bool) {
	if ok && ns <= int64(availableWithin) {
		t.availability.Within++
	} else {
		t.availability.Beyond++
	}
}

// neverAnswered counts one that has no answer at the end of the run: if it is young,
// nobody knows whether it would have had one in time.
func (t *tally) neverAnswered(r *request, endNs int64) {
	if endNs-r.dueNs > int64(availableWithin) {
		t.availability.Beyond++
	}
}

// availability is what the tally of all threads says, nil where nothing falls due or
// nothing is answered.
func (l *load) availability(t *tally) *record.Availability {
	if !l.cfg.opensLoop() || !l.protocol.answers() {
		return nil
	}
	return &record.Availability{LimitNs: int64(availableWithin), Within: t.availability.Within, Beyond: t.availability.Beyond}
}
