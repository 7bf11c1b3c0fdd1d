package main

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

// asCommand in the environment makes the test binary be the c10klab command, so
// that the race detector watches the processes too and nothing is built twice.
const asCommand = "C10KLAB_TEST_AS_COMMAND"

// patience bounds waits for what must happen; it is no measure of speed.
const patience = 60 * time.Second

// quitPatience bounds the wait for a process to list its goroutines.
const quitPatience = 5 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	go startProcesses()
	os.Exit(m.Run())
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

// process is a child with its output. Any goroutine may use it.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{}
}

// startProcess starts a program, or this binary as c10klab where program is
// empty. The test ends it by its pid if it is still there at the end, and shows
// what it wrote to stderr if the test failed.
func startProcess(t *testing.T, program string, args ...string) *process {
	t.Helper()
	if program == "" {
		program = os.Args[0]
	}
	p := &process{cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Dir = t.TempDir() // relative paths of a command end here
	p.cmd.Env = append(os.Environ(), asCommand+"=1", processMark(t), raceOptions())
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.cmd.WaitDelay = patience // a grandchild may hold the output open
	started := make(chan error)
	starts <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // the exit status is read from the process state
	}()
	t.Cleanup(func() {
		if !p.over() {
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
		if t.Failed() {
			t.Logf("%s %q: %v, stderr:\n%s", program, args, p.cmd.ProcessState, p.stderr.String())
		}
	})
	return p
}

// raceOptions spares each process the second that the race detector waits at the
// end by default.
func raceOptions() string { return "GORACE=atexit_sleep_ms=0 " + os.Getenv("GORACE") }

// processMark is an environment entry by which a test's processes are found,
// whoever their parent is.
func processMark(t *testing.T) string { return "C10KLAB_TEST_NAME=" + t.Name() }

func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// wait returns the exit status, −1 for an end by a signal.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	return p.waitFor(t, patience)
}

func (p *process) waitFor(t *testing.T, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(limit):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // stderr then tells what its goroutines wait for
		select {
		case <-p.ended:
		case <-time.After(quitPatience):
		}
		t.Fatalf("%q is still running after %v", p.cmd.Args, limit)
	}
	return p.cmd.ProcessState.ExitCode()
}

// runCommand runs c10klab to its end.
func runCommand(t *testing.T, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	p := startProcess(t, "", args...)
	exit = p.wait(t)
	return p.stdout.String(), p.stderr.String(), exit
}

// server is a serve process that accepts connections.
type server struct {
	record.ServerReady
	process *process
}

// startServer serves on free ports of loopback. Unless the test kills it, it
// gets SIGTERM at the end and must then exit with 0.
func startServer(t *testing.T, args ...string) *server {
	t.Helper()
	return awaitReady(t, startProcess(t, "", serveArgs(args...)...))
}

func serveArgs(args ...string) []string {
	const anyPort = "127.0.0.1:0"
	return slices.Concat([]string{"serve", "--listen", anyPort, "--admin", anyPort}, args)
}

func awaitReady(t *testing.T, p *process) *server {
	t.Helper()
	eventually(t, "the server accepts connections or ends", func() bool { return p.stdout.hasLine() || p.over() })
	s := &server{process: p}
	if err := json.Unmarshal([]byte(p.stdout.String()), &s.ServerReady); err != nil {
		t.Fatalf("the ready line is %q: %v; stderr: %s", p.stdout.String(), err, p.stderr.String())
	}
	t.Cleanup(func() { s.stop(t) })
	return s
}

// stop ends the server in an orderly way; one that has ended is left alone.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if s.process.over() {
		return
	}
	sendSignal(t, s.PID, syscall.SIGTERM)
	if status := s.process.wait(t); status != exitOK {
		t.Errorf("the server ended with %d on SIGTERM", status)
	}
}

func sendSignal(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatalf("send %v to process %d: %v", s, pid, err)
	}
}

// stopProcess stops a process and waits until all its threads stand still: some
// run on for a moment after the signal was sent (signal(7)).
func stopProcess(t *testing.T, pid int) {
	t.Helper()
	sendSignal(t, pid, syscall.SIGSTOP)
	eventually(t, "all threads of the process stand still", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		return err == nil && len(threads) > 0 && !slices.ContainsFunc(threads, func(path string) bool {
			text, err := os.ReadFile(path)
			return err == nil && !bytes.Contains(text, []byte(") T "))
		})
	})
}

func snapshot(t *testing.T, admin string) record.ServerSnapshot {
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

// eventually asks until the answer is yes.
func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for deadline := time.Now().Add(patience); !happened(); <-pause.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// output keeps what a process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) hasLine() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.ContainsRune(o.text.Bytes(), '\n')
}
