package slowdisk

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// mountPoint is a line of /proc/self/mountinfo (proc(5)).
type mountPoint struct {
	deviceMinor      int
	path             string
	fsType, fsSource string
}

// readMounts lists all mounts, the oldest first, without touching any: one of a
// hung disk would not answer.
func readMounts() ([]mountPoint, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("list mounts: %w", err)
	}
	var all []mountPoint
	for line := range strings.Lines(string(text)) {
		left, right, found := strings.Cut(line, " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if !found || len(l) < 5 || len(r) < 2 {
			return nil, fmt.Errorf("list mounts: line %q is not as in proc(5)", line)
		}
		_, minor, _ := strings.Cut(l[2], ":")
		m := mountPoint{path: unescape(l[4]), fsType: r[0], fsSource: unescape(r[1])}
		if m.deviceMinor, err = strconv.Atoi(minor); err != nil {
			return nil, fmt.Errorf("list mounts: device %q: %w", l[2], err)
		}
		all = append(all, m)
	}
	return all, nil
}

var mountEscapes = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func unescape(path string) string { return mountEscapes.Replace(path) }

// unmountWithin bounds the wait for the last user of a file system to leave it.
const unmountWithin = 3 * time.Second

// unmount unmounts path. If it stays in use it is taken out of the tree, so that
// no new user comes, and the error says so.
func unmount(path string) error {
	err := within(unmountWithin, path+" to be unused", func() (bool, error) {
		err := unix.Unmount(path, unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EBUSY) {
			return false, nil
		}
		return true, err
	})
	if err == nil || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		return nil // EINVAL: nothing is mounted there
	}
	if detached := unix.Unmount(path, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH); detached != nil {
		return fmt.Errorf("unmount %s: %w, then: %w", path, err, detached)
	}
	return fmt.Errorf("%s is unmounted under its users: %w", path, err)
}

// fuseConnections is where fusectl is mounted.
const fuseConnections = "/sys/fs/fuse/connections"

// abortFUSE ends the connection of a FUSE mount: whoever waits for its server
// gets an error (Documentation/filesystems/fuse).
func abortFUSE(deviceMinor int) (err error) {
	if _, statErr := os.Stat(fuseConnections + "/" + strconv.Itoa(deviceMinor)); statErr != nil {
		if err := unix.Mount("fusectl", fuseConnections, "fusectl", 0, ""); err != nil {
			return fmt.Errorf("mount fusectl: %w", err)
		}
		defer func() { err = errors.Join(err, unix.Unmount(fuseConnections, 0)) }()
	}
	return writeSetting(fmt.Sprintf("%s/%d/abort", fuseConnections, deviceMinor), "1")
}
