package models

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"c10klab/internal/need"
	"c10klab/internal/osthread"

	"golang.org/x/sys/unix"
)

// awaitAsleep returns once a thread is asleep on a futex: one that only means to sleep
// would see that the word has changed, and not sleep.
func awaitAsleep(t *testing.T, tid int, word *atomic.Uint32) {
	t.Helper()
	path := fmt.Sprintf("/proc/self/task/%d/syscall", tid)
	if _, err := os.ReadFile(path); err != nil {
		need.Lacking(t, "the system call that a thread is in: "+err.Error())
	}
	asleep := fmt.Sprintf("%d %p ", unix.SYS_FUTEX, word)
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if text, err := os.ReadFile(path); err == nil && strings.HasPrefix(string(text), asleep) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the thread does not go to sleep")
		}
	}
}

// A thread that waits for an item sleeps on until wakeDue, and takes then all that
// was appended meanwhile.
func TestTakerSleepsUntilTheWakeIsDue(t *testing.T) {
	q := newQueue[int](4)
	taken := make(chan int, 4)
	threads := osthread.NewRegistry(osthread.Options{})
	tid := make(chan int, 1)
	if err := threads.Start("taker-0", func(thread *osthread.Thread) {
		tid <- thread.TID
		for item, ok := q.take(thread); ok; item, ok = q.take(thread) {
			taken <- item
		}
		close(taken)
	}); err != nil {
		t.Fatal(err)
	}
	awaitAsleep(t, <-tid, &q.takers.sequence)
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
