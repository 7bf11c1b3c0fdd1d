package storage

import (
	"cmp"
	"errors"
	"sync"
	"time"
)

// housekeeper does, on a goroutine of its own, what no request waits for: it
// forces out what was rolled (Kafka does so whatever flush.messages says), flushes
// by time, applies retention and writes checkpoints.
type housekeeper struct {
	store *Store
	stop  chan struct{}
	done  sync.WaitGroup
	wake  chan struct{} // there are rolled logs

	chore sync.Mutex // held while files are written or removed

	mu     sync.Mutex
	rolled map[*Log]bool
}

func newHousekeeper(s *Store) *housekeeper {
	return &housekeeper{store: s, stop: make(chan struct{}), wake: make(chan struct{}, 1), rolled: map[*Log]bool{}}
}

func (k *housekeeper) start() { k.done.Go(k.run) }

// end lets nothing new begin and returns once files are no longer changed; with
// waitForFlushes, once no fsync is under way either. It may be called once.
func (k *housekeeper) end(waitForFlushes bool) {
	close(k.stop)
	if waitForFlushes {
		k.done.Wait()
		return
	}
	k.chore.Lock()
	defer k.chore.Unlock()
}

func (k *housekeeper) stopped() bool {
	select {
	case <-k.stop:
		return true
	default:
		return false
	}
}

// noteRoll asks for a flush of the log's sealed segments. It does not block.
func (k *housekeeper) noteRoll(l *Log) {
	k.mu.Lock()
	k.rolled[l] = true
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *housekeeper) takeRolled() map[*Log]bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	rolled := k.rolled
	k.rolled = map[*Log]bool{}
	return rolled
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
	for !k.stopped() {
		select {
		case <-k.stop:
		case <-k.wake:
			for log := range k.takeRolled() {
				k.flush(log.flushSealed)
			}
		case <-flushes:
			_ = k.store.eachLog("", func(_ string, log *Log) error {
				k.flush(log.Flush)
				return nil
			})
		case now := <-chores.C:
			if err := k.runChores(now); err != nil {
				k.store.observer.HousekeepingFailed(err)
			}
		}
	}
}

// flush flushes one log, unless the store has ended. A failure is the log's, which
// tells the observer.
func (k *housekeeper) flush(log func() error) {
	if !k.stopped() {
		_ = log()
	}
}

// runChores applies retention, forgets idle producers and writes the checkpoints of every
// log dir.
func (k *housekeeper) runChores(now time.Time) error {
	k.chore.Lock()
	defer k.chore.Unlock()
	if k.stopped() {
		return nil
	}
	var errs []error
	for _, dir := range k.store.dirs {
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
