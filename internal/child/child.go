// Package child runs c10klab and other programs as the children of a test, which ends them.
package child

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"c10klab/internal/record"
)

// asCommand in the environment makes a test binary be the c10klab command, so
// that the race detector watches the processes too and nothing is built twice.
const asCommand = "C10KLAB_TEST_AS_COMMAND"

// Patience bounds waits for what must happen; it is no measure of speed.
const Patience = 60 * time.Second

// quitPatience bounds the wait for a process to list its goroutines.
const quitPatience = 5 * time.Second

// command is the path of a program that is c10klab.
var command func() (string, error)

// Main runs a package's tests. Where main is c10klab's, the test binary is the command as
// well; where it is nil, the first test that needs the command builds it.
func Main(m *testing.M, main func()) {
	if main != nil && os.Getenv(asCommand) != "" {
		main()
	}
	var built string // the directory of what was built
	command = func() (string, error) { return os.Args[0], nil }
	if main == nil {
		command = sync.OnceValues(func() (path string, err error) {
			if built, err = os.MkdirTemp("", "c10klab-command-"); err != nil {
				return "", err
			}
			path = filepath.Join(built, "c10klab")
			if said, err := exec.Command("go", "build", "-o", path, "c10klab/cmd/c10klab").CombinedOutput(); err != nil {
				return "", fmt.Errorf("build the command: %w: %s", err, said)
			}
			return path, nil
		})
	}
	go startProcesses()
	status := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(status)
}

var starts = make(chan func())

// startProcesses starts all children from one thread that lives as long as the
// tests: the kernel kills them when it ends (PR_SET_PDEATHSIG).
func startProcesses() {
	runtime.LockOSThread()
	for start := range starts {
		start()
	}
}

// Process is a child with its output. Any goroutine may use it.
type Process struct {
	Cmd            *exec.Cmd
	Stdout, Stderr Output
	Ended          chan struct{} // closed at the end
}

// Start starts a program, or c10klab where program is empty. The test ends it by its pid
// if it is still there at the end, and shows what it wrote to stderr if the test failed.
func Start(t *testing.T, program string, args ...string) *Process {
	t.Helper()
	if program == "" {
		var err error
		if program, err = command(); err != nil {
			t.Fatal(err)
		}
	}
	p := &Process{Cmd: exec.Command(program, args...), Ended: make(chan struct{})}
	p.Cmd.Dir = t.TempDir() // relative paths of a command end here
	p.Cmd.Env = append(os.Environ(), asCommand+"=1", Mark(t), RaceOptions())
	p.Cmd.Stdout, p.Cmd.Stderr = &p.Stdout, &p.Stderr
	p.Cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.Cmd.WaitDelay = Patience // a grandchild may hold the output open
	started := make(chan error)
	starts <- func() { started <- p.Cmd.Start() }
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	go func() {
		defer close(p.Ended)
		_ = p.Cmd.Wait() // the exit status is read from the process state
	}()
	t.Cleanup(func() {
		if !p.Over() {
			_ = p.Cmd.Process.Kill()
			<-p.Ended
		}
		if t.Failed() {
			t.Logf("%s %q: %v, stderr:\n%s", program, args, p.Cmd.ProcessState, p.Stderr.String())
		}
	})
	return p
}

// RaceOptions spares each process the second that the race detector waits at the
// end by default.
func RaceOptions() string { return "GORACE=atexit_sleep_ms=0 " + os.Getenv("GORACE") }

// Mark is an environment entry by which a test's processes are found,
// whoever their parent is.
func Mark(t *testing.T) string { return "C10KLAB_TEST_NAME=" + t.Name() }

// Over reports whether it has ended.
func (p *Process) Over() bool {
	select {
	case <-p.Ended:
		return true
	default:
		return false
	}
}

// Wait returns the exit status, −1 for an end by a signal.
func (p *Process) Wait(t *testing.T) int {
	t.Helper()
	return p.WaitFor(t, Patience)
}

// WaitFor is Wait with another patience.
func (p *Process) WaitFor(t *testing.T, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.Ended:
	case <-time.After(limit):
		_ = p.Cmd.Process.Signal(syscall.SIGQUIT) // stderr then tells what its goroutines wait for
		select {
		case <-p.Ended:
		case <-time.After(quitPatience):
		}
		t.Fatalf("%q is still running after %v", p.Cmd.Args, limit)
	}
	return p.Cmd.ProcessState.ExitCode()
}

// Run runs c10klab to its end.
func Run(t *testing.T, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	p := Start(t, "", args...)
	exit = p.Wait(t)
	return p.Stdout.String(), p.Stderr.String(), exit
}

// Server is a serve process that accepts connections.
type Server struct {
	record.ServerReady
	Process *Process
}

// Serve serves on free ports of loopback. Unless the test kills it, it
// gets SIGTERM at the end and must then exit with 0.
func Serve(t *testing.T, args ...string) *Server {
	t.Helper()
	return AwaitReady(t, Start(t, "", ServeArgs(args...)...))
}

// ServeArgs are the arguments of a server on free ports of loopback.
func ServeArgs(args ...string) []string {
	const anyPort = "127.0.0.1:0"
	return slices.Concat([]string{"serve", "--listen", anyPort, "--admin", anyPort}, args)
}

// AwaitReady waits until a serve process takes connections.
func AwaitReady(t *testing.T, p *Process) *Server {
	t.Helper()
	Eventually(t, "the server accepts connections or ends", func() bool { return p.Stdout.HasLine() || p.Over() })
	s := &Server{Process: p}
	if err := json.Unmarshal([]byte(p.Stdout.String()), &s.ServerReady); err != nil {
		t.Fatalf("the ready line is %q: %v; stderr: %s", p.Stdout.String(), err, p.Stderr.String())
	}
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// Stop ends the server in an orderly way; one that has ended is left alone.
func (s *Server) Stop(t *testing.T) {
	t.Helper()
	if s.Process.Over() {
		return
	}
	Signal(t, s.PID, syscall.SIGTERM)
	if status := s.Process.Wait(t); status != 0 {
		t.Errorf("the server ended with %d on SIGTERM", status)
	}
}

// Signal sends one to a process.
func Signal(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatalf("send %v to process %d: %v", s, pid, err)
	}
}

// Suspend stops a process and waits until all its threads stand still: some
// run on for a moment after the signal was sent (signal(7)).
func Suspend(t *testing.T, pid int) {
	t.Helper()
	Signal(t, pid, syscall.SIGSTOP)
	Eventually(t, "all threads of the process stand still", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		return err == nil && len(threads) > 0 && !slices.ContainsFunc(threads, func(path string) bool {
			text, err := os.ReadFile(path)
			return err == nil && !bytes.Contains(text, []byte(") T "))
		})
	})
}

// Snapshot is what a server tells at its admin address.
func Snapshot(t *testing.T, admin string) record.ServerSnapshot {
	t.Helper()
	response, err := http.Get("http://" + admin + record.SnapshotPath)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var s record.ServerSnapshot
	if err := json.NewDecoder(response.Body).Decode(&s); err != nil {
		t.Fatalf("snapshot: %v", err)
	}
	return s
}

// Eventually asks until the answer is yes.
func Eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for deadline := time.Now().Add(Patience); !happened(); <-pause.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", Patience, what)
		}
	}
}

// Output keeps what a process writes.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// HasLine reports whether a whole line was written.
func (o *Output) HasLine() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.ContainsRune(o.text.Bytes(), '\n')
}
