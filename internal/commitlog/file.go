package commitlog

import (
	"fmt"

	"c10klab/internal/vfs"
)

const commitSuffix = ".commit"

// File is one file of the commit log. It stays open while the log or a Region has it.
type File struct {
	vfs.Shared
	base int64 // position of its first byte in the whole log

	sizeBytes int64 // of whole frames; under Log.mu
	liveBytes int64 // of them, payload of segments that are there; under Log.mu
}

func commitPath(dir string, base int64) string {
	return vfs.NumberedPath(dir, base, commitSuffix)
}

func openFile(fsys vfs.FS, dir string, base int64, flags int) (*File, error) {
	opened, err := fsys.Open(commitPath(dir, base), flags)
	if err != nil {
		return nil, fmt.Errorf("opening commit file: %w", err)
	}
	f := &File{base: base}
	f.Share(opened)
	return f, nil
}

// endPosition is that of the next frame. Under Log.mu.
func (f *File) endPosition() int64 { return f.base + f.sizeBytes }
