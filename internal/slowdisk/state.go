package slowdisk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"c10klab/internal/vfs"
)

// DefaultStateDir is where disks are kept track of.
const DefaultStateDir = "/run/c10klab"

// diskState is what must be known of a disk after its process was killed.
type diskState struct {
	Name     string     `json:"name"`
	Process  processID  `json:"process"`
	Model    string     `json:"model"`
	Mount    string     `json:"mount"`
	Device   loopDevice `json:"device,omitempty"`
	Settings []setting  `json:"settings,omitempty"` // of Device, as they were
	// Temporary is a file that has its name only for a moment, if all goes well.
	Temporary string `json:"temporary,omitempty"`
}

// places are the paths of a disk under the state directory.
type places struct{ dir string }

func placesOf(stateDir, name string) places { return places{filepath.Join(stateDir, "disk", name)} }

func (p places) fuse() string    { return filepath.Join(p.dir, "fuse") }
func (p places) file() string    { return filepath.Join(p.fuse(), fileName) }
func (p places) control() string { return filepath.Join(p.dir, "control") }
func (p places) state() string   { return filepath.Join(p.dir, "state.json") }

// load reads what is known of the disk, which is nothing where there is none.
func (p places) load() (s diskState, err error) {
	if err = readJSON(p.state(), &s); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return s, err
}

// remove removes the disk's directory; what is still mounted in it stays.
func (p places) remove() error {
	var errs []error
	for _, path := range []string{p.control(), p.state() + vfs.TemporarySuffix, p.state(), p.fuse(), p.dir} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// validName keeps a name usable as a directory and a mount's source.
var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$`)

// maxSocketPath is what a unix socket's address holds (unix(7)).
const maxSocketPath = 107

// names lists the disks of a state directory, those alive and what is left of
// others: by directory and by mount.
func names(stateDir string) ([]string, error) {
	root := filepath.Join(stateDir, "disk")
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list disks: %w", err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	mounts, err := readMounts()
	if err != nil {
		return nil, err
	}
	for _, m := range mounts {
		if rest, ours := strings.CutPrefix(m.MountPoint, root+"/"); ours {
			name, _, _ := strings.Cut(rest, "/")
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}
