package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"c10klab/experiments"
	"c10klab/internal/record"
)

// site is where one server keeps its data: its log dirs, and the emulated disks
// that hold them, if any.
type site struct {
	dirs  []string
	disks []*disk
}

// mount brings up an emulated disk for each model of the layout, without delays.
// The files function names the disk's image and, if there is one, the base under it.
func (r *runner) mount(ctx context.Context, d experiments.Data, dir string, knobs map[string]string, files func(i int) []string, log *os.File) (*site, error) {
	s := new(site)
	for i, model := range d.DiskModels {
		place := filepath.Join(dir, fmt.Sprintf("disk-%d", i))
		args := []string{"--name", r.diskName(), "--mount", place, "--no-delay"}
		args = append(append(args, files(i)...), experiments.Flags(r.cfg.Tables.Disk, knobs)...)
		args = append(args, "--"+experiments.DiskModelKnob+"="+model)
		d, err := startDisk(ctx, r.cfg.Binary, args, log)
		if err != nil {
			return nil, oneLine(err, s.close())
		}
		s.disks = append(s.disks, d)
		s.dirs = append(s.dirs, filepath.Join(place, "log"))
	}
	return s, nil
}

// diskName is unique among the disks of this machine.
func (r *runner) diskName() string {
	r.mounted++
	return fmt.Sprintf("run%d-%d", os.Getpid(), r.mounted)
}

// begin turns the disks' delays on and begins their window.
func (s *site) begin() error {
	if err := s.tell(record.DiskDelayPath + "?on=true"); err != nil {
		return err
	}
	return s.tell(record.MarkPath)
}

// stallLater stops all disks once for a time, after a wait; 0: not at all. The
// function it returns cancels what has not happened yet and tells what went wrong.
func (s *site) stallLater(after, duration time.Duration) func() error {
	if duration == 0 {
		return func() error { return nil }
	}
	told := make(chan error, 1)
	timer := time.AfterFunc(after, func() { told <- s.tell(record.DiskStallPath + "?for=" + duration.String()) })
	return func() error {
		if timer.Stop() {
			return errors.New("the load ended before the disks were to stall")
		}
		return <-told
	}
}

// rescue ends disks that do not answer, so that what waits for them gets an error
// instead of waiting for ever.
func (s *site) rescue() error {
	var errs []error
	for _, d := range s.disks {
		if _, err := d.status(); err != nil {
			errs = append(errs, fmt.Errorf("disk %s does not answer: %w", d.ready.Name, err), d.kill())
		}
	}
	return oneLine(errs...)
}

// discard removes the data from emulated disks, so that it is not written to a slow
// one when that is taken down.
func (s *site) discard() error {
	if len(s.disks) == 0 {
		return nil
	}
	if err := s.tell(record.DiskDelayPath + "?on=false"); err != nil {
		return err
	}
	for _, dir := range s.dirs {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove data: %w", err)
		}
	}
	return nil
}

// close takes the disks down.
func (s *site) close() error {
	var errs []error
	for _, d := range s.disks {
		errs = append(errs, d.takeDown())
	}
	return oneLine(errs...)
}

// tell gives all disks a command.
func (s *site) tell(command string) error {
	for _, d := range s.disks {
		if err := d.tell(command); err != nil {
			return err
		}
	}
	return nil
}

func (s *site) status() ([]record.DiskStatus, error) {
	var all []record.DiskStatus
	for _, d := range s.disks {
		one, err := d.status()
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// emulationMissing says why this machine cannot emulate disks; empty: it can.
func emulationMissing() string {
	if os.Geteuid() != 0 {
		return "emulating one needs root"
	}
	for _, device := range []string{"/dev/fuse", "/dev/loop-control"} {
		if _, err := os.Stat(device); err != nil {
			return "emulating one needs " + device
		}
	}
	return ""
}
