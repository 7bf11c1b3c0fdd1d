package main

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"c10klab/internal/child"
	"c10klab/internal/osthread"
	"c10klab/internal/record"
	"c10klab/models"
)

// joinedRun serves an echo and joins what both sides stamped of every request.
func joinedRun(t *testing.T, perSecond int, settings ...string) *record.Join {
	t.Helper()
	return joinedRunOf(t, 2, perSecond, settings...)
}

// joinedRunOf does so over a number of connections.
func joinedRunOf(t *testing.T, connections, perSecond int, settings ...string) *record.Join {
	t.Helper()
	s := child.Serve(t, append([]string{"--service", "echo", "--kernel-stamps", "on"}, settings...)...)
	stdout, stderr, exit := child.Run(t, "load", "--json", "--target", s.Listen, "--admin", s.Admin, "--protocol", "echo",
		"--rate-requests", strconv.Itoa(perSecond), "--schedule", "constant", "--producers", strconv.Itoa(connections), "--client-stamps", "on", "--warm-up", "0s", "--window", "1s")
	if exit != exitOK && exit != exitLimited { // a busy machine limits
		t.Fatalf("load ended with %d: %s", exit, stderr)
	}
	var m record.Measurement
	decode(t, stdout, &m)
	if m.Join == nil || m.Join.Joined < perSecond/2 || m.Join.Joined > m.Join.Client || m.Join.Lost > 0 {
		t.Fatalf("of %d requests these were joined: %+v", perSecond, m.Join)
	}
	return m.Join
}

// Two processes stamp the same requests without knowing of each other. Their stamps
// must be in the order in which things happen, and leave no time out.
func TestStampsOfBothSidesAddUp(t *testing.T) {
	for _, model := range models.Names() {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			j := joinedRun(t, 100, "--model", model)
			if !j.OneSegment || !j.ServerKernelStamps || !j.ClientKernelStamps || j.ClockErrorNs <= 0 {
				t.Errorf("the join rests on other stamps than were asked for: %+v", j)
			}
			if j.BelowClockError > 0 {
				t.Errorf("%d of %d requests have a term that is negative by more than %d ns: %+v", j.BelowClockError, j.Joined, j.ClockErrorNs, j)
			}
			var sum float64
			for _, term := range j.Terms {
				sum += term.MeanNs
			}
			const rounding = 1e-6
			if math.Abs(sum/j.MeanResponseNs-1) > rounding {
				t.Errorf("mean terms add up to %.0f ns, the mean response time is %.0f ns", sum, j.MeanResponseNs)
			}
			for _, one := range j.Slowest {
				var sum int64
				for _, ns := range one.TermsNs {
					sum += ns
				}
				if sum != one.ResponseNs {
					t.Errorf("request %d: terms add up to %d ns, its response time is %d ns", one.ID, sum, one.ResponseNs)
				}
			}
		})
	}
}

// A delay planted in one stage is in that term of the client's response time and in no
// other. The least of all requests is looked at: a busy machine makes requests slower,
// never all of them. ResponseWire may be below zero, where a server is held up between
// its send and the stamp of it.
func TestPlantedDelayShowsInItsTermOfTheResponseTime(t *testing.T) {
	const planted = 50 * time.Millisecond
	for _, name := range []string{"SocketQueue", "Receive", "Dispatch", "RequestQueue", "LocalTime", "RemoteTime", "ResponseQueue", "SendWait", "Send"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := joinedRun(t, 20, "--plant", name+"="+planted.String())
			for _, term := range j.Terms {
				share := float64(term.MinNs) / float64(planted)
				switch {
				case term.Name == name && share < 0.95:
					t.Errorf("%s shows %.3f of its own delay", name, share)
				case term.Name != name && share > 0.05:
					t.Errorf("%s shows %.3f of the delay in %s", term.Name, share, name)
				}
			}
		})
	}
}

// The models whose own waits show nowhere else: one has more threads than a snapshot
// lists, the other none but the runtime's.
func TestRunQueueWaitIsKnownWhereTheModelHidesItsWaits(t *testing.T) {
	const manyThreads = 300
	for model, c := range map[string]struct {
		group   string
		threads int
	}{
		"thread-per-connection":    {"conn", manyThreads},
		"goroutine-per-connection": {osthread.RuntimeGroup, 2},
	} {
		t.Run(model, func(t *testing.T) {
			j := joinedRunOf(t, manyThreads, 200, "--model", model)
			at := slices.IndexFunc(j.RunQueue, func(r record.RunQueueWait) bool { return r.Group == c.group })
			if at < 0 {
				t.Fatalf("no run-queue wait of group %s: %+v", c.group, j.RunQueue)
			}
			if r := j.RunQueue[at]; r.Threads < c.threads || r.TotalWait <= 0 || r.MeanNs <= 0 {
				t.Errorf("%+v, want the waits of %d threads or more", r, c.threads)
			}
		})
	}
}

func TestLoadPrintsTheJoinedTable(t *testing.T) {
	s := child.Serve(t, "--service", "echo", "--model", "thread-per-connection")
	stdout, stderr, exit := child.Run(t, "load", "--target", s.Listen, "--admin", s.Admin, "--protocol", "echo",
		"--rate-requests", "200", "--producers", "2", "--warm-up", "0s", "--window", "500ms")
	if exit != exitOK && exit != exitLimited {
		t.Fatalf("load ended with %d: %s", exit, stderr)
	}
	for _, want := range []string{"joined by correlation id", "RequestWire", "ResponseWire", "= response time", "SocketQueue is within RequestWire", "model thread-per-connection hides", "threads conn waited for a CPU"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the summary lacks %q:\n%s", want, stdout)
		}
	}
}

func TestServersWithoutStagesAreLoadedWithoutAJoin(t *testing.T) {
	s := child.Serve(t, "--service", "echo", "--stages", "false")
	stdout, stderr, exit := child.Run(t, "load", "--json", "--target", s.Listen, "--admin", s.Admin, "--protocol", "echo",
		"--rate-requests", "200", "--producers", "2", "--warm-up", "0s", "--window", "200ms")
	if exit != exitOK && exit != exitLimited {
		t.Fatalf("load ended with %d: %s", exit, stderr)
	}
	var m record.Measurement
	decode(t, stdout, &m)
	if m.Join != nil || len(m.Histograms) == 0 {
		t.Errorf("join %+v, %d histograms", m.Join, len(m.Histograms))
	}
}

// A server beside the target is measured and printed by its name; the join is the target's.
func TestServersBesideTheTargetAreMeasured(t *testing.T) {
	broker, follower := child.Serve(t, "--service", "echo"), child.Serve(t, "--service", "echo", "--model", "reactor")
	args := []string{"load", "--target", broker.Listen, "--admin", broker.Admin, "--admin", "follower-1=" + follower.Admin, "--protocol", "echo",
		"--rate-requests", "200", "--producers", "2", "--warm-up", "0s", "--window", "300ms"}
	stdout, stderr, exit := child.Run(t, append(args, "--json")...)
	if exit != exitOK && exit != exitLimited {
		t.Fatalf("load ended with %d: %s", exit, stderr)
	}
	var m record.Measurement
	decode(t, stdout, &m)
	if got := m.Server("follower-1"); got.After == nil || got.After.Knobs["model"] != "reactor" || got.Process.PID == m.Broker().Process.PID || got.Window.Requests != 0 {
		t.Errorf("the follower is %+v", got)
	}
	if m.Broker().Window.Requests == 0 || m.Join == nil || m.Join.Joined == 0 {
		t.Errorf("the broker answered %d requests, join %+v", m.Broker().Window.Requests, m.Join)
	}
	if stdout, _, _ = child.Run(t, args...); !strings.Contains(stdout, "LocalTime") {
		t.Errorf("no stage in the summary:\n%s", stdout)
	}
}
