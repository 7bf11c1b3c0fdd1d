package experiments

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
	// readyTimeout is how long a server may take until it accepts connections.
	readyTimeout = 30 * time.Second
	// stopTimeout is how long a process may take to end after SIGTERM.
	stopTimeout = 10 * time.Second
	// exitLimited is the status of a load generator that measured, but whose
	// numbers do not stand.
	exitLimited = 3
)

// command prepares a child that cannot outlive the runner: its own process
// group, so that a terminal's Ctrl-C reaches it only through the runner; SIGTERM
// and after stopTimeout SIGKILL when ctx is done; SIGKILL by the kernel when the
// thread that starts it ends (PR_SET_PDEATHSIG), to which the caller must
// therefore be locked.
func command(ctx context.Context, binary string, args []string, log *os.File) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	return cmd
}

// server is a running serve process.
type server struct {
	ready  record.ServerReady
	cancel context.CancelFunc
	ended  chan struct{}
	cmd    *exec.Cmd
}

// startServer returns when the server accepts connections.
func startServer(ctx context.Context, binary string, args []string, log *os.File) (*server, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &server{cancel: cancel, ended: make(chan struct{}), cmd: command(ctx, binary, args, log)}
	stdout, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start server: %w", err)
	}
	ready := make(chan error, 1)
	go s.follow(stdout, log, ready)
	select {
	case err = <-ready:
	case <-time.After(readyTimeout):
		err = fmt.Errorf("server accepted no connection within %v", readyTimeout)
	}
	if err != nil {
		return nil, oneLine(err, s.stop())
	}
	return s, nil
}

// follow reads the ready line, keeps later output in the log, and reaps the
// process.
func (s *server) follow(stdout io.Reader, log io.Writer, ready chan<- error) {
	defer close(s.ended)
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s.ready)
	}
	if err != nil {
		err = fmt.Errorf("server printed no ready line but %q: %w", line, err)
	}
	ready <- err
	_, _ = io.Copy(log, lines) // what is lost of a dying server's chatter changes no result
	_ = s.cmd.Wait()           // stop judges the process state
}

// stop ends the server and reports one that did not end cleanly.
func (s *server) stop() error {
	s.cancel()
	<-s.ended
	if state := s.cmd.ProcessState; !state.Success() {
		return fmt.Errorf("server ended with %s", state)
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
	cmd := command(ctx, binary, args, log)
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
