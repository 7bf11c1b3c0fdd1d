package slowdisk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

const (
	// answerWithin is how long a live disk may take to say that it is alive; its
	// status needs nothing from the disk itself.
	answerWithin = 5 * time.Second
	// endWithin bounds the wait for a killed process. One that waited for its own
	// disk ends once the connection is aborted.
	endWithin = 10 * time.Second
)

// Clean removes what killed or hung disks have left under a state directory:
// mounts, loop devices, FUSE connections, and settings of the kernel. It leaves
// alone every disk whose process answers. Any process may call it; calls at the
// same time wait for each other.
func Clean(stateDir string) error {
	unlock, err := lockDir(stateDir, "lock")
	if err != nil {
		return err
	}
	defer unlock()
	return cleanLocked(stateDir)
}

func cleanLocked(stateDir string) error {
	all, err := names(stateDir)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range all {
		p := placesOf(stateDir, name)
		s, err := p.load()
		errs = append(errs, err)
		if s.Process.alive() && responds(s.Process, p) {
			continue
		}
		if err := clean(p, s); err != nil {
			errs = append(errs, fmt.Errorf("clean what is left of disk %s: %w", name, err))
		}
	}
	return errors.Join(append(errs, machineLimits().prune())...)
}

// responds reports whether a live process answers. One that is stopped does not.
func responds(id processID, p places) bool {
	client, answers := NewClient(p.control()), false
	_ = within(answerWithin, "an answer", func() (bool, error) {
		answers = client.alive(time.Second)
		return answers || id.stopped() || !id.alive(), nil
	})
	return answers
}

// clean takes a disk apart whose process has ended or hangs. The connection goes
// first: everything else may wait for an answer that will not come.
func clean(p places, s diskState) error {
	mounts, err := readMounts()
	if err != nil {
		return err
	}
	devices, err := loopsUnder(p.fuse())
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range mounts {
		if m.MountPoint == p.fuse() {
			errs = append(errs, abortFUSE(m))
		}
	}
	if s.Process.alive() && !s.Process.elsewhere() {
		errs = append(errs, s.Process.signal(unix.SIGKILL), s.Process.awaitEnd(endWithin))
	}
	for _, m := range slices.Backward(mounts) {
		if slices.ContainsFunc(devices, func(d loopDevice) bool { return m.Source == d.path() }) {
			errs = append(errs, unmount(m.MountPoint))
		}
	}
	errs = append(errs, s.restore(devices)) // before another gets the device
	for _, d := range devices {
		errs = append(errs, d.detach())
	}
	if slices.ContainsFunc(mounts, func(m *procfs.MountInfo) bool { return strings.HasPrefix(m.MountPoint, p.dir+"/") }) {
		errs = append(errs, unmount(p.fuse()))
	}
	if s.Temporary != "" {
		if err := os.Remove(s.Temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, p.remove())...)
}

// restore puts the loop device's settings back, unless another has taken it.
// ours are the devices that are still this disk's.
func (s diskState) restore(ours []loopDevice) error {
	if s.Device == "" {
		return nil
	}
	backing, err := s.Device.backing()
	if err != nil {
		return err
	}
	if backing != "" && !slices.Contains(ours, s.Device) {
		return nil
	}
	return restore(s.Settings)
}
