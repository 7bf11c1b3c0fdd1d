package speed

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"c10klab/internal/record"
)

const (
	planted = 50 * time.Millisecond
	// plantedPerSecond leaves each request alone, also on the one loop of a reactor.
	plantedPerSecond = "5"
	wireRounds       = 8
	plantedLow       = 0.95 // least share of a planted delay in its own stage
	plantedHigh      = 0.05 // most in any other term
	wireLimit        = 2    // × the idle echo's p99
)

var plantedStages = []string{"SocketQueue", "Receive", "Dispatch", "RequestQueue", "LocalTime", "RemoteTime", "ResponseQueue", "SendWait", "Send"}

var allModels = []string{"thread-per-connection", "reactor", "reactor-pool", "loop-per-thread", "loop-per-thread-pool", "goroutine-per-connection"}

// plantedShares is where a planted delay was found, as shares of it: medians over the
// joined requests.
type plantedShares struct {
	Model, Stage string
	Own          float64
	Other        float64 // the largest of all other terms
	OtherTerm    string
}

// BenchmarkPlantedStages plants a delay in each stage in turn, under every model, and
// prints which share of it each term of the joined requests shows.
func BenchmarkPlantedStages(b *testing.B) {
	binary := buildC10klab(b)
	var all []plantedShares
	for _, model := range allModels {
		worst := plantedShares{Own: 1}
		for _, stage := range plantedStages {
			s := plantIn(b, binary, model, stage)
			all = append(all, s)
			worst.Own, worst.Other = min(worst.Own, s.Own), max(worst.Other, s.Other)
			if s.Own < plantedLow || s.Other > plantedHigh {
				b.Errorf("%s: of a delay in %s it shows %.3f, %s %.3f", model, stage, s.Own, s.OtherTerm, s.Other)
			}
		}
		fmt.Printf("%-26s planted delays: at least %.3f in their own stage, at most %.3f in any other term\n", model, worst.Own, worst.Other)
		b.ReportMetric(worst.Own, model+"/own")
		b.ReportMetric(worst.Other, model+"/other")
	}
	keep(b, "planted-stages", all)
}

func plantIn(b *testing.B, binary, model, stage string) plantedShares {
	ready, stop := serve(b, binary, "--service", "echo", "--kernel-stamps", "on", "--model", model, "--plant", stage+"="+planted.String())
	defer stop()
	m := load(b, binary, ready, "--protocol", "echo", "--rate-requests", plantedPerSecond, "--schedule", "constant", "--producers", "4",
		"--client-stamps", "on", "--warm-up", "200ms", "--window", "3s")
	s := plantedShares{Model: model, Stage: stage}
	for _, t := range joinOf(b, m).Terms {
		switch share := float64(p50(b, t)) / float64(planted); {
		case t.Name == stage:
			s.Own = share
		case math.Abs(share) >= s.Other:
			s.Other, s.OtherTerm = math.Abs(share), t.Name
		}
	}
	return s
}

// wires is what one model's joined requests show beside an idle echo.
type wires struct {
	Model             string
	TermsOverResponse []float64
	BelowClockError   int
	// Ratios of the p99 to that of the idle echo beside, by term, one a round.
	Ratios map[string][]float64
}

// wireTerms are those between the two processes: as wholes, and up to the kernels'
// stamps.
var wireTerms = []string{"RequestWire", "ResponseWire", "RequestNetwork", "ResponseNetwork"}

// BenchmarkWiresAgainstIdleEcho loads every model with 16 KiB batches at 16 MB/s, over so
// many connections that hardly a request finds its own busy, and has an echo server
// idle along beside it. It prints the wire terms' p99 over those of
// the echo in the same seconds, and what all mean terms add up to over the mean
// response time.
func BenchmarkWiresAgainstIdleEcho(b *testing.B) {
	binary := buildC10klab(b)
	var all []wires
	for _, model := range allModels {
		w := wires{Model: model, Ratios: map[string][]float64{}}
		for range wireRounds {
			w.round(b, binary)
		}
		fmt.Printf("%-26s terms add up to %.3f of the response time, %d requests below the clock error; p99 over the idle echo's:", model, median(w.TermsOverResponse), w.BelowClockError)
		for _, name := range wireTerms {
			low, middle, high := quartiles(w.Ratios[name])
			fmt.Printf(" %s %.2f [%.2f, %.2f]", name, middle, low, high)
			b.ReportMetric(middle, model+"/"+name)
		}
		fmt.Printf(" (limit %d)\n", wireLimit)
		b.ReportMetric(median(w.TermsOverResponse), model+"/terms")
		all = append(all, w)
	}
	keep(b, "wires-against-idle-echo", all)
}

func (w *wires) round(b *testing.B, binary string) {
	common := []string{"--client-stamps", "on", "--warm-up", "500ms", "--window", "3s"}
	echo, stopEcho := serve(b, binary, "--service", "echo", "--kernel-stamps", "on", "--model", "reactor")
	defer stopEcho()
	loaded, stopLoaded := serve(b, binary, "--model", w.Model, "--data", b.TempDir())
	defer stopLoaded()
	idle := make(chan record.Measurement, 1)
	go func() {
		idle <- load(b, binary, echo, append(common, "--protocol", "echo", "--rate-requests", "400", "--producers", "4")...)
	}()
	m := load(b, binary, loaded, append(common, "--rate", "16", "--batch-bytes", "16KiB", "--producers", "120")...)
	busy, quiet := joinOf(b, m), joinOf(b, <-idle)
	w.TermsOverResponse = append(w.TermsOverResponse, busy.TermsOverResponse)
	w.BelowClockError += busy.BelowClockError + quiet.BelowClockError
	for _, name := range wireTerms {
		w.Ratios[name] = append(w.Ratios[name], float64(p99(b, busy, name))/float64(max(1, p99(b, quiet, name))))
	}
}

func joinOf(b *testing.B, m record.Measurement) *record.Join {
	if m.Join == nil || m.Join.Joined == 0 {
		b.Fatalf("no request was joined: %s", strings.Join(m.Problems, "; "))
	}
	return m.Join
}

func p50(b *testing.B, t record.JoinTerm) int64 {
	if t.P50Ns == nil {
		b.Fatalf("%s: too few requests for a median", t.Name)
	}
	return *t.P50Ns
}

func p99(b *testing.B, j *record.Join, name string) int64 {
	for _, t := range append(j.Terms, j.Beside...) {
		if t.Name == name && t.P99Ns != nil {
			return *t.P99Ns
		}
	}
	b.Fatalf("%s: too few requests for a p99", name)
	return 0
}
