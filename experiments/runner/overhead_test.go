package runner

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"c10klab/experiments"
	"c10klab/experiments/internal/fixture"
	"c10klab/internal/record"
)

// BenchmarkRunnerOverhead runs trials whose processes measure nothing: what is left
// is the runner's own, process starts included. It prints the time between a
// trial's end and the next one's start too.
func BenchmarkRunnerOverhead(b *testing.B) {
	b.Setenv(fakeMode, "ok")
	b.Setenv(fakePIDs, b.TempDir())
	spec, err := experiments.Parse("small.toml", fixture.SmallSpec)
	if err != nil {
		b.Fatal(err)
	}
	var trials int
	var between time.Duration
	for b.Loop() {
		cfg := configOf(spec)
		cfg.Out = filepath.Join(b.TempDir(), "run")
		run, err := Run(context.Background(), cfg)
		if err != nil {
			b.Fatal(err)
		}
		trials += len(run.Trials)
		between += gaps(run.Trials)
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(trials), "s/trial")
	b.ReportMetric(between.Seconds()/float64(trials), "s-between/trial")
}

func gaps(trials []record.Trial) (sum time.Duration) {
	for i, t := range trials[1:] {
		sum += t.Started.Sub(trials[i].Started.Add(time.Duration(trials[i].ElapsedNs)))
	}
	return sum
}
