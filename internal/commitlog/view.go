package commitlog

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"sort"
	"sync"

	"c10klab/internal/vfs"
)

// View is a segment as a file: its bytes lie in the commit log. It may be written at
// its end only, by one thread at a time; any thread may read.
type View struct {
	log  *Log
	name string // the partition's directory and the file

	users   int     // opened and not closed; under Log.mu
	removed bool    // under Log.mu
	pinned  []*File // a reference each, until the last user is gone; under Log.mu

	mu          sync.RWMutex
	extents     []extent // ascending and without gaps
	sizeBytes   int64
	endPosition int64 // of its last frame
	headless    bool  // its beginning is in a dropped file; only while the log is opened
}

// extent is one write.
type extent struct {
	file     *File
	position int64 // in the file
	at       int64 // in the segment
	length   int
}

var _ vfs.File = (*View)(nil)

// Name is the path that the segment would have as a file of its own.
func (v *View) Name() string { return filepath.Join(v.log.logDir, v.name) }

// Fd is -1; see AppendRegions.
func (v *View) Fd() int { return -1 }

func (v *View) SizeBytes() (int64, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.sizeBytes, nil
}

// WriteAt appends to the segment; elsewhere than at its end it fails.
func (v *View) WriteAt(b []byte, at int64) (int, error) {
	size, _ := v.SizeBytes()
	if at != size || at+int64(len(b)) > math.MaxInt32 {
		return 0, fmt.Errorf("commit log: writing %d bytes at %d of %s, which has %d", len(b), at, v.name, size)
	}
	l := v.log
	l.mu.Lock()
	defer l.mu.Unlock()
	f, position, err := l.write(frameHead{kind: kindWrite, at: at, name: v.name}, b)
	if err != nil {
		return 0, err
	}
	v.extend(extent{f, position, at, len(b)}, f.endPosition())
	return len(b), nil
}

// extend adds a write. Under Log.mu.
func (v *View) extend(e extent, endPosition int64) {
	if n := len(v.pinned); (n == 0 || v.pinned[n-1] != e.file) && e.file.Acquire() {
		v.pinned = append(v.pinned, e.file)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.extents = append(v.extents, e)
	v.sizeBytes = e.at + int64(e.length)
	v.endPosition = endPosition
}

// Truncate cuts the segment; it cannot make it longer.
func (v *View) Truncate(sizeBytes int64) error {
	size, _ := v.SizeBytes()
	switch {
	case sizeBytes == size:
		return nil
	case sizeBytes > size || sizeBytes < 0:
		return fmt.Errorf("commit log: cutting %s, which has %d bytes, at %d", v.name, size, sizeBytes)
	}
	l := v.log
	l.mu.Lock()
	defer l.mu.Unlock()
	f, _, err := l.write(frameHead{kind: kindCut, at: sizeBytes, name: v.name}, nil)
	if err != nil {
		return err
	}
	v.cut(sizeBytes, f.endPosition())
	l.dropDead()
	return nil
}

// cut forgets what lies from a position on. Under Log.mu.
func (v *View) cut(at, endPosition int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for n := len(v.extents); n > 0; n-- {
		last := &v.extents[n-1]
		if last.at+int64(last.length) <= at {
			break
		}
		kept := int(max(0, at-last.at))
		last.file.liveBytes -= int64(last.length - kept)
		if last.length = kept; kept == 0 {
			v.extents = v.extents[:n-1]
		}
	}
	v.sizeBytes, v.endPosition = at, endPosition
}

// forget lets go of the segment's bytes and files. Under Log.mu.
func (v *View) forget() {
	for _, e := range v.all() {
		e.file.liveBytes -= int64(e.length)
	}
	for _, f := range v.pinned {
		f.Release()
	}
	v.pinned = nil
}

// Sync forces the segment's bytes to the device, and all that was written before them.
func (v *View) Sync() error {
	v.mu.RLock()
	end := v.endPosition
	v.mu.RUnlock()
	return v.log.sync(end)
}

// Close ends one use. The bytes of a removed segment stay until its last, and so do
// the files of a closed log.
func (v *View) Close() error {
	v.log.mu.Lock()
	defer v.log.mu.Unlock()
	v.users--
	v.log.release(v)
	return nil
}

func (v *View) ReadAt(b []byte, at int64) (int, error) {
	done := 0
	for done < len(b) {
		r, found := v.region(at+int64(done), len(b)-done)
		if !found {
			return done, io.EOF
		}
		n, err := r.File.ReadAt(b[done:done+r.LengthBytes], r.OffsetBytes)
		r.File.Release()
		done += n
		if err != nil && n < r.LengthBytes {
			return done, err
		}
	}
	return done, nil
}

// AppendRegions appends where the bytes of the segment from a position on lie, in order;
// there are fewer where the segment ends before.
func (v *View) AppendRegions(dst []vfs.Region, at int64, length int) []vfs.Region {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for i := v.find(at); i < len(v.extents) && length > 0; i++ {
		r := v.extents[i].from(at, length)
		if !r.File.Acquire() {
			break
		}
		dst = append(dst, r)
		at += int64(r.LengthBytes)
		length -= r.LengthBytes
	}
	return dst
}

// region is the first of AppendRegions'.
func (v *View) region(at int64, length int) (r vfs.Region, found bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if i := v.find(at); i < len(v.extents) {
		r = v.extents[i].from(at, length)
		found = r.File.Acquire()
	}
	return r, found
}

// find is the index of the extent that a position lies in. Under mu.
func (v *View) find(at int64) int {
	return sort.Search(len(v.extents), func(i int) bool { return v.extents[i].at+int64(v.extents[i].length) > at })
}

// from is where the bytes from a position in the segment on lie, at most length.
func (e extent) from(at int64, length int) vfs.Region {
	skip := int(at - e.at)
	return vfs.Region{File: &e.file.Shared, OffsetBytes: e.position + int64(skip), LengthBytes: min(length, e.length-skip)}
}

// all is every stretch that the segment has.
func (v *View) all() []extent {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.Clone(v.extents)
}
