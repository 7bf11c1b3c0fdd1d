package models

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"c10klab/internal/knob"

	"golang.org/x/sys/unix"
)

// A start that fails, after whichever of its descriptors, gives back all it has opened
// and ends all threads it has started.
func TestStartThatFailsLeavesNothingBehind(t *testing.T) {
	everyPair(t, func(t *testing.T, config Config) { failAfterEachDescriptor(t, config) })
	for _, policy := range []string{OnFullSplit, OnFullShed} {
		t.Run(policy, func(t *testing.T) {
			failAfterEachDescriptor(t, defaultConfig(t, "on-full="+policy, "isolate=file", "send=shared-selector"))
		})
	}
}

func failAfterEachDescriptor(t *testing.T, config Config) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	restore := limit
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &restore)
	file := newCountedFile(t, 1)
	fillHoles(t)
	before := startUsage(t)
	for failures, limit := 0, restore; ; failures++ {
		limit.Cur = uint64(before.descriptors + failures)
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		server, err := Start(config, "127.0.0.1:0", &testService{file: file}, nil, t.Logf)
		if err == nil {
			if failures == 0 {
				t.Error("a start without descriptors did not fail")
			}
			unix.Setrlimit(unix.RLIMIT_NOFILE, &restore)
			if err := server.Stop(context.Background()); err != nil {
				t.Error(err)
			}
			awaitStartUsage(t, before)
			return
		}
		unix.Setrlimit(unix.RLIMIT_NOFILE, &restore)
		awaitStartUsage(t, before)
	}
}

// fillHoles opens descriptors until all numbers below the highest are taken, so that a
// limit bounds how many can be opened.
func fillHoles(t *testing.T) {
	t.Helper()
	highest := 0
	for _, fd := range openDescriptors(t) {
		highest = max(highest, fd)
	}
	for fd := -1; fd <= highest; {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		fd = int(f.Fd())
	}
}

func openDescriptors(t *testing.T) (fds []int) {
	t.Helper()
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if fd, err := strconv.Atoi(filepath.Base(name)); err == nil && fd != int(dir.Fd()) {
			fds = append(fds, fd)
		}
	}
	return fds
}

func startUsage(t *testing.T) usage {
	t.Helper()
	return usage{descriptors: len(openDescriptors(t)), goroutines: runtime.NumGoroutine()}
}

// awaitStartUsage waits for threads on their way out.
func awaitStartUsage(t *testing.T, before usage) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		now := startUsage(t)
		if now.descriptors <= before.descriptors && now.goroutines <= before.goroutines {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("before the start %+v, after it failed %+v", before, now)
		}
	}
}

func TestServerWithoutRoomIsRefusedWithTheLimitAndTheCure(t *testing.T) {
	const tooMany = 1 << 28
	c, err := ConfigFrom(knob.NewTable(Knobs).Defaults(), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckRoom(c, 1); err != nil {
		t.Fatalf("no room for one connection: %v", err)
	}
	if err := CheckRoom(c, tooMany); err == nil || !strings.Contains(err.Error(), "file descriptors") || !strings.Contains(err.Error(), "ulimit -n 268435712") {
		t.Errorf("%d connections: %v", tooMany, err)
	}
	c.Handlers = tooMany
	if err := CheckRoom(c, 1); err == nil || !strings.Contains(err.Error(), c.Model) || !strings.Contains(err.Error(), "raise it with") {
		t.Errorf("%d handler threads: %v", tooMany, err)
	}
}
