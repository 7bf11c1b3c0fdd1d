package slowdisk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// loopDevice is /dev/loopN (loop(4)).
type loopDevice string

func (d loopDevice) path() string { return "/dev/" + string(d) }
func (d loopDevice) sys() string  { return "/sys/block/" + string(d) }

// backing is the path of the file behind the device, "" for a free one.
func (d loopDevice) backing() (string, error) {
	text, err := os.ReadFile(d.sys() + "/loop/backing_file")
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(text)), err
}

// freeLoop finds a free loop device, which the kernel makes if need be.
func freeLoop() (loopDevice, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return "", fmt.Errorf("find a free loop device: %w", err)
	}
	defer control.Close()
	n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return "", fmt.Errorf("find a free loop device: LOOP_CTL_GET_FREE: %w", err)
	}
	return loopDevice(fmt.Sprintf("loop%d", n)), nil
}

// attach puts the open file fd behind the device with direct I/O. unix.EBUSY means that
// another process took the device first.
func (d loopDevice) attach(fd int, name string) error {
	if err := d.makeNode(); err != nil {
		return fmt.Errorf("attach loop device: %w", err)
	}
	device, err := os.OpenFile(d.path(), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("attach loop device: %w", err)
	}
	defer device.Close()
	config := unix.LoopConfig{Fd: uint32(fd), Size: blockBytes}
	config.Info.Flags = unix.LO_FLAGS_DIRECT_IO
	copy(config.Info.File_name[:len(config.Info.File_name)-1], name)
	if err := unix.IoctlLoopConfigure(int(device.Fd()), &config); err != nil {
		return fmt.Errorf("attach %s to disk %s: LOOP_CONFIGURE: %w", d, name, err)
	}
	info, err := unix.IoctlLoopGetStatus64(int(device.Fd()))
	if err == nil && info.Flags&unix.LO_FLAGS_DIRECT_IO == 0 {
		err = errors.New("the kernel refuses direct I/O, without which the page cache answers before the disk")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("attach %s: %w", d, err), clearLoop(device))
	}
	return nil
}

// makeNode makes the device's node where it is missing: in a container /dev does not follow the kernel.
func (d loopDevice) makeNode() error {
	if _, err := os.Stat(d.path()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var major, minor uint32
	numbers, err := os.ReadFile(d.sys() + "/dev")
	if err == nil {
		_, err = fmt.Sscanf(string(numbers), "%d:%d", &major, &minor)
	}
	if err == nil {
		err = unix.Mknod(d.path(), unix.S_IFBLK|0o660, int(unix.Mkdev(major, minor)))
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make %s: %w", d.path(), err)
	}
	return nil
}

func clearLoop(device *os.File) error {
	err := unix.IoctlSetInt(int(device.Fd()), unix.LOOP_CLR_FD, 0)
	if err != nil && !errors.Is(err, unix.ENXIO) {
		return fmt.Errorf("detach %s: LOOP_CLR_FD: %w", device.Name(), err)
	}
	return nil
}

// detachWithin bounds the wait for the last user of a device to close it.
const detachWithin = 2 * time.Second

// detach frees the device. One that somebody holds open is freed by the kernel
// when it is closed, which detach waits for only so long.
func (d loopDevice) detach() error {
	device, err := os.OpenFile(d.path(), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("detach loop device: %w", err)
	}
	if err := errors.Join(clearLoop(device), device.Close()); err != nil {
		return err
	}
	return within(detachWithin, string(d)+" to be free", func() (bool, error) {
		backing, err := d.backing()
		return backing == "", err
	})
}

// within asks every 10 ms until the answer is yes.
func within(limit time.Duration, what string, happened func() (bool, error)) error {
	for deadline := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		yes, err := happened()
		if yes || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %v in vain for %s", limit, what)
		}
	}
}

// loopsUnder lists the loop devices whose file lies under dir.
func loopsUnder(dir string) ([]loopDevice, error) {
	entries, err := os.ReadDir("/sys/block")
	if err != nil {
		return nil, fmt.Errorf("list loop devices: %w", err)
	}
	var found []loopDevice
	for _, e := range entries {
		d := loopDevice(e.Name())
		if !strings.HasPrefix(e.Name(), "loop") {
			continue
		}
		// One that is detached meanwhile is none of ours.
		if backing, err := d.backing(); err == nil && strings.HasPrefix(backing, dir+"/") {
			found = append(found, d)
		}
	}
	return found, nil
}
