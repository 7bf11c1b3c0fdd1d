package main

import (
	"slices"
	"testing"

	"c10klab/internal/child"
	"c10klab/models"
)

// The kernel says that under on-full=split one thread of each loop receives and
// another sends, whatever the strategy for file bytes.
func TestSplitLoopsReceiveAndSendOnDifferentThreads(t *testing.T) {
	strace := tracer(t)
	child.OnEveryPair(t, func(t *testing.T, model, send string) {
		config := child.PairConfig(t, model, send)
		config.OnFull = models.OnFullSplit
		if models.Check(config) != nil || send != "inline" && model != serverKnobs.Defaults().Text("model") {
			t.Skip("no request queue, or the same loops")
		}
		calls := traceFetches(t, strace, model, send, "--on-full", "split")
		wantCalls(t, calls, enoughCalls, received, "net")
		wantCalls(t, calls, enoughCalls/2, fromMemory, "write") // where others send what holds file bytes
		for _, call := range []models.FileCall{fromMemory, models.SendfileToSocket, models.SendfileToNull, models.SendMapped, models.ReadFile, models.AskPageCache} {
			if n := calls[call]["net"]; n > 0 {
				t.Errorf("%d times %s by reading threads", n, call)
			}
		}
		for call, group := range fileCalls(t, model, send) {
			if group == "net" {
				wantCalls(t, calls, enoughCalls, call, "write")
			}
		}
	})
}

// Isolated requests are handled by threads of their own, and answered like others.
func TestIsolatedFetchesAreHandledByTheirOwnThreads(t *testing.T) {
	s := child.Serve(t, "--data", t.TempDir(), "--isolate", "fetch", "--isolated-handlers", "3")
	var isolated []string
	for _, e := range child.Snapshot(t, s.Admin).Census.Threads {
		isolated = append(isolated, e.Name)
	}
	for _, name := range []string{"fetch-io-0", "fetch-io-1", "fetch-io-2", "io-0"} {
		if !slices.Contains(isolated, name) {
			t.Errorf("no thread is named %s: %v", name, isolated)
		}
	}
	s.Stop(t)
}

func TestUnknownClassIsAUsageError(t *testing.T) {
	wantRefused(t, exitUsage, []string{`"fetsh"`, "did you mean Fetch?"}, "serve", "--data", t.TempDir(), "--isolate", "fetsh")
}

func wantCalls(t *testing.T, calls map[models.FileCall]map[string]int, least int, call models.FileCall, group string) {
	t.Helper()
	if n := calls[call][group]; n < least {
		t.Errorf("%d times %s by threads %s-*, want at least %d; all calls: %v", n, call, group, least, calls)
	}
}
