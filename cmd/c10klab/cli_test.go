package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"c10klab/internal/child"
	"c10klab/internal/need"
	"c10klab/internal/record"
)

func TestMain(m *testing.M) { child.Main(m, main) }

// wantRefused runs a command that must fail with a status and, on stderr, say all
// of the wanted texts and print nothing on stdout.
func wantRefused(t *testing.T, status int, wanted []string, args ...string) {
	t.Helper()
	stdout, stderr, exit := child.Run(t, args...)
	if exit != status {
		t.Errorf("%q ended with %d, want %d; stderr: %s", args, exit, status, stderr)
	}
	for _, text := range wanted {
		if !strings.Contains(stderr, text) {
			t.Errorf("%q says %q, want %q in it", args, stderr, text)
		}
	}
	if stdout != "" {
		t.Errorf("%q prints %q on stdout", args, stdout)
	}
	if lines := strings.Count(stderr, "\n"); lines != 1 {
		t.Errorf("%q says its error in %d lines: %s", args, lines, stderr)
	}
	if explained := fmt.Sprintf(" (exit status %d: ", status); !strings.Contains(stderr, explained) {
		t.Errorf("%q does not explain its status: %s", args, stderr)
	}
}

func TestUsageErrorsNameTheValueAndTheNearestRightOne(t *testing.T) {
	for name, c := range map[string]struct {
		args   string
		wanted []string
	}{
		"unknown command":            {"serv", []string{`"serv"`, "did you mean serve?"}},
		"command like none":          {"frobnicate", []string{`"frobnicate"`, "--help"}},
		"unknown flag":               {"serve --lops 3", []string{"--lops", "did you mean loops?"}},
		"unknown flag of run":        {"run --dryrun", []string{"--dryrun", "did you mean dry-run?"}},
		"flag without value":         {"serve --loops", []string{"--loops"}},
		"argument of serve":          {"serve now", []string{`"now"`, "serve"}},
		"argument of load":           {"load now", []string{`"now"`, "load"}},
		"unknown model":              {"serve --model reactr", []string{`"reactr"`, "did you mean reactor?", "model"}},
		"knob not a number":          {"serve --loops three", []string{`"three"`, "loops"}},
		"knob below its least value": {"serve --loops 0", []string{"loops", "0", "least value 1"}},
		"unknown choice":             {"load --target a:1 --consumers lagg", []string{`"lagg"`, "lagging", "consumers"}},
		"knobs that contradict":      {"load --target a:1 --producers 0", []string{"producers"}},
		"bad CPU list":               {"serve --service echo --cpus x", []string{"cpus", `"x"`}},
		"bad plant":                  {"serve --service echo --plant Nowhere=1ms", []string{"Nowhere"}},
		"no data directory":          {"serve", []string{"--data"}},
		"load without target":        {"load", []string{"--target"}},
		"target that is no address":  {"load --target nope", []string{"--target", `"nope"`, "port"}},
		"target with a bad port":     {"load --target a:99999", []string{"--target", `"99999"`}},
		"admin that is no address":   {"load --target a:1 --admin nope", []string{"--admin", `"nope"`}},
		"named admin, no address":    {"load --target a:1 --admin follower-1=nope", []string{"--admin", `"nope"`}},
		"admin of no name":           {"load --target a:1 --admin =127.0.0.1:1", []string{"--admin", "127.0.0.1:1", "name"}},
		"two admins of the broker":   {"load --target a:1 --admin 127.0.0.1:1 --admin broker=127.0.0.1:2", []string{"--admin", "broker", "two"}},
		"listen on no address":       {"serve --service echo --listen nope", []string{"--listen", `"nope"`}},
		"admin port on no address":   {"serve --service echo --admin nope", []string{"--admin", `"nope"`}},
		"advertise no address":       {"serve --data /nowhere --advertise nope", []string{"--advertise", `"nope"`}},
		"advertise no host":          {"serve --data /nowhere --advertise :31070", []string{"--advertise", `":31070"`, "host"}},
		"advertise all hosts":        {"serve --data /nowhere --advertise 0.0.0.0:9092", []string{"--advertise", "host"}},
		"advertise no port":          {"serve --data /nowhere --advertise h:0", []string{"--advertise", "port 0"}},
		"help on no command":         {"help serv", []string{`"serv"`, "did you mean serve?"}},
		"CPUs that are not there":    {"load --target a:1 --load-cpus 999", []string{"load-cpus", "CPU 999"}},
		"server's, too":              {"serve --service echo --cpus 4095", []string{"4095"}},
		"topic that is none":         {"prepare --data " + t.TempDir() + " --topic a/b", []string{"--topic", `"a/b"`}},
		"batch of a byte":            {"load --target a:1 --batch-bytes 1", []string{"batch-bytes"}},
		"seed below none":            {"run --seed -1", []string{"--seed", `"-1"`, "whole number"}},
		"search in a closed loop":    {"load --target a:1 --find-max --mode closed", []string{"mode open"}},
		"out of a search":            {"load --target a:1 --find-max --out x", []string{"--out", "--find-max"}},
		"senseless SLO":              {"load --target a:1 --find-max --slo p99", []string{"SLO", "p99"}},
		"trace of a search":          {"load --target a:1 --find-max --write-trace x", []string{"--write-trace", "--find-max"}},
		"missing trace":              {"load --target a:1 --trace /nowhere.csv", []string{"trace", "/nowhere.csv"}},
		"unknown experiment":         {"run write-100mb", []string{`"write-100mb"`, "did you mean write-100mbs?"}},
		"unknown knob in --set":      {"run --set lops=3", []string{`"lops"`, "did you mean loops?"}},
		"bad value in --set":         {"run --set loops=0", []string{"loops", "least value 1"}},
		"--set without =":            {"run --set loops", []string{`"loops"`, "KNOB=VALUE"}},
		"--set of one knob twice":    {"run --set model=reactor --set model=reactor-pool --dry-run", []string{"model", "twice"}},
		"load that is none":          {"run --set rate=0 --dry-run", []string{"rate", "0 is no load"}},
		"window of nothing":          {"run --set window=0s --dry-run", []string{"window", "0s"}},
		"unknown knob in --only":     {"run --only modl=reactor", []string{`"modl"`, "did you mean model?"}},
		"bad value in --only":        {"run --only model=reactr", []string{`"reactr"`, "did you mean reactor?"}},
		"no cell left":               {"run write-100mbs --only consumers=lagging", []string{"consumers=lagging"}},
		"no blocks":                  {"run --repeats 0 --dry-run", []string{"--repeats 0"}},
		"fewer than no blocks":       {"reproduce N15 --repeats -1", []string{"--repeats -1"}},
		"seed that means none":       {"run --seed 0", []string{"--seed 0"}},
		"unknown list":               {"list model", []string{`"model"`, "did you mean models?"}},
		"list of what":               {"list", []string{"models", "knobs"}},
		"flags that exclude":         {"show --json --markdown results", []string{"json", "markdown"}},
		"plot of nothing":            {"plot", []string{"run directory"}},
		"report over a directory":    {"report x -o " + t.TempDir(), []string{"is a directory", "report.html"}},
		"reference that is missing":  {"reproduce N15 --reference /nowhere --dry-run", []string{"--reference", "/nowhere"}},
	} {
		t.Run(name, func(t *testing.T) { wantRefused(t, exitUsage, c.wanted, strings.Fields(c.args)...) })
	}
}

func TestPairsThatMakeNoSenseAreRefusedWithTheReason(t *testing.T) {
	reason := child.Refusal(t, "thread-per-connection", "pool").Reason
	wanted := []string{"thread-per-connection", "send=pool", reason}
	t.Run("serve", func(t *testing.T) {
		wantRefused(t, exitUsage, wanted, "serve", "--data", t.TempDir(), "--model", "thread-per-connection", "--send", "pool")
	})
	t.Run("run", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "run")
		wantRefused(t, exitUsage, wanted, "run", "--set", "send=pool", "--only", "model=thread-per-connection", "--out", out)
		if _, err := os.Stat(out); !os.IsNotExist(err) {
			t.Errorf("a refused run left a run directory: %v", err)
		}
	})
	t.Run("run of a pair that makes sense", func(t *testing.T) {
		stdout, stderr, exit := child.Run(t, "run", "--set", "send=pool", "--only", "model=reactor", "--dry-run")
		if exit != exitOK || !strings.Contains(stdout, "2 cells") {
			t.Errorf("a pair that makes sense ended with %d: %s%s", exit, stdout, stderr)
		}
	})
}

func TestPortInUse(t *testing.T) {
	taken := listen(t)
	defer taken.Close()
	address := taken.Addr().String()
	wantRefused(t, exitFailed, []string{address, "in use"}, "serve", "--data", t.TempDir(), "--listen", address)
	wantRefused(t, exitFailed, []string{address, "in use", "admin"}, "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--admin", address)
}

func TestSecondServerOnADirectoryDisturbsNothing(t *testing.T) {
	dir := t.TempDir()
	first := child.Serve(t, "--data", dir)
	wantRefused(t, exitFailed, []string{dir}, child.ServeArgs("--data", dir)...)
	if child.Snapshot(t, first.Admin).Process.PID != first.PID {
		t.Error("the first server no longer answers")
	}
}

func TestLoadAgainstAClosedPort(t *testing.T) {
	closed := listen(t)
	address := closed.Addr().String()
	closed.Close()
	wantRefused(t, exitFailed, []string{address}, "load", "--target", address)
	s := child.Serve(t, "--data", t.TempDir())
	wantRefused(t, exitFailed, []string{address}, "load", "--target", s.Listen, "--admin", address)
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestDataInMemoryIsRefused(t *testing.T) {
	dir := dirInMemory(t)
	out := filepath.Join(t.TempDir(), "run")
	wantRefused(t, exitFailed, []string{dir, "tmpfs"}, "run", "--data", dir, "--out", out)
	wantRefused(t, exitFailed, []string{dir, "tmpfs"}, "run", "--out", dir)
}

// dirInMemory is a directory of the test's own on a tmpfs.
func dirInMemory(t *testing.T) string {
	t.Helper()
	const shm = "/dev/shm"
	if !onTmpfs(t, shm) {
		need.Lacking(t, "a tmpfs on "+shm)
	}
	dir, err := os.MkdirTemp(shm, "c10klab-test-")
	if err != nil {
		need.Lacking(t, "a tmpfs to write to: "+err.Error())
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func onTmpfs(t *testing.T, dir string) bool {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return false
	}
	return int64(st.Type) == unix.TMPFS_MAGIC
}

func TestRunDirectoryMustBeEmpty(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, exitFailed, []string{dir, "not empty"}, "run", "--out", dir, "--data", t.TempDir())
}

func TestPlotOfNoRunNamesTheDirectory(t *testing.T) {
	dir := t.TempDir()
	wantRefused(t, exitFailed, []string{dir}, "plot", dir)
}

func TestEveryCommandHasHelp(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		args := append(strings.Fields(c.CommandPath())[1:], "--help")
		stdout, stderr, exit := child.Run(t, args...)
		if exit != exitOK || stderr != "" || !strings.Contains(stdout, "Usage:") {
			t.Errorf("%q ended with %d, stdout %q, stderr %q", args, exit, stdout, stderr)
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRoot())
}

func TestShellCompletion(t *testing.T) {
	stdout, _, exit := child.Run(t, "completion", "bash")
	if exit != exitOK || !strings.Contains(stdout, "c10klab") {
		t.Errorf("completion bash ended with %d and %d bytes", exit, len(stdout))
	}
	for _, c := range []struct{ typed, offered string }{
		{"serve --model re", "reactor-pool"},
		{"run write", "write-100mbs"},
		{"list m", "metrics"},
	} {
		stdout, _, exit := child.Run(t, append([]string{cobra.ShellCompNoDescRequestCmd}, strings.Fields(c.typed)...)...)
		if exit != exitOK || !strings.Contains(stdout, c.offered) {
			t.Errorf("after %q the shell is offered %q, want %s among it", c.typed, stdout, c.offered)
		}
	}
}

func TestDoctorTellsWhatIsMissing(t *testing.T) {
	stdout, stderr, exit := child.Run(t, "doctor", "--json")
	var found []capability
	decode(t, stdout, &found)
	if exit != exitOK || len(found) == 0 {
		t.Fatalf("doctor ended with %d, %d capabilities; stderr: %s", exit, len(found), stderr)
	}
	for _, c := range found {
		if c.Name == "" || c.Found == "" || !c.There && (c.Get == "" || c.Lost == "") {
			t.Errorf("capability %+v does not say what was found or, as it is missing, how to get it and what is lost without it", c)
		}
	}
	if stdout, _, exit = child.Run(t, "doctor"); exit != exitOK || strings.Count(stdout, "\n") < len(found) {
		t.Errorf("doctor for people ended with %d: %s", exit, stdout)
	}
}

func TestReadyLineIsWhatOthersParse(t *testing.T) {
	s := child.Serve(t, "--service", "echo")
	var ready record.ServerReady
	decode(t, s.Process.Stdout.String(), &ready)
	if ready.PID != s.Process.Cmd.Process.Pid || ready.Listen == "" || ready.Admin == "" {
		t.Errorf("ready line %+v", ready)
	}
}
