package runner

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"c10klab/internal/record"
)

const (
	// readyTimeout is how long a process may take until it is ready.
	readyTimeout = 30 * time.Second
	// stopTimeout is how long a process may take to end after SIGTERM; a server of ten
	// thousand connections answers for up to 15 s.
	stopTimeout = 30 * time.Second
	// exitLimited is the status of a load generator that measured, but whose
	// numbers do not stand.
	exitLimited = 3
)

// command prepares a child that cannot outlive the runner: its own session, so that
// a terminal's Ctrl-C reaches it only through the runner and that its priority is its
// own where the kernel shares CPUs out by session (osthread.RaiseSession); SIGTERM
// and after stopTimeout SIGKILL when ctx is done; a signal by the kernel when the
// thread that starts it ends (PR_SET_PDEATHSIG), to which the caller must
// therefore be locked.
func command(ctx context.Context, binary string, args []string, orphaned syscall.Signal, log *os.File) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: orphaned}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	return cmd
}

// child is a process that says on one line of JSON when it is ready, and then runs
// until it is stopped.
type child struct {
	what   string // for errors
	cancel context.CancelFunc
	ended  chan struct{}
	cmd    *exec.Cmd
}

// startChild returns when the process has told its ready line, decoded into ready.
// It ends when ctx does; orphaned is the signal that it gets if the runner dies.
func startChild(ctx context.Context, what, binary string, args []string, ready any, orphaned syscall.Signal, log *os.File) (*child, error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &child{what: what, cancel: cancel, ended: make(chan struct{}), cmd: command(ctx, binary, args, orphaned, log)}
	stdout, err := c.cmd.StdoutPipe()
	if err == nil {
		_, err = c.cmd.StdinPipe() // held open: it ends when the runner does
	}
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start %s: %w", what, err)
	}
	told := make(chan error, 1)
	go c.follow(stdout, ready, log, told)
	select {
	case err = <-told:
	case <-time.After(readyTimeout):
		err = fmt.Errorf("%s was not ready within %v", what, readyTimeout)
	}
	if err != nil {
		return nil, oneLine(err, c.stop())
	}
	return c, nil
}

// follow reads the ready line, keeps later output in the log, and reaps the
// process.
func (c *child) follow(stdout io.Reader, ready any, log io.Writer, told chan<- error) {
	defer close(c.ended)
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, ready)
	}
	if err != nil {
		err = fmt.Errorf("%s printed no ready line but %q: %w", c.what, line, err)
	}
	told <- err
	_, _ = io.Copy(log, lines) // what is lost of a dying process's chatter changes no result
	_ = c.cmd.Wait()           // stop judges the process state
}

// stop ends the process and reports one that did not end cleanly.
func (c *child) stop() error {
	c.cancel()
	<-c.ended
	if state := c.cmd.ProcessState; !state.Success() {
		return fmt.Errorf("%s ended with %s", c.what, state)
	}
	return nil
}

// runToEnd runs a command of this program to its end.
func runToEnd(ctx context.Context, binary string, args []string, log *os.File) error {
	cmd := command(ctx, binary, args, syscall.SIGKILL, log)
	cmd.Stdout = log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return nil
}

// oneLine joins the errors that are there; at least one is. Unlike errors.Join it
// keeps them on one line, as a trial's reason is shown.
func oneLine(errs ...error) error {
	var joined error
	for _, err := range errs {
		switch {
		case err == nil:
		case joined == nil:
			joined = err
		default:
			joined = fmt.Errorf("%w; %w", joined, err)
		}
	}
	return joined
}

// load runs a load generator to its end and returns what it measured.
func load(ctx context.Context, binary string, args []string, log *os.File) (*record.Measurement, error) {
	var stdout bytes.Buffer
	cmd := command(ctx, binary, args, syscall.SIGKILL, log)
	cmd.Stdout = &stdout
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return nil, fmt.Errorf("start load generator: %w", err)
	}
	if !slices.Contains([]int{0, exitLimited}, cmd.ProcessState.ExitCode()) {
		return nil, fmt.Errorf("load generator ended with %s", cmd.ProcessState)
	}
	var m record.Measurement
	if err := json.Unmarshal(stdout.Bytes(), &m); err != nil {
		return nil, fmt.Errorf("read the load generator's measurement: %w", err)
	}
	if m.Outcome == "" || m.WindowNs <= 0 {
		return nil, fmt.Errorf("the load generator's measurement has outcome %q and a window of %d ns", m.Outcome, m.WindowNs)
	}
	return &m, nil
}
