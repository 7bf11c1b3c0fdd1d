package runner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"c10klab/results"

	"golang.org/x/sys/unix"
)

// dataDirPrefix begins the names of the trials' data directories; the runner's
// process id and a random part follow.
const dataDirPrefix = "c10klab-data-"

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
		if !abandoned(filepath.Base(leftover)) {
			continue
		}
		if err := os.RemoveAll(leftover); err != nil {
			return fmt.Errorf("remove leftover: %w", err)
		}
	}
	return nil
}

func abandoned(name string) bool {
	owner, _, _ := strings.Cut(strings.TrimPrefix(name, dataDirPrefix), "-")
	pid, err := strconv.Atoi(owner)
	return err == nil && errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}

func newDataDir(parent string) (string, error) {
	dir, err := os.MkdirTemp(parent, fmt.Sprintf("%s%d-", dataDirPrefix, os.Getpid()))
	if err != nil {
		return "", fmt.Errorf("make data directory: %w", err)
	}
	return dir, nil
}

// discard removes a trial's data, whose dirty pages the kernel then forgets, and
// waits until all else that the file system owes to the disk is written, so that
// no trial pays for the one before.
func discard(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove data directory: %w", err)
	}
	parent, err := os.Open(filepath.Dir(dir))
	if err != nil {
		return fmt.Errorf("sync file system of data directory: %w", err)
	}
	defer parent.Close()
	if err := unix.Syncfs(int(parent.Fd())); err != nil {
		return fmt.Errorf("sync file system of %s: %w", parent.Name(), err)
	}
	return nil
}
