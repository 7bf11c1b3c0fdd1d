package slowdisk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"c10klab/internal/record"

	"golang.org/x/sys/unix"
)

// downWithin is how long a disk may take to write what is dirty and go.
const downWithin = 2 * time.Minute

// Down takes down the disk of that name, whichever process serves it, and waits
// until nothing is left. A disk that hangs or was killed is cleaned up after.
func Down(stateDir, name string) error {
	p := placesOf(stateDir, name)
	var s diskState
	if err := readJSON(p.state(), &s); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no disk %q is up under %s", name, stateDir)
	} else if err != nil {
		return err
	}
	if s.Process.alive() && responds(s.Process, p) {
		if err := s.Process.signal(unix.SIGTERM); err != nil {
			return err
		}
		if err := s.Process.awaitEnd(downWithin); err != nil {
			return fmt.Errorf("disk %s: %w", name, err)
		}
	}
	return cleanOne(stateDir, name)
}

// cleanOne removes what the disk has left, which is nothing if all went well.
func cleanOne(stateDir, name string) error {
	unlock, err := lockDir(stateDir, "lock")
	if err != nil {
		return err
	}
	defer unlock()
	p := placesOf(stateDir, name)
	s, err := p.load()
	if err != nil {
		return err
	}
	return errors.Join(clean(p, s), machineLimits().prune())
}

// DownAll takes down every disk under the state directory and cleans up.
func DownAll(stateDir string) error {
	all, err := names(stateDir)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range all {
		if _, err := os.Stat(placesOf(stateDir, name).state()); err == nil {
			errs = append(errs, Down(stateDir, name))
		}
	}
	return errors.Join(append(errs, Clean(stateDir))...)
}

// Entry is a disk under a state directory.
type Entry struct {
	Name   string             `json:"name"`
	State  string             `json:"state"`            // up, starting, dead or hung
	Status *record.DiskStatus `json:"status,omitempty"` // of one that answers
}

// List tells of all disks under the state directory, dead ones too.
func List(stateDir string) ([]Entry, error) {
	all, err := names(stateDir)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, name := range all {
		entries = append(entries, entryOf(placesOf(stateDir, name), name))
	}
	return entries, nil
}

func entryOf(p places, name string) Entry {
	s, err := p.load()
	if err != nil || !s.Process.alive() { // what cannot be read belongs to no live disk
		return Entry{Name: name, State: "dead"}
	}
	if !responds(s.Process, p) {
		return Entry{Name: name, State: "hung"}
	}
	status, err := NewClient(p.control()).Status()
	switch {
	case err != nil:
		return Entry{Name: name, State: "hung"}
	case !status.Ready:
		return Entry{Name: name, State: "starting", Status: &status}
	}
	return Entry{Name: name, State: "up", Status: &status}
}

// Usable says what this process lacks to serve a disk, nil if nothing.
func Usable() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("an emulated disk needs root, user id is %d", os.Geteuid())
	}
	for _, path := range []string{"/dev/fuse", "/dev/loop-control"} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("an emulated disk needs %s: %w", path, err)
		}
	}
	return nil
}
