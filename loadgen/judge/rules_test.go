package judge

import (
	"testing"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/osthread"
	"c10klab/internal/record"
	"c10klab/loadgen/plan"
)

// soundFacts are those of an unremarkable 8 s run of 10 000 requests.
func soundFacts() *facts {
	m := &record.Measurement{
		Answered: 10_000, Histograms: hdr.Bundle{},
		Servers: []record.ServerUse{{Name: record.Broker, Process: &record.Process{}}}, Host: record.HostUse{CPUs: 2},
		GeneratorThreads: []osthread.Entry{{Name: "send-0", TimeSlices: 10_000}, {Name: "recv-0", TimeSlices: 10_000}, {Name: "fetch-lagging", TimeSlices: 1}},
		MeanTimeNs:       parts(func(int) float64 { return 2e6 }),
	}
	f := &facts{
		load: &Load{Plan: &plan.Plan{Protocol: plan.ProtocolKafka, Connections: [plan.Kinds]int{30}, Window: 8 * time.Second}, Answers: true, Tails: true, LatenessLimit: time.Millisecond},
		m:    m, trends: true,
	}
	f.fill("Lateness", 10_000, 50*time.Microsecond)
	f.fill("ResponseTime", 10_000, 2*time.Millisecond)
	f.inFlight = 2.5
	return f
}

// fill adds n equal durations to one of the producers' histograms, ResponseTime's of requests that were due and acknowledged.
func (f *facts) fill(stage string, n int64, d time.Duration) {
	if stage == "ResponseTime" {
		f.m.OfferedRequests, f.acked = f.m.OfferedRequests+n, f.acked+n
	}
	h := hdr.NewHistogram()
	h.RecordN(int64(d), n)
	f.m.Histograms.Merge(hdr.Bundle{{Stage: stage, API: f.load.API()}: h})
}

// closed makes the load a closed loop, with so many requests in flight by its histogram.
func (f *facts) closed(inFlight float64) {
	f.load.Closed, f.load.InFlight, f.depth = true, 1, 30
	f.m.Histograms, f.m.OfferedRequests = hdr.Bundle{}, 0
	if f.inFlight = inFlight; inFlight > 0 {
		f.fill("ServiceTime", int64(inFlight*8/.002), 2*time.Millisecond)
	}
}

func TestOutcomes(t *testing.T) {
	provoked := map[string]bool{}
	for _, c := range []struct {
		name    string
		damage  func(f *facts)
		outcome record.Outcome
		failed  string // the check that must fail; empty: none may
	}{
		{"sound", func(*facts) {}, record.Valid, ""},
		{"generator stopped for 2 s of 8", func(f *facts) {
			f.fill("Lateness", 2500, time.Second)
			f.fill("ResponseTime", 2500, time.Second)
		}, record.GeneratorLimited, "Lateness beyond stolen time, at the highest percentile shown"},
		{"generator stopped for 2 s of an hour", func(f *facts) {
			f.fill("Lateness", 4_000_000, 50*time.Microsecond)
			f.fill("ResponseTime", 4_000_000, 2*time.Millisecond)
			f.fill("Lateness", 2500, time.Second)
			f.fill("ResponseTime", 2500, time.Second)
		}, record.GeneratorLimited, "Lateness, maximum"},
		{"generator late against quick answers", func(f *facts) { f.fill("Lateness", 50, 3*time.Millisecond) }, record.GeneratorLimited, "Lateness beyond stolen time, at the highest percentile shown"},
		{"the same in so few stalls that no p99.9 is shown", func(f *facts) {
			f.fill("Lateness", 50, 3*time.Millisecond)
			f.clusters = map[string][]float64{"ResponseTime/Produce": {1, 1, 10}}
		}, record.Valid, ""},
		{"late in so few stalls, but for p99 too long", func(f *facts) {
			f.fill("Lateness", 200, 3*time.Millisecond)
			f.clusters = map[string][]float64{"ResponseTime/Produce": {1, 1, 10}}
		}, record.GeneratorLimited, "Lateness beyond stolen time, at the highest percentile shown"},
		{"the same against slow answers, which forgive nothing", func(f *facts) {
			f.fill("Lateness", 50, 3*time.Millisecond)
			f.fill("ResponseTime", 100_000, 50*time.Millisecond)
			f.inFlight = (10_000*.002 + 100_000*.05) / 8
		}, record.GeneratorLimited, "Lateness beyond stolen time, at the highest percentile shown"},
		{"the same where the experiment allows it", func(f *facts) {
			f.load.LatenessLimit = 5 * time.Millisecond
			f.fill("Lateness", 50, 3*time.Millisecond)
		}, record.Valid, ""},
		{"one request late by more than any may be, against slow answers", func(f *facts) {
			f.fill("Lateness", 1, 150*time.Millisecond)
			f.fill("ResponseTime", 100_000, 2*time.Second)
			f.inFlight = (10_000*.002 + 100_000*2) / 8
		}, record.GeneratorLimited, "Lateness, maximum"},
		{"late fetches of a trace", func(f *facts) {
			late := hdr.NewHistogram()
			late.RecordN(int64(time.Second), 100)
			f.m.Histograms[hdr.Key{Stage: "Lateness", API: "Fetch"}] = late
		}, record.GeneratorLimited, "Lateness beyond stolen time, at the highest percentile shown"},
		{"server stopped for 2 s", func(f *facts) {
			f.fill("ResponseTime", 2500, time.Second)
			f.inFlight = (10_000*.002 + 2500*1) / 8
		}, record.Valid, ""},
		{"steal", func(f *facts) { f.m.Host.StealNs = int64(time.Second) }, record.EnvironmentLimited, "CPU time stolen by other machines"},
		{"foreign processes", func(f *facts) { f.m.Host.ForeignNs = int64(4 * time.Second) }, record.EnvironmentLimited, "CPU time of foreign processes"},
		{"unknown foreign processes", func(f *facts) { f.m.Host.ForeignNs = -1 }, record.Valid, ""},
		{"collection in the generator", func(f *facts) { f.m.Generator.GCCycles = 1 }, record.EnvironmentLimited, "garbage collections of the generator"},
		{"collection in the server", func(f *facts) { f.m.Broker().Process.GCCycles = 1 }, record.EnvironmentLimited, "garbage collections of the server"},
		{"late switch", func(f *facts) {
			f.load.Switchback = plan.NewSwitchback(2, time.Second, 50*time.Millisecond, time.Minute, 1)
			f.latestSwitch = int64(51 * time.Millisecond)
		}, record.GeneratorLimited, "latest switch of a switchback after its slot's beginning"},
		{"clock step", func(f *facts) { f.clockSteps = 1 }, record.EnvironmentLimited, "wall clock steps"},
		{"lagging consumer at the log's end", func(f *facts) {
			f.load.MustLag, f.m.LaggingCaughtUp = true, 1
		}, record.EnvironmentLimited, "lagging consumers caught up"},
		{"target keeps up with 90 %", func(f *facts) { f.acked = 9000 }, record.Saturated, "acknowledged below offered requests"},
		{"request without answer", func(f *facts) { f.m.InFlightAtEnd = 1 }, record.Saturated, "requests never answered"},
		{"batch that was not consumed", func(f *facts) { f.unconsumed = 1 }, record.Saturated, "batches that reached no tail consumer"},
		{"receiver without time to spare", func(f *facts) {
			f.m.GeneratorThreads[1].CPUNs = int64(7500 * time.Millisecond)
		}, record.GeneratorLimited, "CPU time of the busiest receiver thread"},
		{"sender and receiver that fill their CPU", func(f *facts) {
			f.load.CPUs = 1
			f.m.GeneratorThreads[0].CPUNs, f.m.GeneratorThreads[1].CPUNs = int64(5*time.Second), int64(2900*time.Millisecond)
		}, record.GeneratorLimited, "CPU time of senders and receivers"},
		{"sender and receiver on a CPU each", func(f *facts) {
			f.load.CPUs = 2
			f.m.GeneratorThreads[0].CPUNs, f.m.GeneratorThreads[1].CPUNs = int64(7500*time.Millisecond), int64(7*time.Second)
		}, record.Valid, ""},
		{"sender that waits busily on a CPU of its own", func(f *facts) {
			f.load.CPUs, f.load.SendersBusyWait = 3, true
			f.m.GeneratorThreads[0].CPUNs, f.m.GeneratorThreads[1].CPUNs, f.m.GeneratorThreads[2].CPUNs = int64(8*time.Second), int64(7*time.Second), int64(8*time.Second)
		}, record.Valid, ""},
		{"sender that spins", func(f *facts) { f.m.GeneratorThreads[0].CPUNs = int64(8 * time.Second) }, record.Valid, ""},
		{"receiver that waits for a CPU", func(f *facts) {
			f.m.GeneratorThreads[1].RunQueueWaitNs = int64(5 * time.Second)
		}, record.GeneratorLimited, "receiver thread's wait for a CPU, mean"},
		{"receiver that waits for a CPU, against slow answers", func(f *facts) {
			f.m.GeneratorThreads[1].RunQueueWaitNs = int64(5 * time.Second)
			f.fill("ResponseTime", 100_000, 50*time.Millisecond)
			f.inFlight = (10_000*.002 + 100_000*.05) / 8
		}, record.GeneratorLimited, "receiver thread's wait for a CPU, mean"},
		{"consumer of a backlog that is busy", func(f *facts) {
			f.m.GeneratorThreads[2].CPUNs, f.m.GeneratorThreads[2].RunQueueWaitNs = int64(8*time.Second), int64(8*time.Second)
		}, record.Valid, ""},
		{"queue that grows", func(f *facts) {
			f.m.MeanTimeNs = parts(func(p int) float64 { return 1e7 * float64(1+p) })
		}, record.Saturated, "ResponseTime rises within the window"},
		{"slower by a little", func(f *facts) {
			f.m.MeanTimeNs = parts(func(p int) float64 { return 1e5 * float64(1+p) })
		}, record.Valid, "steady state: change of the mean time"},
		{"server that began its window late", func(f *facts) {
			f.m.Broker().Window = &record.ServerWindow{Ns: int64(7 * time.Second)}
		}, record.Valid, "server's window below the client's"},
		{"warm-up too short", func(f *facts) {
			f.m.MeanTimeNs = parts(func(p int) float64 { return 1e6 * float64(40-p*2) })
		}, record.Valid, "steady state: change of the mean time"},
		{"terms that lack a tenth", func(f *facts) {
			f.m.Join = &record.Join{TermsOverResponse: 0.9, MeanResponseNs: 2e6}
		}, record.Valid, "sum of mean terms against the mean response time"},
		{"terms that lack a tenth, in a sample that may", func(f *facts) {
			f.m.Join = &record.Join{TermsOverResponse: 0.9, MeanResponseNs: 2e6, WiresErrorNs: 4e4}
		}, record.Valid, ""},
		{"answer before it was sent", func(f *facts) {
			f.m.Join = &record.Join{OneSegment: true, BelowClockError: 1}
		}, record.Valid, "joined requests with a term below the clocks' error"},
		{"requests that were refused", func(f *facts) { f.errors = 1000 }, record.Failed, "requests answered with an error, but for want of room"},
		{"connections that a server of ours gave up", func(f *facts) {
			f.m.Outages = &record.Outages{Connections: 1}
		}, record.Failed, "connections that a c10klab server gave up"},
		{"starved connections", func(f *facts) { f.starved = 6 }, record.Valid, "starvation: connections with less than half of the mean number of answers"},
		{"requests in flight that the same histograms lack", func(f *facts) { f.inFlight = 30 }, record.GeneratorLimited, "count of requests in flight against rate × time of the same"},
		{"requests due that were neither answered nor given an age", func(f *facts) { f.m.OfferedRequests++ }, record.GeneratorLimited, "requests due that no percentile counts"},
		{"closed loop whose rate × time is its depth", func(f *facts) { f.closed(30) }, record.Valid, ""},
		{"closed loop that the sender opened late", func(f *facts) {
			f.closed(27)
			f.depth = 27
		}, record.GeneratorLimited, "closed loop: requests in flight below its depth"},
		{"closed loop of which a tenth waits unseen", func(f *facts) { f.closed(27) }, record.Saturated, "closed loop: rate × time against active connections"},
		{"closed loop whose few answers the window cut", func(f *facts) {
			f.closed(0)
			f.fill("ServiceTime", 30*4, 1800*time.Millisecond) // 10 % less than 8 s hold
			f.inFlight = 27
		}, record.Valid, ""},
		{"closed loop of long requests of which a half waits unseen", func(f *facts) {
			f.closed(0)
			f.fill("ServiceTime", 15, 8*time.Second)
			f.inFlight, f.outlasting[plan.OfProducers] = 15, 15
		}, record.Saturated, "closed loop: rate × time against active connections"},
		{"closed loop without any answer", func(f *facts) { f.closed(0) }, record.Saturated, "closed loop: rate × time against active connections"},
		{"consumer without an answer", func(f *facts) {
			f.load.Connections[plan.OfConsumers], f.outlasting[plan.OfConsumers] = 10, 1
		}, record.Saturated, "closed loop: consumers without an answer in the window"},
		{"consumer whose answer may be held back that long", func(f *facts) {
			f.load.Connections[plan.OfConsumers], f.outlasting[plan.OfConsumers], f.load.FetchMaxWait = 10, 1, 8*time.Second
		}, record.Valid, ""},
		{"counts that disagree", func(f *facts) { f.countGap = 7 }, record.GeneratorLimited, "answers counted by only one of server and generator"},
		{"the gravest outcome counts", func(f *facts) {
			f.acked, f.m.Generator.GCCycles = 1, 1
			f.fill("Lateness", 5000, time.Second)
		}, record.GeneratorLimited, "acknowledged below offered requests"},
	} {
		provoked[c.failed] = true
		f := soundFacts()
		c.damage(f)
		checks, _, outcome := judge(f)
		if outcome != c.outcome {
			t.Errorf("%s: outcome %s, want %s", c.name, outcome, c.outcome)
		}
		found := c.failed == ""
		for _, check := range checks {
			if !check.OK && c.failed == "" {
				t.Errorf("%s: %s fails with %g above %g", c.name, check.Name, check.Value, check.Limit)
			}
			found = found || check.Name == c.failed && !check.OK
		}
		if !found {
			t.Errorf("%s: %q passes", c.name, c.failed)
		}
	}
	for _, r := range rules(soundFacts()) {
		if !provoked[r.name] {
			t.Errorf("nothing here makes a run fail %q", r.name)
		}
	}
}

func TestFewSamplesAreJudgedByThePercentileTheySupport(t *testing.T) {
	f := soundFacts()
	f.m.Histograms, f.m.OfferedRequests = hdr.Bundle{}, 0
	f.inFlight = 0
	f.fill("Lateness", 400, 50*time.Microsecond)
	f.fill("Lateness", 1, 5*time.Millisecond) // says nothing of p99.9
	f.fill("ResponseTime", 401, 2*time.Millisecond)
	if _, _, outcome := judge(f); outcome != record.Valid {
		t.Errorf("outcome %s", outcome)
	}
}

func TestRulesStandInOrderOfGravity(t *testing.T) {
	gravity := []record.Outcome{record.Failed, record.GeneratorLimited, record.EnvironmentLimited, record.Saturated, record.Valid}
	at := 0
	for _, r := range rules(soundFacts()) {
		for at < len(gravity) && gravity[at] != r.then {
			at++
		}
		if at == len(gravity) {
			t.Fatalf("rule %q stands after a lighter one", r.name)
		}
	}
}
