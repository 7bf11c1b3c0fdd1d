package osthread

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
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
	monitor := monitorIDs(t)
	for _, e := range census.Runtime {
		if e.TID == os.Getpid() {
			continue // it may have been a registry's earlier, and is then kept by the runtime, parked
		}
		got := attrOf(t, e.TID)
		raised := got.Nice == mostNice || got.Runtime == uint64(wakeSlice)
		if raised == slices.Contains(monitor, e.TID) {
			t.Errorf("thread %d of the runtime, of which %v is the monitor, has %+v", e.TID, monitor, got)
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

// The monitor is one thread from the start to the end of the process, so it must be found
// to be the same each time, whatever the process and the machine are doing: here more
// goroutines are busy than there are CPUs, and others wake threads all the time. It is a
// process of its own, since other tests raise the threads of this one above the monitor.
func TestTheMonitorIsToldEveryTimeUnderLoad(t *testing.T) {
	const child = "C10KLAB_MONITOR_CHILD"
	if os.Getenv(child) == "" {
		cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), child+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	stop := make(chan struct{})
	var stopped atomic.Bool
	var load sync.WaitGroup
	defer load.Wait()
	defer close(stop)
	defer stopped.Store(true)
	for range 2 * runtime.NumCPU() {
		load.Go(func() {
			for !stopped.Load() {
			}
		})
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Microsecond):
				}
			}
		})
	}
	first := monitorIDs(t)
	if len(first) == 0 {
		t.Fatal("the monitor was not found")
	}
	for n := range 200 {
		if found := monitorIDs(t); !slices.Equal(found, first) {
			t.Fatalf("search %d found %v, the first %v", n+2, found, first)
		}
	}
}

// monitorIDs finds the monitor among all threads of the process.
func monitorIDs(t *testing.T) []int {
	t.Helper()
	tids, err := taskIDs()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile("/proc/self/task/" + strconv.Itoa(tids[0]) + "/syscall"); err != nil {
		need.Lacking(t, "the system call that a thread is in: "+err.Error())
	}
	found := findMonitor(tids, time.Minute)
	slices.Sort(found)
	return found
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
