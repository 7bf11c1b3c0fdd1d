package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"c10klab/internal/child"
)

// runWithFewDescriptors is a run of write-100mbs under a limit of 500 descriptors.
func runWithFewDescriptors(t *testing.T, out, settings string) (stdout, stderr string, exit int) {
	t.Helper()
	args := []string{"-c", `ulimit -n 500 && exec "$0" "$@"`, os.Args[0], "run", "write-100mbs", "--only", "model=reactor", "--out", out}
	p := child.Start(t, "/bin/sh", append(args, strings.Fields(settings)...)...)
	exit = p.Wait(t)
	return p.Stdout.String(), p.Stderr.String(), exit
}

func TestRunRefusesMoreConnectionsThanDescriptorsBeforeAnyTrial(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	for name, c := range map[string]struct{ settings, wanted string }{
		"producers":               {"--set producers=400", "needs 656 file descriptors and the limit is 500; raise it with ulimit -n 656"},
		"idle ones and consumers": {"--set connections=300 --set idle-share=0.5 --set consumers=tail --set consumer-connections=30", "needs 586 file descriptors"},
		"only planned":            {"--set producers=400 --dry-run", "needs 656 file descriptors"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, exit := runWithFewDescriptors(t, out, c.settings)
			if exit != exitUsage || !strings.Contains(stderr, c.wanted) || !strings.Contains(stderr, "cell write-100mbs.reactor.") || stdout != "" {
				t.Errorf("ended with %d, %q on stdout, and says %q, want the cell and %q", exit, stdout, stderr, c.wanted)
			}
			if _, err := os.Stat(out); !os.IsNotExist(err) {
				t.Errorf("a refused run left a run directory: %v", err)
			}
		})
	}
	if _, stderr, exit := runWithFewDescriptors(t, out, "--set producers=100 --dry-run"); exit != exitOK {
		t.Errorf("a plan that fits ended with %d: %s", exit, stderr)
	}
}
