package slowdisk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// noter is told of a file before it is made that should not stay.
type noter func(path string) error

// openStore opens the disk's blocks, and makes and formats an image that is not
// there. A scratch image has no name once it is open: it is gone when the
// process is.
func openStore(c Config, note noter) (blocks, int64, error) {
	if c.Base != "" {
		return openOverBase(c, note)
	}
	scratch := c.Image == ""
	path := c.Image
	if scratch {
		path = fmt.Sprintf("/var/tmp/c10klab-%s-%d", c.Name, os.Getpid())
	}
	if err := makeImage(path, c.FS, c.SizeBytes, note); err != nil {
		return nil, 0, err
	}
	if scratch {
		if err := note(path); err != nil {
			return nil, 0, err
		}
		defer os.Remove(path)
	}
	if err := checkFormat(path, c.FS); err != nil {
		return nil, 0, err
	}
	image, sizeBytes, err := openDirect(path, unix.O_RDWR)
	if err != nil {
		return nil, 0, err
	}
	return image, sizeBytes, nil
}

func openOverBase(c Config, note noter) (blocks, int64, error) {
	if err := checkFormat(c.Base, c.FS); err != nil {
		return nil, 0, err
	}
	base, sizeBytes, err := openDirect(c.Base, unix.O_RDONLY)
	if err != nil {
		return nil, 0, err
	}
	path := c.Image
	if path == "" {
		path = fmt.Sprintf("%s.scratch-%d", c.Base, os.Getpid())
	}
	top, err := openScratch(path, sizeBytes, note)
	if err != nil {
		return nil, 0, errors.Join(err, base.close())
	}
	return newOverlay(base, top, sizeBytes), sizeBytes, nil
}

// openScratch makes a sparse file and takes its name away.
func openScratch(path string, sizeBytes int64, note noter) (*directFile, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("image %s exists; over a base the image is scratch and made new", path)
	}
	if err := note(path); err != nil {
		return nil, err
	}
	if err := makeSparse(path, sizeBytes); err != nil {
		return nil, err
	}
	top, _, err := openDirect(path, unix.O_RDWR)
	if removed := os.Remove(path); err == nil && removed != nil {
		return nil, errors.Join(fmt.Errorf("scratch image: %w", removed), top.close())
	}
	return top, err
}

func makeSparse(path string, sizeBytes int64) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make image: %w", err)
	}
	err = errors.Join(f.Truncate(sizeBytes), f.Close())
	if err != nil {
		os.Remove(path)
		return fmt.Errorf("make image %s of %d bytes: %w", path, sizeBytes, err)
	}
	return nil
}

// makeImage makes a formatted image unless there is one. It has its name only
// once it is whole.
func makeImage(path, fileSystem string, sizeBytes int64, note noter) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	unfinished := fmt.Sprintf("%s.unfinished-%d", path, os.Getpid())
	if err := note(unfinished); err != nil {
		return err
	}
	if err := makeSparse(unfinished, sizeBytes); err != nil {
		return err
	}
	defer os.Remove(unfinished) // not there any more if all went well
	if err := format(unfinished, fileSystem); err != nil {
		return err
	}
	if err := os.Rename(unfinished, path); err != nil {
		return fmt.Errorf("make image: %w", err)
	}
	return nil
}

// format makes the file system without anything left to do in the background.
// The block size is the device's.
func format(path, fileSystem string) error {
	args := []string{"mkfs.ext4", "-q", "-F", "-b", "4096", "-i", "65536", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"}
	switch fileSystem {
	case Ext4:
		args = append(args, "-O", "^has_journal")
	case XFS:
		args = []string{"mkfs.xfs", "-q", "-f", "-K", "-s", "size=4096"}
	}
	program, err := FindProgram(args[0])
	if err != nil {
		return fmt.Errorf("format %s: %w", path, err)
	}
	if out, err := exec.Command(program, append(args[1:], path)...).CombinedOutput(); err != nil {
		return fmt.Errorf("format %s: %s: %w: %s", path, args[0], err, bytes.TrimSpace(out))
	}
	return nil
}

// FindProgram looks for a program in PATH, then where administrators' are.
func FindProgram(name string) (string, error) {
	path, notFound := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if at, err := exec.LookPath(filepath.Join(dir, name)); notFound != nil && err == nil {
			return at, nil
		}
	}
	return path, notFound
}

// checkFormat refuses an image with another file system than asked for: an ext4
// journal would be there without a trace in the results.
func checkFormat(path, want string) error {
	found, err := formatOf(path)
	if err != nil {
		return err
	}
	if found != want {
		return fmt.Errorf("image %s holds %s, disk-fs is %s", path, found, want)
	}
	return nil
}

// formatOf reads an image's superblock (ext4: s_magic and s_feature_compat).
func formatOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("image: %w", err)
	}
	defer f.Close()
	head := make([]byte, 2048)
	if _, err := f.ReadAt(head, 0); err != nil {
		return "", fmt.Errorf("image %s: %w", path, err)
	}
	ext := head[1024:]
	const magic, hasJournal = 0xEF53, 0x4
	switch {
	case bytes.HasPrefix(head, []byte("XFSB")):
		return XFS, nil
	case binary.LittleEndian.Uint16(ext[56:]) != magic:
		return "no known file system", nil
	case binary.LittleEndian.Uint32(ext[92:])&hasJournal != 0:
		return Ext4Journal, nil
	}
	return Ext4, nil
}
