package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"c10klab/internal/child"
	"c10klab/internal/need"
	"c10klab/models"
)

// enoughCalls is how many calls a proof by strace must rest on.
const enoughCalls = 100

// The kernel says which threads send file bytes, and that no others do.
func TestFileBytesAreSentByTheThreadsThatTheStrategyNames(t *testing.T) {
	strace := tracer(t)
	child.OnEveryPair(t, func(t *testing.T, model, send string) {
		if threads, err := models.Threads(child.PairConfig(t, model, send), 1); err != nil || len(threads) == 0 {
			t.Skip("goroutines have no threads of their own")
		}
		want := fileCalls(t, model, send)
		calls := traceFetches(t, strace, model, send)
		for _, call := range []models.FileCall{models.SendfileToSocket, models.SendfileToNull, models.SendMapped} {
			for group := range calls[call] {
				if group != want[call] {
					t.Errorf("%s by threads %s-*, which must not; all calls: %v", call, group, calls)
				}
			}
		}
		for call, group := range want {
			wantCalls(t, calls, enoughCalls, call, group)
		}
	})
}

// Kinds of calls that the proof tells apart beside those that strategies name.
const (
	fromMemory models.FileCall = "send from memory"
	received   models.FileCall = "receive"
)

// fileCalls is what the registry says of a pair: the calls that must be made for file
// bytes, and the group of the threads that may make each.
func fileCalls(t *testing.T, model, send string) map[models.FileCall]string {
	t.Helper()
	m := slices.IndexFunc(models.Models(), func(m models.Model) bool { return m.Name == model })
	s := slices.IndexFunc(models.Sends(), func(s models.Send) bool { return s.Name == send })
	calls := maps.Clone(models.Sends()[s].Calls)
	if len(calls) == 0 {
		t.Fatalf("send strategy %s names no system call for file bytes", send)
	}
	for call, by := range calls {
		if by == models.WritingThread {
			calls[call] = strings.TrimRight(models.Models()[m].Writes, "-N0")
		}
	}
	return calls
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
func traceFetches(t *testing.T, strace, model, send string, more ...string) map[models.FileCall]map[string]int {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	arguments := []string{"-f", "-Y", "--seccomp-bpf", "-y", "-e", "trace=sendfile,pread64,preadv2,mmap,sendto,recvmsg,clone,clone3",
		"-e", "raw=sendto", "-o", trace, os.Args[0]}
	// The default probe asks cachestat of what was just produced, which strace may not know.
	arguments = append(arguments, child.ServeArgs("--data", t.TempDir(), "--model", model, "--send", send, "--residency-probe", "nowait")...)
	s := child.AwaitReady(t, child.Start(t, strace, append(arguments, more...)...))

	const batches, consumers = 60, 3 // more in all than enoughCalls
	producer := child.Client(t, s.Listen)
	for range batches {
		r := &kgo.Record{Topic: "traced", Value: make([]byte, 1000)}
		if err := producer.ProduceSync(context.Background(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for range consumers {
		consumer := child.Client(t, s.Listen, child.FromBeginning("traced"), kgo.FetchMaxBytes(1), kgo.FetchMaxPartitionBytes(1))
		child.Consume(t, consumer, func(r *kgo.Record) bool { return r.Offset == batches-1 })
	}
	s.Stop(t)
	return callsByGroup(t, trace)
}

// tracedCall matches the beginning of a call, not the end of one that strace
// shows in two parts. mapping and mappingEnds match both, with the thread; the
// address is where the call ends.
var (
	tracedCall = regexp.MustCompile(`^\d+<([^>]*?)(?:-\d+)?> (\w+)\((.*)`)
	secondHex  = regexp.MustCompile(`^0x[0-9a-f]+, (0x[0-9a-f]+)`)

	mapping     = regexp.MustCompile(`^(\d+)<.* mmap\(.*MAP_SHARED.*?(?: = (0x[0-9a-f]+)| <unfinished \.\.\.>)$`)
	mappingEnds = regexp.MustCompile(`^(\d+)<.*mmap resumed>.* = (0x[0-9a-f]+)$`)
)

// sharedMappings are the addresses of the shared mappings in a trace so far.
type sharedMappings struct {
	addresses map[uint64]bool
	begun     map[string]bool // by the threads whose call has not ended
}

func (s *sharedMappings) see(line string) {
	if m := mapping.FindStringSubmatch(line); m != nil {
		s.begun[m[1]] = m[2] == ""
		if m[2] != "" {
			s.addresses[hex(m[2])] = true
		}
		return
	}
	if m := mappingEnds.FindStringSubmatch(line); m != nil && s.begun[m[1]] {
		s.addresses[hex(m[2])] = true
		s.begun[m[1]] = false
	}
}

// callsByGroup counts the kinds of calls in a trace by group of threads; clones
// under models.AnyThread.
func callsByGroup(t *testing.T, trace string) map[models.FileCall]map[string]int {
	t.Helper()
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	calls, mappings := map[models.FileCall]map[string]int{}, &sharedMappings{map[uint64]bool{}, map[string]bool{}}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		mappings.see(line)
		call := tracedCall.FindStringSubmatch(line)
		if call == nil {
			continue
		}
		group, kind := call[1], kindOfCall(call[2], call[3], mappings.addresses)
		if kind == models.StartThread { // which any thread may do for another
			group = models.AnyThread
		}
		if calls[kind] == nil {
			calls[kind] = map[string]int{}
		}
		calls[kind][group]++
	}
	delete(calls, "")
	return calls
}

func kindOfCall(call, arguments string, mappings map[uint64]bool) models.FileCall {
	switch {
	case call == "clone", call == "clone3":
		return models.StartThread
	case call == "sendfile" && strings.Contains(arguments, "</dev/null>, "):
		return models.SendfileToNull
	case call == "sendfile":
		return models.SendfileToSocket
	case call == "pread64" && strings.Contains(arguments, ".log>"):
		return models.ReadFile
	case call == "preadv2" && strings.Contains(arguments, ".log>"):
		return models.AskPageCache
	case call == "sendto":
		if m := secondHex.FindStringSubmatch(arguments); m != nil && mappings[hex(m[1])&^uint64(os.Getpagesize()-1)] {
			return models.SendMapped
		}
		return fromMemory
	case call == "recvmsg":
		return received
	}
	return ""
}

func hex(text string) uint64 {
	n, _ := strconv.ParseUint(text, 0, 64)
	return n
}
