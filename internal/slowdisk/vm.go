package slowdisk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// vmLimits looks after the machine's dirty limits (vm.dirty_*), which all emulated
// disks share: the first user sets them, the last puts them back. A file says who uses
// them and what stood there, before the kernel is told anything.
type vmLimits struct {
	dir  string // of the file and its lock
	proc string // /proc/sys/vm
}

func machineLimits() vmLimits { return vmLimits{dir: DefaultStateDir, proc: "/proc/sys/vm"} }

type limitsFile struct {
	Users           []processID `json:"users"`
	BackgroundBytes int64       `json:"background_bytes"` // as set; 0: left alone
	Bytes           int64       `json:"bytes"`
	Old             []setting   `json:"old"`
}

// limitNames are the settings in pairs of bytes and ratio; writing one of a
// pair zeroes the other, so the one that is not zero is put back.
var limitNames = []string{"dirty_background_bytes", "dirty_background_ratio", "dirty_bytes", "dirty_ratio"}

func (l vmLimits) path() string { return filepath.Join(l.dir, "vm.json") }

// edit runs change on the file under its lock, without users that have ended,
// and then stores it, or restores what was there if nobody is left.
func (l vmLimits) edit(change func(*limitsFile) error) error {
	unlock, err := lockDir(l.dir, "vm.lock")
	if err != nil {
		return err
	}
	defer unlock()
	var f limitsFile
	if err := readJSON(l.path(), &f); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("dirty limits: %w", err)
	}
	f.Users = slices.DeleteFunc(f.Users, func(user processID) bool { return !user.alive() })
	if err := change(&f); err != nil {
		return err
	}
	if len(f.Users) > 0 {
		return nil
	}
	if err := restore(slices.DeleteFunc(f.Old, func(s setting) bool { return s.Value == "0" })); err != nil {
		return err
	}
	if err := os.Remove(l.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("dirty limits: %w", err)
	}
	return nil
}

// acquire sets the limits for user, or joins those who have set the same.
func (l vmLimits) acquire(user processID, backgroundBytes, bytes int64) error {
	return l.edit(func(f *limitsFile) error {
		if len(f.Users) > 0 && (f.BackgroundBytes != backgroundBytes || f.Bytes != bytes) {
			return fmt.Errorf("dirty-background-bytes=%d dirty-bytes=%d: the disk of process %d holds the machine's limits at %d and %d",
				backgroundBytes, bytes, f.Users[0].PID, f.BackgroundBytes, f.Bytes)
		}
		if f.Old == nil {
			old, err := readSettings(l.paths())
			if err != nil {
				return err
			}
			f.Old = old
		}
		f.Users = append(f.Users, user)
		f.BackgroundBytes, f.Bytes = backgroundBytes, bytes
		if err := writeJSON(l.path(), f); err != nil {
			return err
		}
		limits := []setting{
			{filepath.Join(l.proc, "dirty_background_bytes"), strconv.FormatInt(backgroundBytes, 10)},
			{filepath.Join(l.proc, "dirty_bytes"), strconv.FormatInt(bytes, 10)},
		}
		return apply(slices.DeleteFunc(limits, func(s setting) bool { return s.Value == "0" }))
	})
}

func (l vmLimits) paths() []string {
	var paths []string
	for _, name := range limitNames {
		paths = append(paths, filepath.Join(l.proc, name))
	}
	return paths
}

// release takes user out; users that have ended go too.
func (l vmLimits) release(user processID) error {
	return l.edit(func(f *limitsFile) error {
		if i := slices.Index(f.Users, user); i >= 0 {
			f.Users = slices.Delete(f.Users, i, i+1)
		}
		if len(f.Users) == 0 {
			return nil
		}
		return writeJSON(l.path(), f)
	})
}

// prune takes out users that have ended.
func (l vmLimits) prune() error { return l.release(processID{}) }
