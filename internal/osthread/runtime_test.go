package osthread

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestThreadsThatSharePsAreOrdinaryAndTheRuntimesAreNot(t *testing.T) {
	before := attrOf(t, 0)
	r := NewRegistry(Options{SharePs: true})
	own := make(chan *unix.SchedAttr, 1)
	if err := r.Start("conn-0", func(*Thread) { own <- attrOf(t, 0) }); err != nil {
		t.Fatal(err)
	}
	if got := <-own; got.Policy != before.Policy || got.Nice != before.Nice || got.Runtime != before.Runtime {
		t.Errorf("a thread of the registry has %+v, the process had %+v", got, before)
	}
	r.Wait()
	main := attrOf(t, os.Getpid())
	told := before.Runtime != 0 // by Linux 6.12 and newer
	if told && main.Runtime != uint64(wakeSlice) || os.Getuid() == 0 && main.Nice != mostNice {
		t.Errorf("the main thread has %+v, want a slice of %v, and as root nice %d", main, wakeSlice, mostNice)
	}
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
