package osthread

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestThousandsOfThreadsAreOrdinaryAndTheRuntimesAreNot(t *testing.T) {
	before := attrOf(t, 0)
	if raised := ordinary.Load(); raised != nil { // by an earlier test
		before = raised
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
	main := attrOf(t, os.Getpid())
	close(stop)
	r.Wait()
	close(told)
	for got := range told {
		if got.Policy != before.Policy || got.Nice != before.Nice || got.Runtime != before.Runtime {
			t.Fatalf("a thread of the registry has %+v, the process had %+v", got, before)
		}
	}
	tellsSlices := before.Runtime != 0 // Linux 6.12 and newer
	if tellsSlices && main.Runtime != uint64(wakeSlice) || os.Getuid() == 0 && main.Nice != mostNice {
		t.Errorf("the main thread has %+v, want a slice of %v, and as root nice %d", main, wakeSlice, mostNice)
	}
	if monitor := attrOf(t, monitorID(t)); monitor.Nice != before.Nice || monitor.Runtime != before.Runtime {
		t.Errorf("the runtime's monitor has %+v, the process had %+v", monitor, before)
	}
}

// TestTheMonitorIsWhereItIsTakenToBe: while a goroutine is busy the monitor, and no other
// thread, does nothing but sleep for short times.
func TestTheMonitorIsWhereItIsTakenToBe(t *testing.T) {
	path := "/proc/self/task/" + strconv.Itoa(monitorID(t)) + "/syscall"
	if _, err := os.ReadFile(path); err != nil {
		t.Skipf("what a thread waits for: %v", err)
	}
	sleeps := strconv.Itoa(unix.SYS_NANOSLEEP) + " "
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if text, err := os.ReadFile(path); err == nil && strings.HasPrefix(string(text), sleeps) {
			return
		}
	}
	t.Error("the thread never slept in nanosleep(2), as the runtime's monitor does")
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
