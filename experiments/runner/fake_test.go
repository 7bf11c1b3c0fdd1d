package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"c10klab/experiments"
	"c10klab/experiments/internal/fixture"
	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

// fakeMode makes this test binary act as c10klab: it names what goes wrong.
const (
	fakeMode = "C10KLAB_FAKE_MODE"
	fakePIDs = "C10KLAB_FAKE_PIDS" // a directory where each fake process leaves a file named by its pid
)

func TestMain(m *testing.M) {
	if mode := os.Getenv(fakeMode); mode != "" && len(os.Args) > 1 {
		os.Exit(fake(mode, os.Args[1], os.Args[2:]))
	}
	os.Exit(m.Run())
}

func fake(mode, command string, args []string) int {
	note := filepath.Join(os.Getenv(fakePIDs), fmt.Sprint(os.Getpid()))
	if err := os.WriteFile(note, []byte(command+" "+strings.Join(args, " ")), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	switch command {
	case "run":
		return fakeRunner(args)
	case "serve":
		return fakeServe(ctx, mode, args)
	case "disk":
		return fakeDisk(ctx, mode, args)
	case "prepare":
		return fakePrepare(args)
	}
	return fakeLoad(ctx, mode, args)
}

func fakeServe(ctx context.Context, mode string, args []string) int {
	if mode == "server-refuses" {
		fmt.Fprintln(os.Stderr, "model reactor does not go with send pool")
		return 2
	}
	dir, _, _ := strings.Cut(argument(args, "--data"), ",")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 1
	}
	if err := os.WriteFile(filepath.Join(dir, "00.log"), []byte("data"), 0o600); err != nil {
		return 1
	}
	admin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 1
	}
	go http.Serve(admin, fakeAdmin(mode))
	line, _ := json.Marshal(record.ServerReady{Listen: "127.0.0.1:1", Admin: admin.Addr().String(), PID: os.Getpid()})
	fmt.Println(string(line))
	<-ctx.Done()
	if mode == "server-crashes" {
		return 2
	}
	return 0
}

func fakeLoad(ctx context.Context, mode string, args []string) int {
	switch mode {
	case "fails-once":
		if isFirst("") {
			fmt.Fprintln(os.Stderr, "the first one fails")
			return 1
		}
	case "load-fails":
		fmt.Fprintln(os.Stderr, "dial 127.0.0.1:1: connection refused")
		return 1
	case "garbage":
		fmt.Println("hello")
		return 0
	case "hang":
		if err := syscall.Kill(os.Getppid(), syscall.SIGUSR1); err != nil {
			return 1
		}
		<-ctx.Done()
		return 1
	}
	m := record.Measurement{Outcome: record.Valid, WindowNs: 8e9, OfferedMBps: 100, AckedMBps: 99.5, Histograms: hdr.Bundle{}}
	h := hdr.NewHistogram()
	h.RecordN(1_000_000, 5000)
	m.Histograms[hdr.Key{Stage: "ResponseTime", API: "Produce"}] = h
	for i, arg := range args {
		if arg == "--admin" {
			name, _, _ := strings.Cut(args[i+1], "=")
			m.Servers = append(m.Servers, record.ServerUse{Name: name, StageSource: record.StagesAdmin, Process: &record.Process{CPUNs: 1e9}})
		}
	}
	code := 0
	if mode == "generator" || mode == "limited-often" || mode == "limited-once" && isFirst("") || isLimitedBlock(mode, args) {
		m.Outcome, code = record.GeneratorLimited, exitLimited
		m.AckedMBps = 90
	}
	if err := json.NewEncoder(os.Stdout).Encode(m); err != nil {
		return 1
	}
	return code
}

// isLimitedBlock reports whether a mode limits the block of a trial, and the trial is the
// first of its cell without consumers: limited-blocks-N does so in the first N blocks.
func isLimitedBlock(mode string, args []string) bool {
	n, limits := strings.CutPrefix(mode, "limited-blocks-")
	if !limits || argument(args, "--consumers") != "none" {
		return false
	}
	most, _ := strconv.Atoi(n)
	seed, _ := strconv.Atoi(argument(args, "--seed"))
	return seed < 7+most && isFirst(strconv.Itoa(seed))
}

// isFirst reports whether nobody has asked about it before in this run.
func isFirst(what string) bool {
	first, err := os.OpenFile(filepath.Join(os.Getenv(fakePIDs), "..", "first"+what), os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		first.Close()
	}
	return err == nil
}

// fakeRunner is the whole runner in a process of its own, so that it can be killed;
// it resumes the run in its one argument.
func fakeRunner(args []string) int {
	spec, err := experiments.Parse("small.toml", fixture.SmallSpec)
	if err != nil {
		return 2
	}
	cfg := configOf(spec)
	cfg.Out, cfg.Resume = args[0], true
	if _, err := Run(context.Background(), cfg); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func argument(args []string, name string) string {
	for i, arg := range args {
		if arg == name {
			return args[i+1]
		}
		if value, found := strings.CutPrefix(arg, name+"="); found {
			return value
		}
	}
	return ""
}

// diskDir is a temporary directory on a file system that is not in memory.
func diskDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := prepareDataParent(dir); !errors.Is(err, ErrMemoryFileSystem) {
		return dir
	}
	dir, err := os.MkdirTemp(".", "testdata-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func parsed(t *testing.T, text string) *experiments.Spec {
	t.Helper()
	spec, err := experiments.Parse("small.toml", text)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func smallConfig(t *testing.T) Config {
	t.Helper()
	return configOf(parsed(t, fixture.SmallSpec))
}

func configOf(specs ...*experiments.Spec) Config {
	return Config{PlanConfig: experiments.PlanConfig{Specs: specs, Tables: tables()}}
}

func tables() experiments.KnobTables {
	return experiments.KnobTables{Server: fixture.ServerKnobs(), Load: fixture.LoadKnobs(), Disk: fixture.DiskKnobs()}
}
