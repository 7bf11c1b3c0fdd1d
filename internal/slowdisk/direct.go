package slowdisk

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// blockBytes is the device's logical block size: the kernel sends whole blocks only, so
// that the image is written without reading first.
const blockBytes = 4096

// blocks is storage in whole blocks: offsets and lengths are multiples of blockBytes.
// Writes that overlap have no order, as on a disk. Any thread may call it.
type blocks interface {
	readBlocks(p []byte, offsetBytes int64) error
	writeBlocks(p []byte, offsetBytes int64) error
	sync() error
	close() error
}

func areWhole(p []byte, offsetBytes int64) bool {
	return offsetBytes%blockBytes == 0 && len(p)%blockBytes == 0
}

// directAlignment is what O_DIRECT asks of a buffer's address (open(2)).
const directAlignment = 512

// directFile is a file of whole blocks that the host's page cache has no part in.
type directFile struct{ file *os.File }

// openDirect opens a file with O_DIRECT; its size must be a multiple of blockBytes.
func openDirect(path string, flags int) (*directFile, int64, error) {
	fd, err := unix.Open(path, flags|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EINVAL) {
		return nil, 0, fmt.Errorf("open image %s: its file system has no direct I/O (O_DIRECT)", path)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open image %s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	if err := lockImage(f, flags); err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open image: %w", err), f.Close())
	}
	if info.Size() == 0 || info.Size()%blockBytes != 0 {
		err := fmt.Errorf("image %s has %d bytes, no multiple of %d", path, info.Size(), blockBytes)
		return nil, 0, errors.Join(err, f.Close())
	}
	return &directFile{f}, info.Size(), nil
}

// lockImage keeps two disks from writing one image: its blocks belong to one
// that writes, or to many that read.
func lockImage(f *os.File, flags int) error {
	how := unix.LOCK_SH
	if flags&unix.O_RDWR != 0 {
		how = unix.LOCK_EX
	}
	if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); err != nil {
		return fmt.Errorf("image %s is in use by another disk: %w", f.Name(), err)
	}
	return nil
}

// alignedBuffer returns n bytes that O_DIRECT accepts.
func alignedBuffer(n int) []byte {
	raw := make([]byte, n+directAlignment)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(raw)))) & (directAlignment - 1)
	return raw[skip : skip+n : skip+n]
}

func isAligned(p []byte) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(p)))%directAlignment == 0
}

func (f *directFile) readBlocks(p []byte, offsetBytes int64) error {
	if !isAligned(p) {
		buffer := alignedBuffer(len(p))
		defer copy(p, buffer)
		p = buffer
	}
	_, err := f.file.ReadAt(p, offsetBytes)
	return err
}

func (f *directFile) writeBlocks(p []byte, offsetBytes int64) error {
	if !isAligned(p) {
		buffer := alignedBuffer(len(p))
		copy(buffer, p)
		p = buffer
	}
	_, err := f.file.WriteAt(p, offsetBytes)
	return err
}

func (f *directFile) sync() error  { return unix.Fdatasync(int(f.file.Fd())) }
func (f *directFile) close() error { return f.file.Close() }
