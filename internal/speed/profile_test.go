package speed

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"c10klab/internal/record"
	"c10klab/models"
)

const profiledSeconds = 5

// profiledLoads are what each model is profiled under, so that no model and no size
// of request has the compiler's favour.
var profiledLoads = []struct{ serve, load []string }{
	{[]string{"--service", "echo", "--stages", "false"}, []string{"--protocol", "echo", "--producers", "64"}},
	{[]string{"--service", "echo", "--stages", "true"}, []string{"--protocol", "echo", "--producers", "64"}},
	{nil, []string{"--batch-bytes", "4KiB", "--producers", "30"}},
	{nil, []string{"--batch-bytes", "64KiB", "--producers", "30", "--consumers", "tail"}},
}

// BenchmarkProfile makes the profile by which the compiler optimizes c10klab,
// cmd/c10klab/default.pgo, in C10KLAB_RECORD: the CPU profiles of a server of every
// model under every load of profiledLoads, merged.
func BenchmarkProfile(b *testing.B) {
	binary := filepath.Join(b.TempDir(), "c10klab")
	run(b, "go", "build", "-trimpath", "-o", binary, "c10klab/cmd/c10klab")
	merge := []string{"tool", "pprof", "-proto", "-symbolize=none", "-output", filepath.Join(b.TempDir(), "default.pgo")}
	for _, model := range models.Names() {
		for _, l := range profiledLoads {
			merge = append(merge, profile(b, binary, model, l.serve, l.load))
		}
	}
	run(b, "go", merge...)
	merged := must(os.ReadFile(merge[5]))(b)
	b.ReportMetric(float64(len(merged)), "bytes")
	if dir := os.Getenv("C10KLAB_RECORD"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "default.pgo"), merged, 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

// profile returns the file with a server's CPU profile under a closed loop.
func profile(b *testing.B, binary, model string, serveFlags, loadFlags []string) string {
	data := must(os.MkdirTemp(b.TempDir(), "data"))(b)
	defer os.RemoveAll(data)
	ready, stop := serve(b, binary, append([]string{"--model", model, "--data", data}, serveFlags...)...)
	defer stop()
	loaded := make(chan record.Measurement, 1)
	go func() {
		loaded <- load(b, binary, ready, append([]string{"--mode", "closed", "--warm-up", "500ms", "--window", fmt.Sprintf("%ds", profiledSeconds+1)}, loadFlags...)...)
	}()
	response := must(http.Get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", ready.Admin, profiledSeconds)))(b)
	defer response.Body.Close()
	text := must(io.ReadAll(response.Body))(b)
	if m := <-loaded; m.Answered == 0 || response.StatusCode != http.StatusOK {
		b.Fatalf("%s: %s, %d answers", model, response.Status, m.Answered)
	}
	file := filepath.Join(b.TempDir(), fmt.Sprintf("%s-%d", model, ready.PID))
	if err := os.WriteFile(file, text, 0o644); err != nil {
		b.Fatal(err)
	}
	return file
}
