package models

import (
	"testing"
	"time"

	"c10klab/internal/osthread"
)

// A thread that waits for an item sleeps on until wakeDue, and takes then all that
// was appended meanwhile.
func TestTakerSleepsUntilTheWakeIsDue(t *testing.T) {
	q := newQueue[int](4)
	taken := make(chan int, 4)
	threads := osthread.NewRegistry(osthread.Options{})
	if err := threads.Start("taker-0", func(thread *osthread.Thread) {
		for item, ok := q.take(thread); ok; item, ok = q.take(thread) {
			taken <- item
		}
		close(taken)
	}); err != nil {
		t.Fatal(err)
	}
	for asleep := false; !asleep; time.Sleep(time.Millisecond) {
		q.mu.Lock()
		asleep = q.takers.sleeping == 1
		q.mu.Unlock()
	}
	for i := range 3 {
		if !q.offerUnwoken(i) {
			t.Fatalf("item %d was refused", i)
		}
	}
	select {
	case item := <-taken:
		t.Fatalf("item %d was taken before the wake", item)
	case <-time.After(20 * time.Millisecond):
	}
	if !q.wakeDue() || q.wakeDue() {
		t.Error("one sleeper was due, once")
	}
	for i := range 3 {
		if item := <-taken; item != i {
			t.Errorf("item %d was taken as number %d", item, i)
		}
	}
	q.close()
	if _, open := <-taken; open || q.offerUnwoken(9) {
		t.Error("a closed queue took an item")
	}
}

func TestFullQueueRefusesUnwokenItems(t *testing.T) {
	q := newQueue[int](1)
	if !q.offerUnwoken(1) || q.offerUnwoken(2) {
		t.Error("a queue of one takes one item")
	}
	if q.wakeDue() {
		t.Error("nobody waits")
	}
}
