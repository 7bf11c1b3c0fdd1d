package speed

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

const frameRounds = 31

// frameCost is what a frame of 64 KiB costs a server, CPU nanoseconds by round.
type frameCost struct{ Off, Stages []float64 }

// BenchmarkStagesOnLargeFrames measures what stages add to a frame of 64 KiB: the server's
// CPU time for each echo of that size, in a closed loop of 8 connections, with stages and
// without, in interleaved rounds of fresh servers. The writes of a log scatter by more than
// that, so BenchmarkInstrumentation cannot tell it of Produce.
func BenchmarkStagesOnLargeFrames(b *testing.B) {
	binary := buildC10klab(b)
	var cost frameCost
	random := rand.New(rand.NewPCG(5, 6))
	for range frameRounds {
		for _, i := range random.Perm(2) {
			if way := instrumentations[i]; i == 0 {
				cost.Off = append(cost.Off, largeEchoCPU(b, binary, way))
			} else {
				cost.Stages = append(cost.Stages, largeEchoCPU(b, binary, way))
			}
		}
	}
	added := make([]float64, frameRounds)
	for i := range added {
		added[i] = cost.Stages[i] - cost.Off[i]
	}
	low, middle, high := quartiles(added)
	fmt.Printf("\necho of 64 KiB: %.0f ns without stages, %.0f ns more with them [%.0f, %.0f], medians and quartiles of %d rounds\n", median(cost.Off), middle, low, high, frameRounds)
	b.ReportMetric(middle, "ns-more/frame")
	keep(b, "stages-on-large-frames", cost)
}

// largeEchoCPU is the server's CPU nanoseconds for an echo of 64 KiB.
func largeEchoCPU(b *testing.B, binary string, way instrumented) float64 {
	ready, stop := serve(b, binary, append([]string{"--service", "echo", "--model", "loop-per-thread", "--loops", "1"}, way.flags...)...)
	defer stop()
	m := load(b, binary, ready, "--protocol", "echo", "--mode", "closed", "--echo-bytes", "64KiB", "--producers", "8",
		"--warm-up", "200ms", "--window", "1s", "--join-samples", "0", "--client-stamps", "off")
	if m.Answered == 0 || m.Broker().Process == nil {
		b.Fatal("no request was answered, or the server does not tell its CPU time")
	}
	return float64(m.Broker().Process.CPUNs) / float64(m.Answered)
}
