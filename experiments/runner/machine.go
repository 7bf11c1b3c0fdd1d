package runner

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"c10klab/internal/record"
)

// Machine is where the processes of trials run: whatever starts a process asks one.
// thisMachine is the only one so far.
type Machine interface {
	// Start returns when the process is ready: when it has told so on a line of JSON,
	// decoded into ready. It runs until it is stopped, or ctx is done.
	Start(ctx context.Context, p Process, ready any) (Running, error)
	// Run runs a process to its end, or to that of ctx. One that ended otherwise than
	// with status 0 is an *EndedError.
	Run(ctx context.Context, p Process, stdout io.Writer) error
}

type Process struct {
	Name string   // for errors
	Args []string // the first is a command of this program
	Log  *os.File // takes stderr, and what follows the ready line
	// Outlives: the end of ctx does not end it, since others must end first; and if the
	// runner dies it is asked to end, where others are killed.
	Outlives bool
}

type Running interface {
	// Stop ends the process, waits for its end, and reports one that was not clean.
	Stop() error
	// Kill ends it at once, a stopped one too; Stop must follow.
	Kill() error
}

// EndedError says how a process ended that should have ended otherwise.
type EndedError struct {
	Name, State string
	Status      int // −1: by a signal
}

func (e *EndedError) Error() string { return e.Name + " ended with " + e.State }

const (
	// readyTimeout is how long a process may take until it is ready.
	readyTimeout = 30 * time.Second
	// stopTimeout is how long a process may take to end after SIGTERM; a server of ten
	// thousand connections answers for up to 15 s.
	stopTimeout = 30 * time.Second
)

// thisMachine starts the commands of a program here. Its callers are locked to their
// thread, whose end ends the processes.
type thisMachine struct{ binary string }

// command prepares a child that cannot outlive the runner: its own session, so that
// a terminal's Ctrl-C reaches it only through the runner and that its priority is its
// own where the kernel shares CPUs out by session (osthread.RaiseSession); SIGTERM
// and after stopTimeout SIGKILL when ctx is done; a signal by the kernel when the
// thread that starts it ends (PR_SET_PDEATHSIG).
func (m thisMachine) command(ctx context.Context, p Process) *exec.Cmd {
	cmd := exec.CommandContext(ctx, m.binary, p.Args...)
	cmd.Stderr = p.Log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if p.Outlives {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	return cmd
}

func (m thisMachine) Run(ctx context.Context, p Process, stdout io.Writer) error {
	cmd := m.command(ctx, p)
	cmd.Stdout = stdout
	switch err := cmd.Run(); {
	case err == nil:
		return nil
	case cmd.ProcessState == nil:
		return fmt.Errorf("start %s: %w", p.Name, err)
	case !cmd.ProcessState.Success():
		return endedError(p.Name, cmd)
	default:
		return fmt.Errorf("%s: %w", p.Name, err)
	}
}

func endedError(name string, cmd *exec.Cmd) error {
	return &EndedError{Name: name, State: cmd.ProcessState.String(), Status: cmd.ProcessState.ExitCode()}
}

func (m thisMachine) Start(ctx context.Context, p Process, ready any) (Running, error) {
	if p.Outlives {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &child{name: p.Name, cancel: cancel, ended: make(chan struct{}), cmd: m.command(ctx, p)}
	stdout, err := c.cmd.StdoutPipe()
	if err == nil {
		_, err = c.cmd.StdinPipe() // held open: it ends when the runner does
	}
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	told := make(chan error, 1)
	go c.follow(stdout, ready, p.Log, told)
	select {
	case err = <-told:
	case <-time.After(readyTimeout):
		err = fmt.Errorf("%s was not ready within %v", p.Name, readyTimeout)
	}
	if err != nil {
		return nil, oneLine(err, c.Stop())
	}
	return c, nil
}

// child is a process of thisMachine that runs until it is stopped.
type child struct {
	name   string
	cancel context.CancelFunc
	ended  chan struct{}
	cmd    *exec.Cmd
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
		err = fmt.Errorf("%s printed no ready line but %q: %w", c.name, line, err)
	}
	told <- err
	_, _ = io.Copy(log, lines) // what is lost of a dying process's chatter changes no result
	_ = c.cmd.Wait()           // Stop judges the process state
}

func (c *child) Stop() error {
	c.cancel()
	<-c.ended
	if !c.cmd.ProcessState.Success() {
		return endedError(c.name, c.cmd)
	}
	return nil
}

func (c *child) Kill() error { return c.cmd.Process.Kill() }

// exitLimited is the status of a load generator that measured, but whose numbers do
// not stand.
const exitLimited = 3

// load runs a load generator to its end and returns what it measured.
func load(ctx context.Context, on Machine, args []string, log *os.File) (*record.Measurement, error) {
	var stdout bytes.Buffer
	err := on.Run(ctx, Process{Name: "load generator", Args: append([]string{"load", "--json"}, args...), Log: log}, &stdout)
	if ended := (*EndedError)(nil); err != nil && !(errors.As(err, &ended) && ended.Status == exitLimited) {
		return nil, err
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

// oneLine joins the errors that are there. Unlike errors.Join it keeps them on one
// line, as a trial's reason is shown.
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
