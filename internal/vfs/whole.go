package vfs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// TemporarySuffix marks what ReplaceFile has under way to its name, and what a crash
// left of it; Kafka's CheckpointFile has the same.
const TemporarySuffix = ".tmp"

// ReadFile returns a whole file.
func ReadFile(fsys FS, path string) ([]byte, error) {
	f, err := fsys.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	size, err := f.SizeBytes()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	content := make([]byte, size)
	n, err := f.ReadAt(content, 0)
	if err == io.EOF {
		err = nil
	}
	return content[:n], errors.Join(err, f.Close())
}

// WriteFile replaces a file's content, without forcing it to the device. A crash
// may leave the old content, the new, or a part.
func WriteFile(fsys FS, path string, content ...[]byte) error {
	return writeFile(fsys, path, content, false)
}

// ReplaceFile puts content under a name as a whole or not at all, and on the
// device: it writes a file beside it, forces it out, renames it and forces the
// directory out.
func ReplaceFile(fsys FS, path string, content ...[]byte) error {
	temporary := path + TemporarySuffix
	if err := writeFile(fsys, temporary, content, true); err != nil {
		return err
	}
	if err := fsys.Rename(temporary, path); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(path))
}

func writeFile(fsys FS, path string, content [][]byte, sync bool) error {
	f, err := fsys.Open(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	at := int64(0)
	for _, part := range content {
		if _, err := f.WriteAt(part, at); err != nil {
			return errors.Join(err, f.Close())
		}
		at += int64(len(part))
	}
	if sync {
		if err := f.Sync(); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}
