package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"c10klab/internal/vfs"
)

// ErrOtherLayout says that a log dir holds segments as files of their own.
var ErrOtherLayout = errors.New("log dir has no commit log")

// Exists reports whether a log dir has a commit log.
func Exists(fsys vfs.FS, logDir string) (bool, error) {
	return fsys.Exists(filepath.Join(logDir, directory))
}

// open opens a log dir's commit log, or makes one.
func open(fsys vfs.FS, logDir string, clean bool, fileBytes int64) (*Log, []Cut, error) {
	l := &Log{fs: fsys, logDir: logDir, fileBytes: fileBytes, views: map[string]*View{}, syncedBase: -1}
	names, err := l.segments()
	if err == nil {
		err = l.openFiles()
	}
	var cuts []Cut
	if err == nil {
		cuts, err = l.takeUp(names, clean)
	}
	if err != nil {
		l.Abandon()
		return nil, nil, err
	}
	return l, cuts, nil
}

// segments finds the names of those that have queue files, and fails with
// ErrOtherLayout if there are segments as files.
func (l *Log) segments() (names []string, err error) {
	partitions, err := l.fs.List(l.logDir)
	if err != nil {
		return nil, fmt.Errorf("listing log dir: %w", err)
	}
	for _, partition := range partitions {
		files, err := l.fs.List(filepath.Join(l.logDir, partition))
		if err != nil {
			continue // no directory
		}
		for _, file := range files {
			if strings.HasSuffix(file, logSuffix) {
				return nil, fmt.Errorf("%w: %s holds %s/%s", ErrOtherLayout, l.logDir, partition, file)
			}
			if base, found := strings.CutSuffix(file, QueueSuffix); found {
				names = append(names, filepath.Join(partition, base+logSuffix))
			}
		}
	}
	return names, nil
}

// openFiles opens all commit files, a first one if there are none.
func (l *Log) openFiles() error {
	if err := l.fs.MkdirAll(l.dir()); err != nil {
		return fmt.Errorf("making commit log: %w", err)
	}
	bases, err := vfs.Numbers(l.fs, l.dir(), commitSuffix)
	if err != nil {
		return fmt.Errorf("listing commit log: %w", err)
	}
	flags := os.O_RDWR
	if len(bases) == 0 {
		bases, flags = []int64{0}, os.O_RDWR|os.O_CREATE|os.O_EXCL
	}
	for _, base := range bases {
		f, err := openFile(l.fs, l.dir(), base, flags)
		if err != nil {
			return err
		}
		l.files = append(l.files, f)
	}
	return nil
}

// takeUp fills the queues, after a clean stop from their files. A segment without
// frames is one that nothing has been written to.
func (l *Log) takeUp(names []string, clean bool) (cuts []Cut, err error) {
	if clean && l.readQueues(names) == nil {
		l.syncedPosition, l.syncedBase = l.active().endPosition(), l.active().base
		return nil, nil
	}
	cuts, gone, err := l.scan()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		switch {
		case gone[name]:
			err = errors.Join(err, l.fs.Remove(l.newView(name).queuePath()))
		case l.views[name] == nil:
			l.views[name] = l.newView(name)
		}
	}
	return cuts, err
}

// readQueues trusts the sizes of the commit files; an error means that a scan is
// needed.
func (l *Log) readQueues(names []string) error {
	for _, f := range l.files {
		size, err := f.SizeBytes()
		if err != nil {
			return err
		}
		f.sizeBytes = size
	}
	for _, name := range names {
		v := l.newView(name)
		if err := v.readQueue(); err != nil {
			return err
		}
		l.views[name] = v
	}
	return nil
}

func (l *Log) newView(name string) *View { return &View{log: l, name: name} }

// openView is Open of a segment's path.
func (l *Log) openView(name string, flags int) (*View, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.views[name]
	switch {
	case v == nil && flags&os.O_CREATE == 0:
		return nil, &fs.PathError{Op: "open", Path: filepath.Join(l.logDir, name), Err: fs.ErrNotExist}
	case v != nil && flags&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: "open", Path: v.Name(), Err: fs.ErrExist}
	case v == nil:
		var err error
		if v, err = l.makeView(name); err != nil {
			return nil, err
		}
	}
	v.users++
	return v, nil
}

// makeView makes a segment. Its frame outlives an earlier removal of the name, and its
// queue file the file that the frame is in. Under mu.
func (l *Log) makeView(name string) (*View, error) {
	v := l.newView(name)
	if err := vfs.WriteFile(l.fs, v.queuePath()); err != nil {
		return nil, fmt.Errorf("making queue: %w", err)
	}
	f, _, err := l.write(frameHead{kind: kindCut, name: name}, nil)
	if err != nil {
		return nil, err
	}
	v.cut(0, f.endPosition())
	l.views[name] = v
	return v, nil
}

// removeView is Remove of a segment's path.
func (l *Log) removeView(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.views[name]
	if v == nil {
		return &fs.PathError{Op: "remove", Path: filepath.Join(l.logDir, name), Err: fs.ErrNotExist}
	}
	if _, _, err := l.write(frameHead{kind: kindRemove, name: name}, nil); err != nil {
		return err
	}
	delete(l.views, name)
	v.removed = true
	l.release(v)
	if err := l.fs.Remove(v.queuePath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing queue: %w", err)
	}
	return nil
}

// under lists the segments of a partition's directory.
func (l *Log) under(partition string) (names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name := range l.views {
		if filepath.Dir(name) == partition {
			names = append(names, name)
		}
	}
	return names
}
