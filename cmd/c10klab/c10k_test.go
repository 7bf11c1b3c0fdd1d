package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"

	"c10klab/internal/child"
	"c10klab/internal/need"
	"c10klab/internal/osthread"
	"c10klab/internal/record"
	"c10klab/models"

	"golang.org/x/sys/unix"
)

const (
	manyConnections = 2000
	c10k            = 10_000
)

// TestThousandsOfConnections loads every model over thousands of connections at once:
// each gets answers, the server's threads are those the model says, and it ends in an
// orderly way. With C10KLAB_LONG=1 they are ten thousand.
func TestThousandsOfConnections(t *testing.T) {
	connections := howMany(t)
	for _, model := range models.Names() {
		for _, idleShare := range []string{"0", "0.9"} {
			if idleShare != "0" && model != "loop-per-thread-pool" {
				continue
			}
			t.Run(model+" idle "+idleShare, func(t *testing.T) { loadManyConnections(t, model, connections, idleShare) })
		}
	}
}

// TestServerWithThousandsOfConnectionsEndsInAnOrderlyWay stops a server while every
// connection is open and many have a request under way: all are answered, so the exit
// status is 0.
func TestServerWithThousandsOfConnectionsEndsInAnOrderlyWay(t *testing.T) {
	connections := howMany(t)
	for _, model := range []string{"thread-per-connection", "goroutine-per-connection"} {
		t.Run(model, func(t *testing.T) {
			s := child.Serve(t, "--service", "echo", "--model", model, "--max-connections", strconv.Itoa(connections))
			load := child.Start(t, "", "load", "--target", s.Listen, "--protocol", "echo", "--mode", "closed", "--source-addresses", "4",
				"--connections", strconv.Itoa(connections), "--idle-share", "0.9", "--warm-up", "0s", "--window", "10m")
			child.Eventually(t, "every connection has had an answer", func() bool {
				return load.Over() || child.Snapshot(t, s.Admin).Counters.AllResponses() > int64(connections)
			})
			s.Stop(t)
			if exit := load.Wait(t); exit != exitFailed {
				t.Errorf("the load generator ended with %d when its target went away", exit)
			}
		})
	}
}

// howMany is a number of connections that the system has room for.
func howMany(t *testing.T) int {
	t.Helper()
	connections := manyConnections
	if os.Getenv("C10KLAB_LONG") != "" {
		connections = c10k
	}
	needRoom(t, connections)
	return connections
}

// needRoom ends the test where the system's limits are too low.
func needRoom(t *testing.T, connections int) {
	t.Helper()
	const others = 512
	var descriptors unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &descriptors); err != nil {
		t.Fatal(err)
	}
	if descriptors.Cur < uint64(connections+others) {
		need.Lacking(t, fmt.Sprintf("%d file descriptors (ulimit -n)", connections+others))
	}
	if err := osthread.CheckRoom(connections + others); err != nil {
		need.Lacking(t, err.Error())
	}
}

func loadManyConnections(t *testing.T, model string, connections int, idleShare string) {
	s := child.Serve(t, "--service", "echo", "--model", model, "--max-connections", strconv.Itoa(connections))
	out, _, exit := child.Run(t, "load", "--json", "--target", s.Listen, "--admin", s.Admin, "--protocol", "echo", "--mode", "closed",
		"--connections", strconv.Itoa(connections), "--idle-share", idleShare, "--idle-interval", "1s", "--source-addresses", "4",
		"--warm-up", "0s", "--window", "300ms", "--drain", "30s")
	if exit != exitOK && exit != exitLimited {
		t.Fatalf("load exits with %d", exit)
	}
	var m record.Measurement
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		t.Fatal(err)
	}
	if m.Answered == 0 || m.InFlightAtEnd != 0 {
		t.Errorf("%d answered, %d never", m.Answered, m.InFlightAtEnd)
	}
	if c := m.Connections; c == nil || c.Open != connections || c.Idle > 0 != (idleShare != "0") || c.ServerBytes <= 0 || c.GeneratorBytes <= 0 {
		t.Errorf("connections %+v, want %d and their memory", c, connections)
	}
	config, err := models.ConfigFrom(serverKnobs.Defaults(), false)
	if err != nil {
		t.Fatal(err)
	}
	config.Model = model
	want, err := models.Threads(config, connections)
	if err != nil {
		t.Fatal(err)
	}
	for group, n := range want {
		if got := m.Broker().After.ThreadUse[group].Threads; got != n {
			t.Errorf("%d threads %s, want %d", got, group, n)
		}
	}
	if states, known := m.Broker().ThreadStates(); !known || states.Running+states.Waiting+states.Asleep < 1 {
		t.Errorf("threads by state: %+v, %v", states, known)
	}
}
