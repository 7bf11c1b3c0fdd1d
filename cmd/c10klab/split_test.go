package main

import (
	"slices"
	"testing"

	"c10klab/models"
)

// The kernel says that under on-full=split one thread of each loop receives and
// another sends, whatever the strategy for file bytes.
func TestSplitLoopsReceiveAndSendOnDifferentThreads(t *testing.T) {
	strace := tracer(t)
	for _, model := range []string{"reactor-pool", "loop-per-thread-pool"} {
		for _, send := range models.SendNames() {
			if refusal(t, model, send) != nil {
				continue
			}
			t.Run(model+"/"+send, func(t *testing.T) {
				calls := traceFetches(t, strace, model, send, "--on-full", "split")
				wantCalls(t, calls, enoughCalls, "recvmsg", "net")
				wantCalls(t, calls, enoughCalls/2, "sendto", "write") // where others send what holds file bytes
				for _, call := range []string{"sendto", "sendfile", "pread64"} {
					if n := calls[call]["net"]; n > 0 {
						t.Errorf("%d calls of %s by reading threads", n, call)
					}
				}
				if call, group := fileSenders(model, send); group == "net" {
					wantCalls(t, calls, enoughCalls, call, "write")
				}
			})
		}
	}
}

// Isolated requests are handled by threads of their own, and answered like others.
func TestIsolatedFetchesAreHandledByTheirOwnThreads(t *testing.T) {
	s := startServer(t, "--data", t.TempDir(), "--isolate", "fetch", "--isolated-handlers", "3")
	var isolated []string
	for _, e := range snapshot(t, s.Admin).Census.Threads {
		isolated = append(isolated, e.Name)
	}
	for _, name := range []string{"fetch-io-0", "fetch-io-1", "fetch-io-2", "io-0"} {
		if !slices.Contains(isolated, name) {
			t.Errorf("no thread is named %s: %v", name, isolated)
		}
	}
	s.stop(t)
}

func TestUnknownClassIsAUsageError(t *testing.T) {
	wantRefused(t, exitUsage, []string{`"fetsh"`, "did you mean Fetch?"}, "serve", "--data", t.TempDir(), "--isolate", "fetsh")
}

func wantCalls(t *testing.T, calls map[string]map[string]int, least int, call, group string) {
	t.Helper()
	if n := calls[call][group]; n < least {
		t.Errorf("%d calls of %s by %s-* threads, want at least %d; all calls: %v", n, call, group, least, calls)
	}
}
