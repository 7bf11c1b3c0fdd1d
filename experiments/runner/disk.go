package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"c10klab/experiments"
	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

// diskTimeout bounds one request to a disk's control socket, which nothing but a hung
// process keeps waiting.
const diskTimeout = 5 * time.Second

// disk is an emulated disk: a process of its own that serves a mounted file system.
type disk struct {
	*child
	ready   record.DiskReady
	control *http.Client
	binary  string
	log     *os.File
}

// startDisk returns once the file system is mounted. The disk outlives ctx's end,
// because its users must end first; stop it explicitly. If the runner dies, it takes
// itself down.
func startDisk(ctx context.Context, binary string, args []string, log *os.File) (*disk, error) {
	d := &disk{binary: binary, log: log}
	var err error
	args = append([]string{"disk", "up", "--foreground", "--until-stdin-ends"}, args...)
	if d.child, err = startChild(context.WithoutCancel(ctx), "disk", binary, args, &d.ready, syscall.SIGTERM, log); err != nil {
		return nil, err
	}
	dialer := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", d.ready.Control)
	}
	d.control = &http.Client{Transport: &http.Transport{DialContext: dialer}, Timeout: diskTimeout}
	return d, nil
}

// tell posts a command, a path of package record with its query.
func (d *disk) tell(command string) error {
	return exchange(d.control, http.MethodPost, "http://disk"+command, nil)
}

// kill ends the process at once, a stopped one too; takeDown cleans what it leaves.
func (d *disk) kill() error { return d.cmd.Process.Kill() }

// takeDown ends the disk. What one leaves that did not end cleanly is cleaned away.
func (d *disk) takeDown() error {
	err := d.stop()
	if err == nil {
		return nil
	}
	return oneLine(err, runToEnd(context.Background(), d.binary, []string{"disk", "down", "--name", d.ready.Name}, d.log))
}

func (d *disk) status() (s record.DiskStatus, err error) {
	err = exchange(d.control, http.MethodGet, "http://disk"+record.DiskStatusPath, &s)
	return s, err
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

// The thresholds by which emulated disks spoil or mark a trial.
const (
	leastDelayed    = 200  // requests; of fewer, a share says nothing and their lateness spoils nothing
	lateShare       = 0.05 // of requests, finished later than the model says: the disk below is too slow
	overloadLocalNs = 2e6  // p99 of Produce's LocalTime: writes do not only go to memory any more
)

// judgeDisks says whether the disks were what they emulate, and marks trials in which
// writes waited for them.
func judgeDisks(m *record.Measurement, disks []record.DiskStatus) {
	for _, d := range disks {
		if d.Counts.Delayed < leastDelayed {
			continue
		}
		addCheck(m, record.Check{Name: "late requests of emulated disk " + d.Model, Value: 100 * d.Counts.LateShare,
			Limit: 100 * lateShare, Unit: "%", OK: d.Counts.LateShare <= lateShare, Else: record.EnvironmentLimited})
	}
	local := m.Histograms[hdr.Key{Stage: "LocalTime", API: "Produce"}]
	if len(disks) == 0 || local == nil {
		return
	}
	if ns, supported := local.Quantile(0.99); supported {
		addCheck(m, record.Check{Name: "write overload: LocalTime p99 of Produce", Value: float64(ns) / 1e6,
			Limit: overloadLocalNs / 1e6, Unit: "ms", OK: ns <= overloadLocalNs, Else: record.Valid})
	}
}

// stallOf returns when after the load's start the disks shall stall, and for how long.
func stallOf(tables experiments.KnobTables, knobs map[string]string) (after, duration time.Duration) {
	after = tables.Duration(knobs, experiments.WarmUpKnob) + tables.Duration(knobs, experiments.WindowKnob)/2
	return after, tables.Duration(knobs, experiments.StallKnob)
}
