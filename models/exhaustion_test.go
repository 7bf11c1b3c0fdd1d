package models

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"c10klab/internal/need"

	"golang.org/x/sys/unix"
)

// lowerLimit lowers a soft limit of the process; what it returns puts it back.
func lowerLimit(t *testing.T, resource int, value uint64) (restore func()) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(resource, &before); err != nil {
		t.Fatal(err)
	}
	lower := before
	lower.Cur = value
	if err := unix.Setrlimit(resource, &lower); err != nil {
		t.Fatal(err)
	}
	return func() { unix.Setrlimit(resource, &before) }
}

// A server that is out of descriptors tries again now and then, serves meanwhile those
// whom it has, and takes in the others when it can.
func TestServerWithoutDescriptorsServesOnAndDoesNotSpin(t *testing.T) {
	for _, m := range Models() {
		t.Run(m.Name, func(t *testing.T) {
			b := startBench(t, defaultConfig(t, "model="+m.Name))
			c := b.dial()
			c.send(request(opEcho, 1))
			c.expect(1, nil)
			fillHoles(t)
			highest := slices.Max(openDescriptors(t))
			restore := lowerLimit(t, unix.RLIMIT_NOFILE, uint64(highest+2)) // one for the client; an acceptor that waits has its own
			defer restore()
			late := b.dial()
			late.send(request(opEcho, 2))
			refusals := func() int { return strings.Count(b.logs.text(), "too many open files") }
			b.await("a refusal", func() bool { return refusals() > 0 })
			begun := time.Now()
			for tag := uint32(10); time.Since(begun) < 3*pauseOnExhaustion; tag++ {
				c.send(request(opEcho, tag))
				c.expect(tag, nil)
			}
			if most := 2 + int(time.Since(begun)/pauseOnExhaustion); refusals() > most {
				t.Errorf("accept was refused %d times in %v, want at most %d", refusals(), time.Since(begun), most)
			}
			restore()
			late.expect(2, nil)
		})
	}
}

// A start whose 256th thread is refused ends those that it has started.
func TestThreadRefusedInTheMiddleOfAStartLeavesNothingBehind(t *testing.T) {
	need.Root(t) // for the limit to bind this test alone
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	before := startUsage(t)
	restore := lowerLimit(t, unix.RLIMIT_NPROC, 500)
	defer restore()
	const nobody = 65534 // the limit does not hold for root
	if err := syscall.Seteuid(nobody); err != nil {
		t.Fatal(err)
	}
	_, err := Start(defaultConfig(t, "handlers=300"), "127.0.0.1:0", &testService{}, nil, t.Logf)
	if err := syscall.Seteuid(os.Getuid()); err != nil {
		t.Fatal(err)
	}
	if err == nil || !strings.Contains(err.Error(), "start thread io-255: ") || !strings.Contains(err.Error(), "RLIMIT_NPROC") {
		t.Errorf("error %v does not name the thread and the limit", err)
	}
	awaitStartUsage(t, before)
}
