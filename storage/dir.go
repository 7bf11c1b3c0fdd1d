package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	lockFile  = ".lock"
	cleanFile = ".kafka_cleanshutdown"
	makingDir = ".making" // a partition's directory before it gets its name
)

// kafkaFiles may lie in a log dir beside partitions; all but lost+found are Kafka's.
var kafkaFiles = []string{
	"meta.properties", "bootstrap.checkpoint", "cleaner-offset-checkpoint", "log-start-offset-checkpoint",
	"recovery-point-offset-checkpoint", "replication-offset-checkpoint", "lost+found",
}

// logDir is one log dir, locked for as long as its store is open.
type logDir struct {
	path  string
	lock  *os.File
	clean bool // marked as cleanly stopped
	logs  []*Log
}

// partitionDir is a partition found in, or meant for, a log dir.
type partitionDir struct {
	dir       *logDir
	topic     string
	partition int
}

func (p partitionDir) path() string {
	return filepath.Join(p.dir.path, partitionDirName(p.topic, p.partition))
}

// openDir makes the directory if need be and locks it. A directory with other
// content is refused before anything is put there.
func openDir(path string) (*logDir, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("making log dir: %w", err)
	}
	d := &logDir{path: path}
	if _, err := d.list(); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking log dir: %w", err)
	}
	d.lock = lock
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if err == unix.EWOULDBLOCK {
			return nil, fmt.Errorf("%w: %s", ErrDirLocked, path)
		}
		return nil, fmt.Errorf("locking log dir %s: %w", path, err)
	}
	_, err = os.Stat(filepath.Join(path, cleanFile))
	d.clean = err == nil
	return d, nil
}

// list returns the partitions in the directory; anything that is neither one
// nor known nor hidden is ErrForeignDir.
func (d *logDir) list() ([]partitionDir, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, fmt.Errorf("listing log dir: %w", err)
	}
	var found []partitionDir
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") || slices.Contains(kafkaFiles, name) {
			continue
		}
		topic, partition, ok := parsePartitionDirName(name)
		place := partitionDir{dir: d, topic: topic, partition: partition}
		if !ok || !place.exists() {
			return nil, fmt.Errorf("%w: %s holds %q", ErrForeignDir, d.path, name)
		}
		found = append(found, place)
	}
	return found, nil
}

// exists tells a partition from a directory that only happens to be named like
// one: it holds metadata or, before Kafka 2.8, at least a segment.
func (p partitionDir) exists() bool {
	if _, err := os.Stat(filepath.Join(p.path(), metadataFile)); err == nil {
		return true
	}
	bases, err := segmentBases(p.path())
	return err == nil && len(bases) > 0
}

// setClean makes or removes the mark of a clean stop, on the device too: a mark
// that came back after a loss of power would have a torn log trusted.
func (d *logDir) setClean(clean bool) error {
	if clean == d.clean {
		return nil
	}
	path := filepath.Join(d.path, cleanFile)
	change := os.Remove
	if clean {
		change = func(path string) error { return os.WriteFile(path, nil, 0o644) }
	}
	err := change(path)
	if err == nil {
		err = d.sync()
	}
	if err != nil {
		return fmt.Errorf("marking clean stop %v: %w", clean, err)
	}
	d.clean = clean
	return nil
}

func (d *logDir) sync() error {
	dir, err := os.Open(d.path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// unlock ends the store's hold on the directory.
func (d *logDir) unlock() error {
	if err := d.lock.Close(); err != nil {
		return fmt.Errorf("unlocking log dir: %w", err)
	}
	return nil
}
