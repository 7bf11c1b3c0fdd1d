// Package speed holds the benchmarks that run whole processes, or the log store and
// bare system calls, against each other and print ratios. Nothing else may run on the machine meanwhile:
//
//	go test -run '^$' -bench . -benchtime 1x -timeout 3h ./internal/speed
//
// With C10KLAB_RECORD=DIR each leaves its record, a JSON file, in DIR; results/benchmarks
// has them, and says how they are made.
package speed

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"c10klab/experiments"
	"c10klab/internal/need"
	"c10klab/internal/record"
	"c10klab/results"
)

// Server and client have a CPU of their own each.
const (
	serverCPU = "0"
	clientCPU = "1"
)

// build compiles a Go package of this module.
func build(b *testing.B, pkg, name string) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), name)
	run(b, "go", "build", "-o", path, pkg)
	return path
}

func buildC10klab(b *testing.B) string { return build(b, "c10klab/cmd/c10klab", "c10klab") }

// compile compiles a C program of testdata.
func compile(b *testing.B, source string, options ...string) string {
	b.Helper()
	cc := need.Program(b, "cc", "gcc")
	path := filepath.Join(b.TempDir(), strings.TrimSuffix(source, ".c"))
	run(b, cc, append(options, "-O2", "-o", path, filepath.Join("testdata", source))...)
	return path
}

// run runs a program to its end and returns what it printed.
func run(b *testing.B, name string, args ...string) string {
	b.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%s %s: %v", filepath.Base(name), strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// start runs a server and returns the first line it prints.
func start(b *testing.B, name string, args ...string) (line string, stop func()) {
	b.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	stop = func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	}
	line, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		b.Fatalf("%s said nothing: %v", filepath.Base(name), err)
	}
	return strings.TrimSpace(line), stop
}

// serve starts c10klab serve on free ports.
func serve(b *testing.B, binary string, args ...string) (record.ServerReady, func()) {
	b.Helper()
	fixed := []string{"serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--cpus", serverCPU, "--discard-data"}
	line, stop := start(b, binary, append(fixed, args...)...)
	var ready record.ServerReady
	if err := json.Unmarshal([]byte(line), &ready); err != nil {
		stop()
		b.Fatalf("ready line %q: %v", line, err)
	}
	return ready, stop
}

// load runs c10klab load and returns what it measured.
func load(b *testing.B, binary string, ready record.ServerReady, args ...string) record.Measurement {
	b.Helper()
	fixed := []string{"load", "--json", "--target", ready.Listen, "--admin", ready.Admin, "--load-cpus", clientCPU}
	cmd := exec.Command(binary, append(fixed, args...)...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // as under run
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState.ExitCode() != 3 {
		b.Fatalf("load: %v", err)
	}
	var m record.Measurement
	if err := json.Unmarshal(out, &m); err != nil {
		b.Fatalf("load printed %q: %v", out, err)
	}
	return m
}

// recordDir is where records go; empty: none is kept.
var recordDir = os.Getenv("C10KLAB_RECORD")

// made is where this process's records come from, as it was before the first benchmark.
var made results.Provenance

// brief is a tenth of a number of rounds or bytes under -short, which tries a benchmark out
// and keeps no record.
func brief(n int) int {
	if testing.Short() {
		return max(1, n/10)
	}
	return n
}

// keep stores a benchmark's record where C10KLAB_RECORD says.
func keep(b *testing.B, name string, what any) {
	b.Helper()
	if recordDir == "" || testing.Short() {
		return
	}
	own := made
	if own.Predictions = experiments.PredictionsOf(name); own.Predictions != nil {
		own.Stated = run(b, "git", "log", "-1", "--format=%H", "--", filepath.Join("../..", experiments.BenchmarksFile))
	}
	measured, err := json.Marshal(what)
	if err == nil {
		err = results.BenchmarkRecord{Provenance: &own, Measured: measured}.Keep(recordDir, name)
	}
	if err != nil {
		b.Fatal(err)
	}
	fmt.Fprintf(os.Stderr, "record: %s\n", filepath.Join(recordDir, name+results.RecordSuffix))
}
