package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"c10klab/internal/need"
)

// enoughCalls is how many calls a proof by strace must rest on.
const enoughCalls = 100

// The kernel says which threads send file bytes: those that own connections
// under inline and copy, the send threads under pool.
func TestFileBytesAreSentByTheThreadsThatTheStrategyNames(t *testing.T) {
	strace := tracer(t)
	onEveryPair(t, func(t *testing.T, model, send string) {
		if model == "goroutine-per-connection" {
			t.Skip("goroutines have no threads of their own")
		}
		call, group := fileSenders(model, send)
		calls := traceFetches(t, strace, model, send)
		if n := calls[call][group]; n < enoughCalls {
			t.Errorf("%d calls of %s by %s-* threads, want at least %d; all calls: %v", n, call, group, enoughCalls, calls)
		}
		others := maps.Clone(calls["sendfile"])
		if call == "sendfile" {
			delete(others, group)
		}
		if len(others) > 0 {
			t.Errorf("sendfile was called by threads that must not: %v", others)
		}
	})
}

// fileSenders is the system call that file bytes go through, and the group of
// the threads that may make it.
func fileSenders(model, send string) (call, group string) {
	owner := "net"
	if model == "thread-per-connection" {
		owner = "conn"
	}
	switch send {
	case "pool":
		return "sendfile", "send"
	case "copy":
		return "pread64", owner
	}
	return "sendfile", owner
}

// tracer returns the path of an strace that may trace and knows thread names.
func tracer(t *testing.T) string {
	t.Helper()
	strace := need.Program(t, "strace", "strace")
	if out, err := exec.Command(strace, "-f", "-Y", "--seccomp-bpf", "-e", "trace=sendfile", "true").CombinedOutput(); err != nil {
		need.Lacking(t, fmt.Sprintf("an strace with -Y and --seccomp-bpf that is allowed to trace (%v: %s)", err, out))
	}
	return strace
}

// traceFetches has several clients fetch single batches from a traced server and
// counts its calls by system call and thread group.
func traceFetches(t *testing.T, strace, model, send string, more ...string) map[string]map[string]int {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	arguments := []string{"-f", "-Y", "--seccomp-bpf", "-e", "trace=sendfile,pread64,sendto,recvfrom,recvmsg", "-o", trace, os.Args[0]}
	arguments = append(arguments, serveArgs("--data", t.TempDir(), "--model", model, "--send", send)...)
	s := awaitReady(t, startProcess(t, strace, append(arguments, more...)...))

	const batches, consumers = 60, 3 // more in all than enoughCalls
	producer := newClient(t, s.Listen)
	for range batches {
		r := &kgo.Record{Topic: "traced", Value: make([]byte, 1000)}
		if err := producer.ProduceSync(context.Background(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for range consumers {
		consumer := newClient(t, s.Listen, fromBeginning("traced"), kgo.FetchMaxBytes(1), kgo.FetchMaxPartitionBytes(1))
		consume(t, consumer, func(r *kgo.Record) bool { return r.Offset == batches-1 })
	}
	s.stop(t)
	return callsByGroup(t, trace)
}

// tracedCall matches the beginning of a call, not the end of one that strace
// shows in two parts.
var tracedCall = regexp.MustCompile(`(?m)^\d+<([^>]*?)(?:-\d+)?> (\w+)\(`)

func callsByGroup(t *testing.T, trace string) map[string]map[string]int {
	t.Helper()
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]map[string]int{}
	for _, match := range tracedCall.FindAllSubmatch(text, -1) {
		group, call := string(match[1]), string(match[2])
		if calls[call] == nil {
			calls[call] = map[string]int{}
		}
		calls[call][group]++
	}
	return calls
}
