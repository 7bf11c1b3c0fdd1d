package main

import (
	"path/filepath"
	"strings"
	"testing"

	"c10klab/internal/child"
	"c10klab/internal/record"
)

func TestPrepareMakesABacklogOnce(t *testing.T) {
	data := t.TempDir()
	args := []string{"prepare", "--data", data, "--partitions", "2", "--bytes", "1MiB", "--json"}
	for _, written := range []bool{true, false} {
		stdout, stderr, exit := child.Run(t, args...)
		if exit != exitOK {
			t.Fatalf("prepare ended with %d: %s", exit, stderr)
		}
		var b record.Backlog
		decode(t, stdout, &b)
		if b.Topic != "backlog" || b.Partitions != 2 || b.Bytes != 1<<20 || b.Records == 0 || b.Written != written {
			t.Errorf("prepared %+v, want written %v", b, written)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(data, "backlog-*")); len(found) != 2 {
		t.Errorf("partitions %q", found)
	}
	_, stderr, exit := child.Run(t, append(args, "--bytes", "2MiB")...)
	if exit != exitUsage || !strings.Contains(stderr, "524288 bytes") || !strings.Contains(stderr, "1048576") {
		t.Errorf("other size: %d %q", exit, stderr)
	}
}

func TestPrepareNeedsLogDirs(t *testing.T) {
	for line, part := range map[string]string{
		"prepare": "--data",
		"prepare --data " + t.TempDir() + " --log-dirs-for-new 1": "0 to 0",
		"prepare --data x --bytes 1XB":                            "1XB",
	} {
		if _, stderr, exit := child.Run(t, strings.Fields(line)...); exit != exitUsage || !strings.Contains(stderr, part) {
			t.Errorf("%s: %d %q, want %q", line, exit, stderr, part)
		}
	}
}
