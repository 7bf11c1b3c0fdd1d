package storage

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"c10klab/internal/commitlog"
	"c10klab/internal/vfs"
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

// kafkaLeavings are names of directories that Kafka has done with, or not begun to use: those of
// a deleted topic, of a replica on its way to another log dir, and of one that nobody knows
// (LogManager). They are left alone.
var kafkaLeavings = regexp.MustCompile(`^.+-[0-9]+\.[0-9a-f]{32}-(delete|future|stray)$`)

// logDir is one log dir, locked for as long as its store is open.
type logDir struct {
	fs    vfs.FS
	path  string
	lock  io.Closer
	clean bool // marked as cleanly stopped
	// commits is the commit log, in layout commit-log; else nil.
	commits *commitlog.Log

	recoveryPoints, startOffsets partitionOffsets // as Open found them

	checkpointing sync.Mutex  // one checkpoint at a time
	full          atomic.Bool // see Log

	mu   sync.Mutex
	logs []*Log
}

func (d *logDir) add(log *Log) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.logs = append(d.logs, log)
}

func (d *logDir) partitions() []*Log {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.logs)
}

// partitionDir is a partition found in, or meant for, a log dir.
type partitionDir struct {
	dir       *logDir
	topic     string
	partition int
	configs   map[string]string // of its topic, if it is there
	foreign   bool              // another program has written it
}

func (p partitionDir) path() string {
	return filepath.Join(p.dir.path, partitionDirName(p.topic, p.partition))
}

// openDir makes the directory if need be and locks it. A directory with other
// content is refused before anything is put there.
func openDir(fsys vfs.FS, path string) (*logDir, error) {
	if err := makeDir(fsys, path); err != nil {
		return nil, fmt.Errorf("making log dir: %w", err)
	}
	d := &logDir{fs: fsys, path: path}
	if _, err := d.list(); err != nil {
		return nil, err
	}
	lock, err := fsys.Lock(filepath.Join(path, lockFile))
	if errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("%w: %s", ErrDirLocked, path)
	}
	if err != nil {
		return nil, fmt.Errorf("locking log dir: %w", err)
	}
	d.lock = lock
	if d.clean, err = fsys.Exists(filepath.Join(path, cleanFile)); err != nil {
		return nil, errors.Join(fmt.Errorf("looking for the mark of a clean stop: %w", err), lock.Close())
	}
	return d, nil
}

// makeDir makes a directory that is not there, its name on the device.
func makeDir(fsys vfs.FS, path string) error {
	there, err := fsys.Exists(path)
	if there || err != nil {
		return err
	}
	if err := fsys.MkdirAll(path); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(path))
}

// list returns the partitions in the directory; anything that is neither one
// nor known nor hidden is ErrForeignDir.
func (d *logDir) list() ([]partitionDir, error) {
	names, err := d.fs.List(d.path)
	if err != nil {
		return nil, fmt.Errorf("listing log dir: %w", err)
	}
	deletions, err := readDeletions(d.fs, d.path)
	if err != nil {
		return nil, err
	}
	var found []partitionDir
	for _, name := range names {
		known := slices.Contains(kafkaFiles, strings.TrimSuffix(name, vfs.TemporarySuffix))
		if strings.HasPrefix(name, ".") || known || kafkaLeavings.MatchString(name) {
			continue
		}
		topic, partition, ok := parsePartitionDirName(name)
		place := partitionDir{dir: d, topic: topic, partition: partition}
		exists := false
		if ok {
			if exists, err = place.exists(); err != nil {
				return nil, err
			}
		}
		if ok && !exists { // the rest of a partition that was being removed
			exists = slices.ContainsFunc(deletions, func(g deletion) bool { return g.topic == topic })
		}
		if !exists {
			return nil, fmt.Errorf("%w: %s holds %q", ErrForeignDir, d.path, name)
		}
		if place.configs, place.foreign, err = readTopicConfigs(d.fs, place.path()); err != nil {
			return nil, err
		}
		found = append(found, place)
	}
	return found, nil
}

// exists tells a partition from a directory that only happens to be named like
// one: it holds metadata or, before Kafka 2.8, at least a segment.
func (p partitionDir) exists() (bool, error) {
	there, err := p.dir.fs.Exists(filepath.Join(p.path(), metadataFile))
	if errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	} else if there || err != nil {
		return there, err
	}
	logs, err := vfs.Numbers(p.dir.fs, p.path(), logSuffix)
	queues, queuesErr := vfs.Numbers(p.dir.fs, p.path(), commitlog.QueueSuffix)
	return len(logs)+len(queues) > 0, errors.Join(err, queuesErr)
}

// setClean makes or removes the mark of a clean stop, on the device too: a mark
// that came back after a loss of power would have a torn log trusted.
func (d *logDir) setClean(clean bool) error {
	if clean == d.clean {
		return nil
	}
	path := filepath.Join(d.path, cleanFile)
	var err error
	if clean {
		err = vfs.WriteFile(d.fs, path)
	} else {
		err = d.fs.Remove(path)
	}
	if err == nil {
		err = d.fs.SyncDir(d.path)
	}
	if err != nil {
		return fmt.Errorf("marking clean stop %v: %w", clean, err)
	}
	d.clean = clean
	return nil
}

// offsetUnknown is the offset of a Cut that concerns all partitions.
const offsetUnknown = -1

// layOut makes of each log dir what the layout asks for. In layout commit-log the store
// goes on over a file system whose segment files are views of the commit logs, and
// knows no other difference. It fails with ErrOtherLayout.
func (s *Store) layOut() error {
	if s.cfg.Layout != LayoutCommitLog {
		return s.refuseCommitLogs()
	}
	views := commitlog.New(s.fs)
	for _, dir := range s.dirs {
		cuts, err := views.Add(dir.path, dir.clean, s.cfg.SegmentBytes)
		if errors.Is(err, commitlog.ErrOtherLayout) {
			err = fmt.Errorf("%w: %w", ErrOtherLayout, err)
		}
		if err != nil {
			return fmt.Errorf("opening log dir %s: %w", dir.path, err)
		}
		dir.commits, dir.fs = views.Of(dir.path), views
		for _, c := range cuts {
			cut := Cut{Path: c.Path, Offset: offsetUnknown, PositionBytes: c.PositionBytes, CutBytes: c.CutBytes, Reason: c.Reason}
			s.cuts = append(s.cuts, cut)
			s.observer.Recovered(cut)
		}
	}
	s.fs, s.cfg.FS = views, views
	return nil
}

func (s *Store) refuseCommitLogs() error {
	for _, dir := range s.dirs {
		there, err := commitlog.Exists(s.fs, dir.path)
		if err == nil && there {
			err = fmt.Errorf("%w: %s has a commit log", ErrOtherLayout, dir.path)
		}
		if err != nil {
			return fmt.Errorf("opening log dir: %w", err)
		}
	}
	return nil
}
