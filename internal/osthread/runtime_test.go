package osthread

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"c10klab/internal/need"

	"golang.org/x/sys/unix"
)

func TestThousandsOfThreadsAreOrdinaryAndTheRuntimesAreNot(t *testing.T) {
	before := attrOf(t, 0)
	if raised := ordinary.Load(); raised != nil { // by an earlier test
		before = raised
	}
	if before.Runtime == 0 && os.Getuid() != 0 {
		need.Lacking(t, "root, or a kernel that tells time slices (Linux 6.12)")
	}
	r := NewRegistry(Options{SharePs: true})
	stop := make(chan struct{})
	told := make(chan *unix.SchedAttr, raiseFrom)
	for range raiseFrom {
		err := r.Start("conn-0", func(*Thread) {
			<-stop // so that the runtime's threads are raised meanwhile
			told <- attrOf(t, 0)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	census, err := r.Census()
	if err != nil {
		t.Fatal(err)
	}
	monitor := monitorID(t)
	for _, e := range census.Runtime {
		got := attrOf(t, e.TID)
		raised := got.Nice == mostNice || got.Runtime == uint64(wakeSlice)
		if raised == (e.TID == monitor) {
			t.Errorf("thread %d of the runtime, of which %d is the monitor, has %+v", e.TID, monitor, got)
		}
	}
	close(stop)
	r.Wait()
	close(told)
	for got := range told {
		if got.Policy != before.Policy || got.Nice != before.Nice || got.Runtime != before.Runtime {
			t.Fatalf("a thread of the registry has %+v, the process had %+v", got, before)
		}
	}
}

// TestTheMonitorIsWhereItIsTakenToBe: while a goroutine is busy the monitor, and no other
// thread, does nothing but sleep for short times.
func TestTheMonitorIsWhereItIsTakenToBe(t *testing.T) {
	path := "/proc/self/task/" + strconv.Itoa(monitorID(t)) + "/syscall"
	if _, err := os.ReadFile(path); err != nil {
		need.Lacking(t, "the system call that a thread is in: "+err.Error())
	}
	sleeps := strconv.Itoa(unix.SYS_NANOSLEEP) + " "
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if text, err := os.ReadFile(path); err == nil && strings.HasPrefix(string(text), sleeps) {
			return
		}
	}
	text, err := os.ReadFile(path)
	t.Errorf("the thread never slept in nanosleep(2), as the runtime's monitor does, but is in %s, %v", text, err)
}

func monitorID(t *testing.T) int {
	t.Helper()
	tids, err := taskIDs()
	if err != nil || len(tids) <= monitorPlace {
		t.Fatalf("threads %v, %v", tids, err)
	}
	return tids[monitorPlace]
}

func attrOf(t *testing.T, tid int) *unix.SchedAttr {
	t.Helper()
	attr, err := unix.SchedGetAttr(tid, 0)
	if err != nil {
		t.Error(err)
		return new(unix.SchedAttr)
	}
	return attr
}
