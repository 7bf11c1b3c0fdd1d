package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"c10klab/internal/child"
	"c10klab/internal/record"
	"c10klab/internal/slowdisk"

	"golang.org/x/sys/unix"
)

func TestKilledDiskIsCleanedAtTheNextStart(t *testing.T) {
	p := newDiskPlace(t)
	killed, ready := p.up(t, "--no-delay")
	child.Signal(t, ready.PID, syscall.SIGKILL)
	killed.Wait(t)
	if err := writeSynced(p.file("f"), []byte("x")); err == nil {
		t.Error("a write to a disk without a server succeeded")
	}
	running, ready := p.up(t, "--no-delay")
	if err := writeSynced(p.file("f"), []byte("x")); err != nil {
		t.Error(err)
	}
	if err := slowdisk.Clean(p.state); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(p.file("f")); err != nil || string(got) != "x" {
		t.Errorf("cleaning touched a live disk: %q, %v", got, err)
	}
	interruptDisk(t, running, ready)
	p.nothingLeft(t)
}

func TestHungDiskIsCleanedAndItsUsersGetErrors(t *testing.T) {
	p := newDiskPlace(t)
	hung, ready := p.up(t, "--no-delay")
	const size = 4 << 20
	if err := writeSynced(p.file("f"), make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	child.Suspend(t, ready.PID)
	user := make(chan error, 1)
	go func() {
		_, err := sendCold(p.file("f"), size)
		user <- err
	}()
	if err := slowdisk.Clean(p.state); err != nil {
		t.Error(err)
	}
	select {
	case err := <-user:
		if err == nil {
			t.Error("a cold file of a hung disk was read")
		}
	case <-time.After(child.Patience):
		t.Fatal("the reader of a hung disk still waits after it was cleaned")
	}
	if status := hung.Wait(t); status != -1 {
		t.Errorf("the hung process ended with %d, not by a signal", status)
	}
	p.nothingLeft(t)
}

func TestDiskGoesDownUnderItsUsers(t *testing.T) {
	p := newDiskPlace(t)
	before := settingsOfAllLoops()
	running, ready := p.up(t, "--no-delay")
	const size = 4 << 20
	if err := writeSynced(p.file("f"), make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	user, err := os.Open(p.file("f"))
	if err != nil {
		t.Fatal(err)
	}
	defer user.Close()
	child.Signal(t, ready.PID, syscall.SIGTERM)
	if status := running.Wait(t); status != exitFailed || !strings.Contains(running.Stderr.String(), "unmounted under its users") {
		t.Errorf("ended with %d: %s", status, running.Stderr.String())
	}
	if err := unix.Fadvise(int(user.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	if _, err := user.ReadAt(make([]byte, size), 0); err == nil {
		t.Error("a file of a disk that is gone was read")
	}
	if err := user.Close(); err != nil {
		t.Error(err)
	}
	child.Eventually(t, "the kernel frees the loop device", func() bool {
		_, err := os.Stat(filepath.Join("/sys/block", filepath.Base(ready.Device), "loop"))
		return err != nil
	})
	if was, known := before[ready.Device]; known && queueSettings(ready.Device) != was {
		t.Errorf("settings of %s are\n%swant\n%s", ready.Device, queueSettings(ready.Device), was)
	}
}

func TestFullHostIsAnErrorForTheDisksUsers(t *testing.T) {
	p := newDiskPlace(t)
	host := filepath.Join(p.dir, "host")
	if err := os.Mkdir(host, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", host, "tmpfs", 0, "size=16m"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(host, 0); err != nil {
			t.Error(err)
		}
	}()
	running, ready := p.up(t, "--no-delay", "--image", filepath.Join(host, "image"))
	if err := writeSynced(p.file("f"), make([]byte, 32<<20)); err == nil {
		t.Error("32 MiB found room on a host of 16 MiB")
	}
	if status, err := slowdisk.NewClient(ready.Control).Status(); err != nil || status.Counts.Errors == 0 {
		t.Errorf("the status (%v) counts no error: %+v", err, status.Counts)
	}
	interruptDisk(t, running, ready)
}

func TestDetachedDiskIsListedAndTakenDown(t *testing.T) {
	p := newDiskPlace(t)
	stdout, stderr, exit := child.Run(t, "disk", "up", "--state", p.state, "--mount", p.mount, "--name", "far", "--disk-size", "64MiB", "--disk-model", "ssd-sata")
	var ready record.DiskReady
	if err := json.Unmarshal([]byte(stdout), &ready); err != nil || exit != exitOK {
		t.Fatalf("ended with %d, printed %q: %s", exit, stdout, stderr)
	}
	if err := writeSynced(p.file("f"), []byte("x")); err != nil {
		t.Error(err)
	}
	if _, stderr, exit := child.Run(t, "disk", "up", "--state", p.state, "--mount", p.mount, "--name", "far"); exit != exitFailed || !strings.Contains(stderr, "disk far: a disk of this name is up") {
		t.Errorf("a second disk of the name ended with %d: %s", exit, stderr)
	}
	stdout, _, _ = child.Run(t, "disk", "status", "--json", "--state", p.state)
	var listed []slowdisk.Entry
	if err := json.Unmarshal([]byte(stdout), &listed); err != nil || len(listed) != 1 || listed[0].State != "up" || listed[0].Status.DiskReady != ready {
		t.Errorf("listed (%v): %s", err, stdout)
	}
	stdout, _, _ = child.Run(t, "disk", "status", "--state", p.state)
	if !strings.Contains(stdout, "far") || !strings.Contains(stdout, ready.Device) {
		t.Errorf("for people: %s", stdout)
	}
	if _, stderr, exit := child.Run(t, "disk", "down", "--state", p.state, "--name", "far"); exit != exitOK {
		t.Errorf("down ended with %d: %s", exit, stderr)
	}
	p.nothingLeft(t)
	if _, stderr, exit := child.Run(t, "disk", "down", "--state", p.state, "--name", "far"); exit != exitFailed || !strings.Contains(stderr, `"far"`) {
		t.Errorf("down without a disk ended with %d: %s", exit, stderr)
	}
}

func TestBadDiskFlagsAreTheUsersError(t *testing.T) {
	for want, args := range map[string][]string{
		"--mount DIR":                  {"up"},
		`"a/b"`:                        {"up", "--mount", "/mnt", "--name", "a/b"},
		`"x-y"`:                        {"up", "--mount", "/mnt", "--cpus", "x-y"},
		"did you mean hdd?":            {"up", "--mount", "/mnt", "--disk-model", "hd"},
		"needs disk-model=custom":      {"up", "--mount", "/mnt", "--disk-bandwidth", "3"},
		"exclude each other":           {"down", "--all", "--name", "x"},
		`disk "upp" (did you mean up?`: {"upp"},
	} {
		_, stderr, exit := child.Run(t, append([]string{"disk"}, args...)...)
		if exit != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("disk %v ended with %d: %q, want %q", args, exit, stderr, want)
		}
	}
}
