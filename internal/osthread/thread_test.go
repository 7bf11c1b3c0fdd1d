package osthread

import (
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// start runs n threads that wait until the returned function is called.
func start(t *testing.T, r *Registry, group string, n int) (end func()) {
	t.Helper()
	stop := make(chan struct{})
	for i := range n {
		name := group + "-" + string(rune('0'+i))
		if err := r.Start(name, func(*Thread) { <-stop }); err != nil {
			t.Fatal(err)
		}
	}
	return func() { close(stop); r.Wait() }
}

func TestCensusFindsNamedThreadsApartFromTheRuntimes(t *testing.T) {
	r := NewRegistry(Options{})
	endNet := start(t, r, "net", 3)
	census, err := r.Census()
	if err != nil {
		t.Fatal(err)
	}
	if census.Groups()["net"] != 3 || len(census.Threads) != 3 || len(census.Runtime) == 0 {
		t.Errorf("census %+v, want 3 net threads and some of the runtime's", census)
	}
	endNet()
	if len(r.live) != 0 {
		t.Errorf("%d threads live after the end", len(r.live))
	}
}

func TestEndedThreadIsGoneFromTheKernel(t *testing.T) {
	r := NewRegistry(Options{})
	var tid int
	if err := r.Start("io-0", func(th *Thread) { tid = th.TID }); err != nil {
		t.Fatal(err)
	}
	r.Wait()
	for unix.Tgkill(unix.Getpid(), tid, 0) == nil {
		runtime.Gosched() // the goroutine has ended; its thread is on its way out
	}
}

func TestGomaxprocsExceedsLockedThreads(t *testing.T) {
	r := NewRegistry(Options{})
	end := start(t, r, "conn", 9)
	defer end()
	if procs := runtime.GOMAXPROCS(0); procs < 9+spareProcs {
		t.Errorf("GOMAXPROCS is %d with 9 locked threads", procs)
	}
}

func TestPinnedThreadRunsOnOneCPU(t *testing.T) {
	r := NewRegistry(Options{Pin: true})
	var cpus int
	err := r.Start("net-0", func(*Thread) {
		var set unix.CPUSet
		if unix.SchedGetaffinity(0, &set) == nil {
			cpus = set.Count()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Wait()
	if cpus != 1 {
		t.Errorf("a pinned thread may run on %d CPUs", cpus)
	}
}

func TestTooLongNameIsRefused(t *testing.T) {
	err := NewRegistry(Options{}).Start("a-very-long-thread-name", func(*Thread) {})
	if err == nil || !strings.Contains(err.Error(), "a-very-long-thread-name") {
		t.Errorf("error %v does not name the thread", err)
	}
}

func TestParseCPUs(t *testing.T) {
	if cpus, err := ParseCPUs("0,2-4"); err != nil || len(cpus) != 4 || cpus[3] != 4 {
		t.Errorf("0,2-4 read as %v, %v", cpus, err)
	}
	for _, bad := range []string{"", "a", "3-1", "-1", "0,,1", "99999"} {
		if _, err := ParseCPUs(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestBatchThreadsHaveThePolicyAndOthersDoNot(t *testing.T) {
	for _, batch := range []bool{false, true} {
		r := NewRegistry(Options{Batch: batch})
		policy := make(chan uint32, 1)
		err := r.Start("test", func(*Thread) {
			attr, err := unix.SchedGetAttr(0, 0)
			if err != nil {
				t.Error(err)
				attr = new(unix.SchedAttr)
			}
			policy <- attr.Policy
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := <-policy == unix.SCHED_BATCH; got != batch {
			t.Errorf("batch asked for: %v, got: %v", batch, got)
		}
		r.Wait()
	}
}

func TestShortSliceKeepsPolicyAndNice(t *testing.T) {
	r := NewRegistry(Options{})
	err := r.Start("short-0", func(*Thread) {
		before, err := unix.SchedGetAttr(0, 0)
		if err != nil {
			t.Error(err)
			return
		}
		if err := SetShortSlice(); err != nil {
			t.Error(err)
			return
		}
		after, err := unix.SchedGetAttr(0, 0)
		if err != nil || after.Policy != before.Policy || after.Nice != before.Nice {
			t.Errorf("%+v became %+v, %v", before, after, err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Wait()
}
