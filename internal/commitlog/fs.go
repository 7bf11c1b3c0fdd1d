package commitlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"c10klab/internal/vfs"
)

// FS is a file system whose segment files, those named *.log in a directory of a log
// dir, are Views of the log dir's commit log. All else is the file system's below.
type FS struct {
	vfs.FS
	logs map[string]*Log // by log dir
}

// New makes one over a file system, which has no log dir yet.
func New(below vfs.FS) *FS { return &FS{FS: below, logs: map[string]*Log{}} }

// Add opens the commit log of a log dir, or makes one. clean says that it was closed by
// Close. It returns what had to be cut. Add comes before all other use.
func (f *FS) Add(logDir string, clean bool, fileBytes int64) ([]Cut, error) {
	l, cuts, err := open(f.FS, logDir, clean, fileBytes)
	if err != nil {
		return nil, err
	}
	f.logs[filepath.Clean(logDir)] = l
	return cuts, nil
}

// Of returns the commit log of a log dir that was added.
func (f *FS) Of(logDir string) *Log { return f.logs[filepath.Clean(logDir)] }

// segment finds a path's commit log and the segment's name in it; nil if the path is
// no segment's.
func (f *FS) segment(path string) (*Log, string) {
	if !strings.HasSuffix(path, logSuffix) {
		return nil, ""
	}
	l, partition := f.partition(filepath.Dir(path))
	return l, filepath.Join(partition, filepath.Base(path))
}

// partition finds the commit log for a partition's directory.
func (f *FS) partition(dir string) (*Log, string) {
	return f.logs[filepath.Dir(filepath.Clean(dir))], filepath.Base(dir)
}

func (f *FS) Open(path string, flags int) (vfs.File, error) {
	l, name := f.segment(path)
	if l == nil {
		return f.FS.Open(path, flags)
	}
	v, err := l.openView(name, flags)
	if err != nil {
		return nil, err
	}
	if flags&os.O_TRUNC != 0 {
		return v, v.Truncate(0)
	}
	return v, nil
}

func (f *FS) Remove(path string) error {
	if l, name := f.segment(path); l != nil {
		return l.removeView(name)
	}
	return f.FS.Remove(path)
}

func (f *FS) RemoveAll(path string) error {
	var errs []error
	if l, partition := f.partition(path); l != nil {
		for _, name := range l.under(partition) {
			errs = append(errs, l.removeView(name))
		}
	}
	return errors.Join(append(errs, f.FS.RemoveAll(path))...)
}

// Rename implements vfs.FS. Segments cannot be renamed, nor directories that have some.
func (f *FS) Rename(from, to string) error {
	l, _ := f.segment(from)
	of, partition := f.partition(from)
	if l != nil || of != nil && len(of.under(partition)) > 0 {
		return fmt.Errorf("commit log: renaming %s to %s: %w", from, to, errors.ErrUnsupported)
	}
	return f.FS.Rename(from, to)
}

// List implements vfs.FS: a partition's directory has its segments, and not their
// queue files.
func (f *FS) List(path string) ([]string, error) {
	names, err := f.FS.List(path)
	l, partition := f.partition(path)
	if err != nil || l == nil {
		return names, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, QueueSuffix) })
	for _, name := range l.under(partition) {
		names = append(names, filepath.Base(name))
	}
	slices.Sort(names)
	return names, nil
}

func (f *FS) Exists(path string) (bool, error) {
	l, name := f.segment(path)
	if l == nil {
		return f.FS.Exists(path)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.views[name] != nil, nil
}
