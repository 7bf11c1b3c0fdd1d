package storage

import (
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

	mu     sync.Mutex
	rolled map[*Log]bool
}

func newHousekeeper(s *Store) *housekeeper {
	return &housekeeper{store: s, stop: make(chan struct{}), wake: make(chan struct{}, 1), rolled: map[*Log]bool{}}
}

func (k *housekeeper) start() { k.done.Go(k.run) }

// end returns once nothing runs any more. It may be called once.
func (k *housekeeper) end() {
	close(k.stop)
	k.done.Wait()
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
	chores := time.NewTicker(cfg.housekeepingInterval())
	defer chores.Stop()
	var flushes <-chan time.Time
	if cfg.flush.interval > 0 {
		t := time.NewTicker(cfg.flush.interval)
		defer t.Stop()
		flushes = t.C
	}
	for {
		select {
		case <-k.stop:
			return
		case <-k.wake:
			for log := range k.takeRolled() {
				_ = log.flushSealed() // a failure is the log's, which tells the observer
			}
		case <-flushes:
			_ = k.store.eachLog("", func(_ string, log *Log) error {
				_ = log.Flush() // as above
				return nil
			})
		case now := <-chores.C:
			if err := k.store.keepHouse(now); err != nil {
				k.store.observer.HousekeepingFailed(err)
			}
		}
	}
}

// keepHouse applies retention and writes the checkpoints of every log dir.
func (s *Store) keepHouse(now time.Time) error {
	var errs []error
	for _, dir := range s.dirs {
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
