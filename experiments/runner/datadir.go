package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"c10klab/results"

	"golang.org/x/sys/unix"
)

// dataDirPrefix begins the names of the trials' data directories.
const dataDirPrefix = "c10klab-data-"

// dataDir is a directory for data that a runner makes and removes. It is locked (flock) for as
// long as its runner lives: process ids mean nothing to a runner in another container.
type dataDir struct {
	path string
	lock *os.File // the directory itself
}

// dataDirName are the names that a runner gives; before there was a lock a process id came first.
var dataDirName = regexp.MustCompile(`^` + dataDirPrefix + `[0-9]+(-[0-9]+)?$`)

// makingPrefix begins the names of those that have no lock yet. One that a kill leaves is empty.
const makingPrefix = ".c10klab-making-"

// ErrMemoryFileSystem says that logs would be kept in memory, where nothing that
// concerns a disk can be measured.
var ErrMemoryFileSystem = errors.New("this file system keeps files in memory, not on a disk")

// prepareDataParent makes the directory that trials keep their data in, and
// refuses it if it is in memory.
func prepareDataParent(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("statfs %s: %w", dir, err)
	}
	switch int64(st.Type) {
	case unix.TMPFS_MAGIC:
		return fmt.Errorf("data directory %s is on tmpfs: %w", dir, ErrMemoryFileSystem)
	case unix.RAMFS_MAGIC:
		return fmt.Errorf("data directory %s is on ramfs: %w", dir, ErrMemoryFileSystem)
	}
	return nil
}

// removeLeftovers removes the data of runners that no longer exist, which match a
// pattern beneath a directory (results.FilesIn).
func removeLeftovers(dir, pattern string) error {
	leftovers, err := results.FilesIn(dir, pattern+dataDirPrefix+"*")
	if err != nil {
		return fmt.Errorf("look for leftovers in %s: %w", dir, err)
	}
	for _, leftover := range leftovers {
		if !dataDirName.MatchString(filepath.Base(leftover)) {
			continue
		}
		lock, err := lockAbandoned(leftover)
		if err == nil && lock != nil {
			err = errors.Join(os.RemoveAll(leftover), lock.Close())
		}
		if err != nil {
			return fmt.Errorf("remove leftover: %w", err)
		}
	}
	return nil
}

// lockAbandoned takes the lock of a directory whose runner has ended; nil: it has not.
func lockAbandoned(path string) (*os.File, error) {
	lock, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) { // another runner was quicker
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
		return lock, nil
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = nil
	}
	return nil, errors.Join(err, lock.Close())
}

func newDataDir(parent string) (d dataDir, err error) {
	making, err := os.MkdirTemp(parent, makingPrefix)
	if err != nil {
		return d, fmt.Errorf("make data directory: %w", err)
	}
	if d.lock, err = os.Open(making); err == nil {
		err = unix.Flock(int(d.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err == nil {
		d.path = filepath.Join(parent, dataDirPrefix+strings.TrimPrefix(filepath.Base(making), makingPrefix))
		err = os.Rename(making, d.path)
	}
	if err != nil {
		return d, fmt.Errorf("lock data directory: %w", err)
	}
	return d, nil
}

// vanished is an error if somebody else has removed the directory or put another in its place.
func (d dataDir) vanished() error {
	own, err := d.lock.Stat()
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	now, err := os.Stat(d.path)
	if err == nil && !os.SameFile(own, now) {
		err = errors.New("another is in its place")
	}
	if err != nil {
		return fmt.Errorf("the data directory was removed during the trial: %w", err)
	}
	return nil
}

// discard removes a trial's data, whose dirty pages the kernel then forgets, and
// waits until all else that the file system owes to the disk is written, so that
// no trial pays for the one before.
func (d dataDir) discard() error {
	if err := errors.Join(os.RemoveAll(d.path), d.lock.Close()); err != nil {
		return fmt.Errorf("remove data directory: %w", err)
	}
	parent, err := os.Open(filepath.Dir(d.path))
	if err != nil {
		return fmt.Errorf("sync file system of data directory: %w", err)
	}
	defer parent.Close()
	if err := unix.Syncfs(int(parent.Fd())); err != nil {
		return fmt.Errorf("sync file system of %s: %w", parent.Name(), err)
	}
	return nil
}
