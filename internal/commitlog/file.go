package commitlog

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

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
	return filepath.Join(dir, fmt.Sprintf("%020d%s", base, commitSuffix))
}

// commitBase reads the position from a file name; false if it is no commit file's.
func commitBase(name string) (base int64, ok bool) {
	digits, found := strings.CutSuffix(name, commitSuffix)
	if !found || len(digits) != 20 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	return int64(n), err == nil
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
