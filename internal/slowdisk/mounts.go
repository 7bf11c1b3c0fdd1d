package slowdisk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// readMounts lists all mounts, the oldest first, without touching any: one of a
// hung disk would not answer.
func readMounts() ([]*procfs.MountInfo, error) {
	mounts, err := procfs.GetMounts()
	if err != nil {
		return nil, fmt.Errorf("list mounts: %w", err)
	}
	for _, m := range mounts {
		m.MountPoint, m.Source = unescape(m.MountPoint), unescape(m.Source)
	}
	return mounts, nil
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
func abortFUSE(mount *procfs.MountInfo) (err error) {
	_, deviceMinor, _ := strings.Cut(mount.MajorMinorVer, ":")
	connection := filepath.Join(fuseConnections, deviceMinor)
	if _, statErr := os.Stat(connection); statErr != nil {
		if err := unix.Mount("fusectl", fuseConnections, "fusectl", 0, ""); err != nil {
			return fmt.Errorf("mount fusectl: %w", err)
		}
		defer func() { err = errors.Join(err, unix.Unmount(fuseConnections, 0)) }()
	}
	return writeSetting(filepath.Join(connection, "abort"), "1")
}
