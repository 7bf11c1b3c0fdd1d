package storage

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"
)

// housekeeper does, on a goroutine of its own, what no request waits for: it
// forces out what was rolled (Kafka does so whatever flush.messages says), flushes
// by time, applies retention and writes checkpoints.
type housekeeper struct {
	store *Store
	ended context.Context
	stop  context.CancelFunc
	done  sync.WaitGroup
	wake  chan struct{} // there are rolled logs
	chore sync.Mutex    // held while files are written or removed
}

func newHousekeeper(s *Store) *housekeeper {
	k := &housekeeper{store: s, wake: make(chan struct{}, 1)}
	k.ended, k.stop = context.WithCancel(context.Background())
	return k
}

// end lets nothing new begin and returns once files are no longer changed; with
// waitForFlushes, once no fsync is under way either. It may be called once.
func (k *housekeeper) end(waitForFlushes bool) {
	k.stop()
	if waitForFlushes {
		k.done.Wait()
		return
	}
	k.chore.Lock()
	defer k.chore.Unlock()
}

// noteRoll asks for a flush of the logs that have rolled. It does not block.
func (k *housekeeper) noteRoll() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *housekeeper) run() {
	cfg := k.store.cfg
	chores := time.NewTicker(cmp.Or(cfg.HousekeepingInterval, time.Minute))
	defer chores.Stop()
	var flushes <-chan time.Time
	if cfg.flush.interval > 0 {
		t := time.NewTicker(cfg.flush.interval)
		defer t.Stop()
		flushes = t.C
	}
	for k.ended.Err() == nil {
		select {
		case <-k.ended.Done():
		case <-k.wake:
			k.flushAll((*Log).flushRolled)
		case <-flushes:
			k.flushAll((*Log).Flush)
		case now := <-chores.C:
			if err := k.runChores(now); err != nil {
				k.store.observer.HousekeepingFailed(err)
			}
		}
	}
}

// flushAll flushes the logs, unless the store has ended. A failure is the log's, which
// tells the observer.
func (k *housekeeper) flushAll(flush func(*Log) error) {
	logs, _ := k.store.logs("")
	for _, log := range logs {
		if k.ended.Err() == nil {
			_ = flush(log)
		}
	}
}

// runChores applies retention, forgets idle producers and writes the checkpoints of every
// log dir.
func (k *housekeeper) runChores(now time.Time) error {
	k.chore.Lock()
	defer k.chore.Unlock()
	if k.ended.Err() != nil {
		return nil
	}
	var errs []error
	for _, dir := range k.store.dirs {
		dir.full.Store(false)
		for _, log := range dir.partitions() {
			log.expireProducers(now)
			errs = append(errs, log.retain(now))
		}
		errs = append(errs, dir.checkpoint())
		for _, log := range dir.partitions() {
			errs = append(errs, log.dropBelowStart())
		}
	}
	return errors.Join(errs...)
}
