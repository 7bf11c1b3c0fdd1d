package models

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/stage"
)

// A delay planted in one place must show in that stage and in no other. The least of
// several requests is looked at: a busy machine makes requests slower, never all of them
// by as much as the plant. On one so busy that a few were all slower, more are sent.
func TestPlantedDelayShowsInItsStageAlone(t *testing.T) {
	const planted = 20 * time.Millisecond
	for s := stage.SocketQueue; s <= stage.Reap; s++ {
		t.Run(s.String(), func(t *testing.T) {
			everyCombination(t, func(t *testing.T, b *bench) {
				c := b.dial()
				b.awaitStamps(c)
				const fewest, most = 4, 100
				for tag := uint32(0); ; tag++ {
					c.send(request(opFile, tag, number(0), number(1000)))
					c.expect(tag, b.fileAnswer(0, 1000))
					b.awaitFinished(int64(tag) + 1)
					recorded, _ := b.stages.Snapshot()
					faults := plantFaults(recorded, s, planted)
					if tag+1 >= fewest && faults == nil {
						break
					}
					if tag+1 == most {
						t.Error(errors.Join(faults...))
						break
					}
				}
				b.stop()
			}, "plant="+s.String()+"="+planted.String())
		})
	}
}

// awaitStamps sends requests of another class until the kernel stamps what arrives: it
// begins some time after the first socket has asked for it (net_enable_timestamp), and
// ends with the last.
func (b *bench) awaitStamps(c client) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		c.send(request(opEcho, 0))
		c.expect(0, nil)
		recorded, _ := b.stages.Snapshot()
		if recorded[hdr.Key{Stage: stage.SocketQueue.String(), API: "plain"}] != nil {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatal("nothing that arrived was stamped")
		}
	}
}

// awaitFinished waits until the server is done with n file requests: what it does
// after the last byte would otherwise be the next request's wait.
func (b *bench) awaitFinished(n int64) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		if _, finished := b.stages.Counts(); finished["file"] >= n {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("request %d did not end", n)
		}
	}
}

// plantFaults says where a planted delay does not show, and where it does besides.
func plantFaults(bundle hdr.Bundle, planted stage.Stage, delay time.Duration) (faults []error) {
	for s := stage.SocketQueue; s <= stage.Reap; s++ {
		h := bundle[hdr.Key{Stage: s.String(), API: "file"}]
		if h == nil {
			faults = append(faults, fmt.Errorf("%s was not recorded", s))
			continue
		}
		least := time.Duration(h.MinNs())
		const precision = 0.999 // of a histogram's bucket
		if s == planted && float64(least) < precision*float64(delay) {
			faults = append(faults, fmt.Errorf("%s took %v at least, %v were planted in it", s, least, delay))
		}
		if s != planted && least > delay/2 {
			faults = append(faults, fmt.Errorf("%s took %v at least, with %v planted in %s", s, least, delay, planted))
		}
	}
	return faults
}
