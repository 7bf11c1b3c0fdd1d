package storage_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"c10klab/storage"
)

func placing(text string) storage.Config {
	cfg := defaults()
	cfg.LogDirsForNew = text
	return cfg
}

func TestNewPartitionsGoToTheNamedLogDirsOnly(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	s := open(t, placing("2, 0,2"), nil, dirs...)
	if err := s.CreateTopic("t", 5); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{3, 0, 2} {
		if got := len(files(t, dirs[i], "t-*")); got != want {
			t.Errorf("log dir %d has %d partitions, want %d", i, got, want)
		}
	}
}

func TestPartitionsStayWhereTheyAreWhenNewOnesGoElsewhere(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	s := open(t, placing("0"), nil, dirs...)
	if err := s.CreateTopic("old", 2); err != nil {
		t.Fatal(err)
	}
	fillLog(t, mustLog(t, s, "old", 1), 4)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, placing("1"), nil, dirs...)
	if err := again.CreateTopic("new", 2); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, mustLog(t, again, "old", 1), 0); len(got) != len(wantNumbers(4)) {
		t.Errorf("%d records of the old topic, want %d", len(got), len(wantNumbers(4)))
	}
	if old, created := files(t, dirs[0], "old-*"), files(t, dirs[1], "new-*"); len(old) != 2 || len(created) != 2 {
		t.Errorf("log dir 0 has %q, log dir 1 has %q", old, created)
	}
}

func TestPlacementThatNamesNoLogDirIsRefused(t *testing.T) {
	for text, part := range map[string]string{"2": "0 to 1", "-1": "-1", "0,x": `"x"`, "0,,1": `""`, "All": `"All"`} {
		dir := filepath.Join(t.TempDir(), "a")
		s, err := storage.Open([]string{dir, t.TempDir()}, placing(text), nil)
		if !errors.Is(err, storage.ErrInvalidPlacement) || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: %v, %v; want %s named", text, s, err, part)
		}
		if len(files(t, dir)) != 0 {
			t.Errorf("%q: the log dir was made", text)
		}
	}
}
