package main

import (
	"slices"
	"strings"
	"testing"

	"c10klab/internal/child"
	"c10klab/internal/osthread"
	"c10klab/internal/record"
)

func TestDoctorTellsTheLimitsOnThreads(t *testing.T) {
	stdout, _, _ := child.Run(t, "doctor", "--json")
	var found []capability
	decode(t, stdout, &found)
	for _, name := range []string{"threads of the machine", "threads of the user", "threads of the control group"} {
		if !slices.ContainsFunc(found, func(c capability) bool { return c.Name == name }) {
			t.Errorf("nothing about %s: %s", name, stdout)
		}
	}
}

func TestDoctorNamesMemoryThatTheHostTakesBack(t *testing.T) {
	if c := keptMemory(record.PageReporting{State: "off"}); !c.There {
		t.Errorf("missing without page reporting: %+v", c)
	}
	c := keptMemory(record.PageReporting{State: "on", Order: 9, MinFreeMs: -1, ReportedKiB: 3 << 20})
	if c.There || !strings.Contains(c.Found, "2048 KiB") || !strings.Contains(c.Found, "3.0 GiB") || !strings.Contains(c.Get, "--set backed-memory=") {
		t.Errorf("%+v", c)
	}
}

func TestLowLimitOnThreadsIsMissingWithItsCure(t *testing.T) {
	user := osthread.Limit{Name: osthread.UserLimit, Value: 4096, Used: 96, Each: 1, Raise: "ulimit -u %d"}
	group := osthread.Limit{Name: osthread.GroupLimit + " of /sys/fs/cgroup/a", Value: 20_000, Used: 100, Each: 1, Raise: "echo %d > /sys/fs/cgroup/a/pids.max"}
	c := threadRoom("threads", []osthread.Limit{group, user})
	if c.There || c.Get != "ulimit -u 10196" || !strings.Contains(c.Lost, "thread-per-connection") {
		t.Errorf("%+v", c)
	}
	for _, part := range []string{"RLIMIT_NPROC 4096", "pids.max of /sys/fs/cgroup/a 20000", "room for 4000 more"} {
		if !strings.Contains(c.Found, part) {
			t.Errorf("%q does not say %q", c.Found, part)
		}
	}
	user.Waived = true
	if c := threadRoom("threads", []osthread.Limit{group, user}); !c.There || !strings.Contains(c.Found, "does not bind root") {
		t.Errorf("a limit that root may pass: %+v", c)
	}
	if c := threadRoom("threads", nil); !c.There || c.Found == "" {
		t.Errorf("no limit: %+v", c)
	}
}
