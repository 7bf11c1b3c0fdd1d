// Package clients holds the tests with clients, tools and brokers that other people wrote, unmodified.
package clients

import (
	"os/exec"
	"path/filepath"
	"testing"

	"c10klab/internal/child"
	"c10klab/internal/need"
)

func TestMain(m *testing.M) { child.Main(m, nil) }

// Clients that share no code with franz-go or librdkafka, unmodified.
func TestOtherClientsOfGoWork(t *testing.T) {
	t.Parallel() // it waits for clients that ask again
	dir, err := filepath.Abs(filepath.Join("testdata", "clients"))
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "clients")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = dir
	if said, err := build.CombinedOutput(); err != nil {
		need.Lacking(t, "the clients' modules, or go itself: "+string(said))
	}
	running := map[string]*child.Process{}
	for _, model := range []string{"thread-per-connection", "loop-per-thread-pool"} {
		running[model] = child.Start(t, program, child.Serve(t, "--data", t.TempDir(), "--model", model).Listen)
	}
	for model, p := range running {
		if status := p.Wait(t); status != 0 {
			t.Errorf("under %s: %s", model, p.Stdout.String())
		}
	}
}
