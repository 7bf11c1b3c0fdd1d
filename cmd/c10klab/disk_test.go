package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"c10klab/internal/child"
	"c10klab/internal/need"
	"c10klab/internal/record"
	"c10klab/internal/slowdisk"

	"golang.org/x/sys/unix"
)

// diskPlace is where one test keeps its disks.
type diskPlace struct{ dir, state, mount string }

// newDiskPlace ends the test unless the machine can emulate disks. At the end
// nothing may be left of any disk under its state directory.
func newDiskPlace(t *testing.T) diskPlace {
	t.Helper()
	need.Root(t)
	need.Device(t, "/dev/fuse")
	need.Device(t, "/dev/loop-control")
	need.Program(t, "mkfs.ext4", "e2fsprogs")
	// A control socket's path is short; the test's own directory may not be.
	dir, err := os.MkdirTemp("/var/tmp", "disk")
	if err != nil {
		t.Fatal(err)
	}
	p := diskPlace{dir: dir, state: filepath.Join(dir, "state"), mount: filepath.Join(dir, "mnt")}
	t.Cleanup(func() {
		if err := slowdisk.DownAll(p.state); err != nil {
			t.Errorf("clean up: %v", err)
		}
		p.nothingLeft(t)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p diskPlace) file(name string) string { return filepath.Join(p.mount, name) }

// up starts `disk up --foreground` on a small disk.
func (p diskPlace) up(t *testing.T, args ...string) (*child.Process, record.DiskReady) {
	t.Helper()
	fixed := []string{"disk", "up", "--foreground", "--state", p.state, "--mount", p.mount, "--disk-size", "256MiB"}
	started := child.Start(t, "", append(fixed, args...)...)
	child.Eventually(t, "the disk is mounted or its process ends", func() bool { return started.Stdout.HasLine() || started.Over() })
	var ready record.DiskReady
	if err := json.Unmarshal([]byte(started.Stdout.String()), &ready); err != nil {
		t.Fatalf("the ready line is %q: %v; stderr: %s", started.Stdout.String(), err, started.Stderr.String())
	}
	return started, ready
}

// nothingLeft looks for mounts and loop devices under the place.
func (p diskPlace) nothingLeft(t *testing.T) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	backing, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, path := range backing {
		text, _ := os.ReadFile(path) // one that goes meanwhile is another's
		mounts = append(mounts, text...)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, p.dir+"/") {
			t.Errorf("left in the kernel: %s", line)
		}
	}
	if left, _ := filepath.Glob(p.state + "/disk/*"); left != nil {
		t.Errorf("left in the state directory: %v", left)
	}
}

// interrupt ends a disk with Ctrl-C's signal.
func interruptDisk(t *testing.T, p *child.Process, ready record.DiskReady) {
	t.Helper()
	child.Signal(t, ready.PID, syscall.SIGINT)
	if status := p.Wait(t); status != exitOK {
		t.Errorf("the disk ended with %d: %s", status, p.Stderr.String())
	}
}

func writeSynced(path string, content []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

// sendCold sends a file that is not in memory with sendfile.
func sendCold(path string, size int) (time.Duration, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return 0, err
	}
	sink, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer sink.Close()
	started := time.Now()
	for size > 0 {
		n, err := unix.Sendfile(int(sink.Fd()), int(f.Fd()), nil, size)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, errors.New("the file is shorter than it was")
		}
		size -= n
	}
	return time.Since(started), nil
}

// queueSettings are what the device's queue is tuned to.
func queueSettings(device string) (all string) {
	for _, name := range []string{"queue/scheduler", "queue/read_ahead_kb", "queue/max_sectors_kb", "queue/wbt_lat_usec", "bdi/strict_limit", "bdi/max_ratio"} {
		text, _ := os.ReadFile(filepath.Join("/sys/block", filepath.Base(device), name))
		all += name + " " + string(text)
	}
	return all
}

func TestDiskKeepsFilesAndPutsTheKernelBack(t *testing.T) {
	for _, fileSystem := range []string{"ext4", "ext4-journal", "xfs"} {
		t.Run(fileSystem, func(t *testing.T) {
			p := newDiskPlace(t)
			flags := []string{"--no-delay", "--disk-fs", fileSystem, "--image", filepath.Join(p.dir, "image"), "--disk-dirty-limit", "16MiB", "--disk-read-ahead", "64KiB"}
			if fileSystem == "xfs" {
				need.Program(t, "mkfs.xfs", "xfsprogs")
				flags = append(flags, "--disk-size", "320MiB") // its least
			}
			content := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
			for start := range 2 {
				before := settingsOfAllLoops()
				running, ready := p.up(t, flags...)
				if start == 0 {
					if err := writeSynced(p.file("f"), content); err != nil {
						t.Fatal(err)
					}
				} else if got, err := os.ReadFile(p.file("f")); err != nil || !bytes.Equal(got, content) {
					t.Errorf("after a restart the file differs (%v)", err)
				}
				if now := queueSettings(ready.Device); !strings.Contains(now, "read_ahead_kb 64\n") || !strings.Contains(now, "strict_limit 1\n") {
					t.Errorf("settings while it is up:\n%s", now)
				}
				interruptDisk(t, running, ready)
				p.nothingLeft(t)
				if was, known := before[ready.Device]; known && queueSettings(ready.Device) != was {
					t.Errorf("settings of %s are\n%swant\n%s", ready.Device, queueSettings(ready.Device), was)
				}
			}
		})
	}
}

func settingsOfAllLoops() map[string]string {
	all := map[string]string{}
	devices, _ := filepath.Glob("/dev/loop[0-9]*")
	for _, device := range devices {
		all[device] = queueSettings(device)
	}
	return all
}

func TestColdFilesTakeTheModelsTime(t *testing.T) {
	p := newDiskPlace(t)
	running, ready := p.up(t)
	control := slowdisk.NewClient(ready.Control)
	const size = 32 << 20
	if err := errors.Join(control.SetDelay(false), writeSynced(p.file("f"), make([]byte, size)), control.SetDelay(true), control.Mark()); err != nil {
		t.Fatal(err)
	}
	took, err := sendCold(p.file("f"), size)
	if err != nil {
		t.Fatal(err)
	}
	const modelTime = time.Second * size / 125e6
	if took < modelTime*95/100 {
		t.Errorf("a cold file of %d bytes took %v at 125 MB/s", size, took)
	}
	var status record.DiskStatus
	child.Eventually(t, "samples show the reads", func() bool {
		status, err = control.Status()
		for _, s := range status.Samples {
			if s.ReadMBps > 0 && s.Util > 0 && s.Util <= 1 && s.ReadAwaitMs > 0 && s.AtNs > status.MarkNs {
				return true
			}
		}
		return err != nil
	})
	c := status.Counts
	if err != nil || c.ReadBytes < size || c.Delayed != c.Reads+c.Writes || time.Duration(c.ModelBusyNs) < modelTime*95/100 || status.CPUNs == 0 {
		t.Errorf("since the mark (%v): %+v, CPU %d ns", err, c, status.CPUNs)
	}
	if err := errors.Join(control.SetDelay(false), control.Mark()); err != nil {
		t.Fatal(err)
	}
	if _, err := sendCold(p.file("f"), size); err != nil {
		t.Fatal(err)
	}
	if status, err = control.Status(); err != nil || status.Counts.ReadBytes < size || status.Counts.Delayed != 0 {
		t.Errorf("without delay (%v): %+v", err, status.Counts)
	}
	const stall = 300 * time.Millisecond
	asked := time.Now()
	if err := control.Stall(stall); err != nil {
		t.Fatal(err)
	}
	if _, err := sendCold(p.file("f"), size); err != nil || time.Since(asked) < stall {
		t.Errorf("a cold file was there (%v) %v after its disk was stalled for %v", err, time.Since(asked), stall)
	}
	interruptDisk(t, running, ready)
}

func TestDiskOverABaseLeavesItAsItWas(t *testing.T) {
	p := newDiskPlace(t)
	base := filepath.Join(p.dir, "base")
	first, ready := p.up(t, "--no-delay", "--image", base)
	if err := writeSynced(p.file("f"), []byte("prepared")); err != nil {
		t.Fatal(err)
	}
	interruptDisk(t, first, ready)
	before, err := os.ReadFile(base)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		running, ready := p.up(t, "--base", base)
		if got, err := os.ReadFile(p.file("f")); err != nil || string(got) != "prepared" {
			t.Errorf("over the base the file is %q (%v)", got, err)
		}
		if err := writeSynced(p.file("f"), bytes.Repeat([]byte("changed "), 1<<17)); err != nil {
			t.Error(err)
		}
		interruptDisk(t, running, ready)
	}
	after, err := os.ReadFile(base)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the base has changed (%v)", err)
	}
	if left, _ := filepath.Glob(base + "?*"); left != nil {
		t.Errorf("left beside the base: %v", left)
	}
}
