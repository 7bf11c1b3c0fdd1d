package commitlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"c10klab/internal/vfs"
)

// directory holds the commit files, within a log dir.
const directory = ".commitlog"

// Log is the commit log of one log dir. Any thread may use it; writes, of whatever
// segment, exclude each other, as under RocketMQ's putMessageLock.
type Log struct {
	fs        vfs.FS
	logDir    string
	fileBytes int64 // size at which a commit file is followed by the next

	mu     sync.Mutex
	files  []*File // ascending; the last one is written to
	views  map[string]*View
	head   []byte // of the frame under way
	failed error  // of a write that could not be taken back, or of a sync; stays

	syncing        sync.Mutex // one sync at a time; taken before mu
	syncedPosition int64      // what lies before it is on the device
	syncedBase     int64      // files up to this one have their directory entry there
}

func (l *Log) dir() string { return filepath.Join(l.logDir, directory) }

func (l *Log) active() *File { return l.files[len(l.files)-1] }

// write appends a frame and returns where its payload is. Under mu. On failure the log
// is as before, or takes no more writes.
func (l *Log) write(h frameHead, payload []byte) (*File, int64, error) {
	if l.failed != nil {
		return nil, 0, l.failed
	}
	h.payloadBytes = len(payload)
	size := int64(h.sizeBytes() + len(payload))
	if size > mostFrameBytes || h.sizeBytes() > mostHeadBytes {
		return nil, 0, fmt.Errorf("commit log: a frame of %d bytes, most is %d", size, mostFrameBytes)
	}
	f, err := l.fileFor(size)
	if err != nil {
		return nil, 0, err
	}
	l.head = h.appendTo(l.head[:0])
	at := f.sizeBytes + int64(len(l.head))
	// The head comes last: until it is there, the frame is not.
	_, err = f.WriteAt(payload, at)
	if err == nil {
		_, err = f.WriteAt(l.head, f.sizeBytes)
	}
	if err != nil {
		return nil, 0, l.takeBack(f, err)
	}
	f.sizeBytes += size
	f.liveBytes += int64(len(payload))
	return f, at, nil
}

// takeBack cuts off what a failed write left behind.
func (l *Log) takeBack(f *File, err error) error {
	err = fmt.Errorf("commit log: writing at %d: %w", f.endPosition(), err)
	if undo := f.Truncate(f.sizeBytes); undo != nil {
		l.failed = fmt.Errorf("%w; taking it back: %w", err, undo)
		return l.failed
	}
	return err
}

// fileFor returns the file that a frame of that size goes to. Under mu.
func (l *Log) fileFor(size int64) (*File, error) {
	active := l.active()
	if active.sizeBytes == 0 || active.sizeBytes+size <= l.fileBytes {
		return active, nil
	}
	next, err := openFile(l.fs, l.dir(), active.endPosition(), os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	l.files = append(l.files, next)
	l.dropDead()
	return next, nil
}

// dropDead removes the oldest files as long as no segment has bytes in them. Not
// removing one costs space and nothing else. Under mu.
func (l *Log) dropDead() {
	for len(l.files) > 1 && l.files[0].liveBytes == 0 {
		if l.fs.Remove(commitPath(l.dir(), l.files[0].base)) != nil {
			return
		}
		l.files[0].Release()
		l.files = l.files[1:]
	}
}

// release forgets a segment that is of no use any more, if so it is. Under mu.
func (l *Log) release(v *View) {
	closed := l.files == nil
	if v.users == 0 && (v.removed || closed) {
		v.forget()
		l.dropDead()
	}
}

// sync forces out all frames before a position. Those who wait for a sync under way
// are all served by the next.
func (l *Log) sync(position int64) error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	if position <= l.syncedPosition {
		return nil
	}
	files, end, err := l.unsynced()
	newest := l.syncedBase
	for _, f := range files {
		if err == nil {
			err = f.Sync()
		}
		newest = max(newest, f.base)
		f.Release()
	}
	if err == nil && newest > l.syncedBase {
		err = errors.Join(l.fs.SyncDir(l.dir()), l.fs.SyncDir(l.logDir))
	}
	if err != nil {
		return l.fail(fmt.Errorf("commit log: %w", err))
	}
	l.syncedPosition, l.syncedBase = end, newest
	return nil
}

// unsynced returns, with a reference each, the files with frames that are not known to
// be on the device, and where the log ends.
func (l *Log) unsynced() (files []*File, end int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files == nil { // abandoned, beside a sync
		return nil, 0, l.failed
	}
	for _, f := range l.files {
		if f.endPosition() > l.syncedPosition && f.Acquire() {
			files = append(files, f)
		}
	}
	return files, l.active().endPosition(), l.failed
}

func (l *Log) fail(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = err
	}
	return err
}

// Close forces everything out and writes the queues, so that the next Open can do
// without reading the log. The log must not be used any more; Regions may be, until
// they are released.
func (l *Log) Close() error {
	l.mu.Lock()
	end := l.active().endPosition()
	l.mu.Unlock()
	err := l.sync(end)
	for _, v := range l.views {
		if err == nil {
			err = v.writeQueue()
		}
	}
	l.Abandon()
	return err
}

// Abandon lets go of the files as they are.
func (l *Log) Abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		f.Release()
	}
	l.files, l.failed = nil, errClosed
	for _, v := range l.views {
		l.release(v)
	}
}

var errClosed = fmt.Errorf("commit log: %w", os.ErrClosed)
