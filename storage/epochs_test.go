package storage_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"c10klab/internal/vfs"
)

// TestLeaderEpochsAreWrittenDown follows leader-epoch-checkpoint through new epochs, a
// truncation, a loss of the file and a damaged one.
func TestLeaderEpochsAreWrittenDown(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "t-0", "leader-epoch-checkpoint")
	s, l := openWith(t, small(), nil, dir)
	want := func(when, content string) {
		t.Helper()
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("%s: %q, want %q, %v", when, got, content, err)
		}
	}
	for _, epoch := range []int32{0, 0, 2, 2, 5} {
		if _, err := l.Append(numbered(t, 3, 1), epoch); err != nil {
			t.Fatal(err)
		}
	}
	want("three epochs", "0\n3\n0 0\n2 6\n5 12\n")
	if err := l.TruncateTo(9); err != nil {
		t.Fatal(err)
	}
	want("after a truncation", "0\n2\n0 0\n2 6\n")
	for _, damage := range []func() error{
		func() error { return os.Remove(path) },
		func() error { return os.WriteFile(path, []byte("0\n7\n"), 0o600) },
	} {
		s.Abandon()
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		s, _ = openWith(t, small(), nil, dir)
		want("made again", "0\n1\n0 0\n") // what the segment's first batch says
	}
}

// TestALogThatLostWhatItsStartLeft: the start was moved behind records that a loss of
// power took; the log is empty and goes on there.
func TestALogThatLostWhatItsStartLeft(t *testing.T) {
	mem := vfs.NewMem()
	cfg := small()
	cfg.FS = mem
	s, l := openWith(t, cfg, nil, "/d")
	fillLog(t, l, 5)
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	fillLog(t, l, 5)
	end := l.EndOffset()
	if err := l.DeleteRecords(end); err != nil {
		t.Fatal(err)
	}
	cfg.FS = mem.Crash(rand.New(rand.NewPCG(1, 1)), 0)
	s.Abandon()
	_, l = openWith(t, cfg, nil, "/d")
	if l.StartOffset() != end || l.EndOffset() != end {
		t.Fatalf("the log has [%d, %d), want nothing at %d", l.StartOffset(), l.EndOffset(), end)
	}
	if info := mustAppend(t, l, numbered(t, 1, 7)); info.BaseOffset != end {
		t.Errorf("the log goes on at %d", info.BaseOffset)
	}
	if got := readAll(t, l, end); !slices.Equal(got, []int64{7}) {
		t.Errorf("read %v", got)
	}
}
