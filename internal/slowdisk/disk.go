package slowdisk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"c10klab/internal/record"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Disk is an emulated disk served by this process.
type Disk struct {
	config Config
	places places
	state  diskState
	pacer  *pacer

	undo []func() error // how to take apart what is up, in reverse order

	mu        sync.Mutex // guards the rest, which the control socket reads
	ready     bool
	sizeBytes int64
	sampler   *sampler
	atMark    mark
}

// Up brings a disk up and mounts it. First it cleans what dead disks have left
// under the state directory. The caller must call Down, and must not use the
// disk's files itself.
func Up(c Config) (*Disk, error) {
	if err := errors.Join(c.Check(), c.makeAbsolute()); err != nil {
		return nil, err
	}
	d := &Disk{config: c, places: placesOf(c.StateDir, c.Name), pacer: newPacer(c.Model)}
	for _, step := range []func() error{d.register, d.serve, d.attach, d.limitDirty, d.mount, d.start} {
		if err := step(); err != nil {
			return nil, errors.Join(fmt.Errorf("disk %s: %w", c.Name, err), d.Down())
		}
	}
	return d, nil
}

func (c *Config) makeAbsolute() error {
	for _, path := range []*string{&c.Mount, &c.Image, &c.Base} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = absolute
	}
	return nil
}

// Ready is the line that tells where the disk is.
func (d *Disk) Ready() record.DiskReady {
	return record.DiskReady{
		Name: d.config.Name, Model: d.config.Model.Name, Device: d.state.Device.path(), Mount: d.config.Mount,
		Control: d.places.control(), PID: os.Getpid(),
	}
}

// Down takes the disk apart: file system, loop device, server. It goes on after
// an error, and lets requests through without delay.
func (d *Disk) Down() error {
	d.mu.Lock()
	d.ready = false
	d.mu.Unlock()
	d.pacer.release()
	var errs []error
	for _, undo := range slices.Backward(d.undo) {
		errs = append(errs, undo())
	}
	d.undo = nil
	return errors.Join(errs...)
}

func (d *Disk) onDown(undo func() error) { d.undo = append(d.undo, undo) }

// register claims the name. The control socket answers from here on, so that
// nobody takes the disk for a hung one.
func (d *Disk) register() error {
	unlock, err := lockDir(d.config.StateDir, "lock")
	if err != nil {
		return err
	}
	defer unlock()
	if err := cleanLocked(d.config.StateDir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(d.places.dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(d.places.dir, 0o755); errors.Is(err, os.ErrExist) {
		return errors.New("a disk of this name is up")
	} else if err != nil {
		return err
	}
	d.onDown(d.places.remove)
	id, err := thisProcess()
	if err != nil {
		return err
	}
	d.state = diskState{Name: d.config.Name, Process: id, Model: d.config.Model.Name, Mount: d.config.Mount}
	stop, err := d.listen()
	if err != nil {
		return err
	}
	d.onDown(stop)
	return d.saveState()
}

func (d *Disk) saveState() error { return writeJSON(d.places.state(), d.state) }

func (d *Disk) serve() error {
	blocks, sizeBytes, err := openStore(d.config, d.noteTemporary)
	if err != nil {
		return err
	}
	d.onDown(func() error { return errors.Join(blocks.sync(), blocks.close()) })
	d.state.Temporary = "" // saved with the loop device's name
	d.mu.Lock()
	d.sizeBytes = sizeBytes
	d.mu.Unlock()
	d.pacer.setSize(sizeBytes)
	if err := os.Mkdir(d.places.fuse(), 0o700); err != nil {
		return err
	}
	files := &fileServer{fuse.NewDefaultRawFileSystem(), d.pacer, blocks, sizeBytes}
	server, err := serveFile(d.places.fuse(), "c10klab-"+d.config.Name, files, d.config.Model.Channels > 1)
	if err != nil {
		return err
	}
	d.onDown(func() error {
		err := unmount(d.places.fuse())
		if err == nil {
			server.Wait()
		}
		return err
	})
	return nil
}

// noteTemporary has a file removed if this process is killed while it has a name.
func (d *Disk) noteTemporary(path string) error {
	d.state.Temporary = path
	return d.saveState()
}

// attachTries bounds the races for a free loop device with other processes.
const attachTries = 16

func (d *Disk) attach() error {
	// Not os.OpenFile: it asks epoll about the file while it keeps the Go
	// scheduler from the goroutine that would have to answer.
	fd, err := unix.Open(d.places.file(), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the served file %s: %w", d.places.file(), err)
	}
	defer unix.Close(fd)
	for range attachTries {
		err = d.attachFree(fd)
		if !errors.Is(err, unix.EBUSY) {
			break
		}
	}
	return err
}

// attachFree takes a loop device; what its settings were is on disk first.
func (d *Disk) attachFree(fd int) error {
	device, err := freeLoop()
	if err != nil {
		return err
	}
	d.state.Device = device
	if d.state.Settings, err = readSettings(touchedSettings(device, d.config)); err != nil {
		return err
	}
	if err := d.saveState(); err != nil {
		return err
	}
	if err := device.attach(fd, d.config.Name); err != nil {
		return err
	}
	// Whoever gets the device next must find the settings as they were.
	d.onDown(func() error { return errors.Join(restore(d.state.Settings), device.detach()) })
	return nil
}

// limitDirty sets the dirty limits and the device's settings; a cap of the
// device is a share of the machine's limit, so that comes first.
func (d *Disk) limitDirty() error {
	if d.config.DirtyBackgroundBytes > 0 || d.config.DirtyBytes > 0 {
		limits := machineLimits()
		d.onDown(func() error { return limits.release(d.state.Process) })
		if err := limits.acquire(d.state.Process, d.config.DirtyBackgroundBytes, d.config.DirtyBytes); err != nil {
			return err
		}
	}
	return applyTo(d.state.Device, d.config)
}

func (d *Disk) mount() error {
	c := d.config
	if err := os.MkdirAll(c.Mount, 0o755); err != nil {
		return fmt.Errorf("make mount point: %w", err)
	}
	fsType, options := "ext4", "errors=remount-ro"
	if c.FS == XFS {
		fsType, options = "xfs", "nouuid" // several disks may come from one base
	}
	device := d.state.Device.path()
	if err := unix.Mount(device, c.Mount, fsType, unix.MS_NOATIME|unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("mount %s (%s) on %s: %w", device, c.FS, c.Mount, err)
	}
	d.onDown(func() error { return unmount(c.Mount) })
	return nil
}

func (d *Disk) start() error {
	s, err := startSampler(d.state.Device)
	if err != nil {
		return err
	}
	d.onDown(s.stop)
	d.pacer.setDelay(!d.config.DelayOff)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sampler, d.ready = s, true
	d.markLocked()
	return nil
}
