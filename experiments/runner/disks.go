package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"c10klab/experiments"
	"c10klab/internal/record"
)

// site is where servers keep their data: log dirs, and the emulated disks that hold
// them, if any.
type site struct {
	dirs  []string
	disks []*disk
}

// disk is an emulated disk: a process of its own that serves a mounted file system.
type disk struct {
	Running
	ready   record.DiskReady
	control *http.Client
	cleanUp func() error // cleans away what a disk leaves that did not end cleanly
}

// diskTimeout bounds one request to a disk's control socket, which nothing but a hung
// process keeps waiting.
const diskTimeout = 5 * time.Second

// mount brings up an emulated disk for each model of the data, without delays. The
// files function names the disk's image and, if there is one, the base under it.
func (r *runner) mount(ctx context.Context, d experiments.Data, dir string, knobs map[string]string, files func(i int) []string, log *os.File) (*site, error) {
	s := new(site)
	for i, model := range d.DiskModels {
		place := filepath.Join(dir, fmt.Sprintf("disk-%d", i))
		args := []string{"--name", r.diskName(), "--mount", place, "--no-delay"}
		args = append(append(args, files(i)...), experiments.Flags(r.cfg.Tables.Disk, knobs)...)
		mounted, err := r.startDisk(ctx, append(args, "--"+experiments.DiskModelKnob+"="+model), log)
		if err != nil {
			return nil, oneLine(err, s.close())
		}
		s.disks = append(s.disks, mounted)
		s.dirs = append(s.dirs, filepath.Join(place, "log"))
	}
	return s, nil
}

// startDisk returns once the file system is mounted.
func (r *runner) startDisk(ctx context.Context, args []string, log *os.File) (*disk, error) {
	d := new(disk)
	up := Process{Name: "disk", Args: append([]string{"disk", "up", "--foreground", "--until-stdin-ends"}, args...), Log: log, Outlives: true}
	var err error
	if d.Running, err = r.cfg.Machine.Start(ctx, up, &d.ready); err != nil {
		return nil, err
	}
	d.control = &http.Client{Timeout: diskTimeout, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", d.ready.Control)
	}}}
	d.cleanUp = func() error {
		return r.cfg.Machine.Run(context.Background(), Process{Name: "disk down", Args: []string{"disk", "down", "--name", d.ready.Name}, Log: log}, log)
	}
	return d, nil
}

// diskName is unique among the disks of this machine.
func (r *runner) diskName() string {
	r.mounted++
	return fmt.Sprintf("run%d-%d", os.Getpid(), r.mounted)
}

func (d *disk) status() (s record.DiskStatus, err error) {
	err = exchange(d.control, http.MethodGet, "http://disk"+record.DiskStatusPath, &s)
	return s, err
}

// tell gives all disks a command, a path of package record with its query.
func (s *site) tell(command string) error {
	for _, d := range s.disks {
		if err := exchange(d.control, http.MethodPost, "http://disk"+command, nil); err != nil {
			return err
		}
	}
	return nil
}

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

func (s *server) diskStatus() (all []record.DiskStatus, err error) {
	for _, d := range s.site.disks {
		one, err := d.status()
		if err != nil {
			return nil, err
		}
		one.Server = s.other
		all = append(all, one)
	}
	return all, nil
}

// rescue ends disks that do not answer, so that what waits for them gets an error
// instead of waiting for ever.
func (s *site) rescue() error {
	var errs []error
	for _, d := range s.disks {
		if _, err := d.status(); err != nil {
			errs = append(errs, fmt.Errorf("disk %s does not answer: %w", d.ready.Name, err), d.Kill())
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

func (s *site) close() error {
	var errs []error
	for _, d := range s.disks {
		if err := d.Stop(); err != nil {
			errs = append(errs, err, d.cleanUp())
		}
	}
	return oneLine(errs...)
}

// exchange makes one request and decodes the JSON of its answer, unless into is nil.
func exchange(client *http.Client, method, url string, into any) error {
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, url, err)
	}
	response, err := client.Do(request)
	if err != nil {
		return err // names method and address
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	if err == nil && into != nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, url, err)
	}
	return nil
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
