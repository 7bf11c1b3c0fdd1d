package slowdisk

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"c10klab/internal/vfs"

	"golang.org/x/sys/unix"
)

// lockDir makes the directory and waits for the lock of its kind in it, which
// is held against other processes until unlock (flock(2)).
func lockDir(dir, name string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make state directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock state directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return func() { f.Close() }, nil
}

// writeJSON replaces a file in one step and makes it durable first: what it
// says must not be older than what the kernel was told after it.
func writeJSON(path string, what any) error {
	text, err := json.Marshal(what)
	if err == nil {
		err = vfs.ReplaceFile(vfs.OS, path, text, []byte("\n"))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
