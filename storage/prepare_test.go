package storage_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"c10klab/storage"
)

var smallBacklog = storage.Backlog{Topic: "backlog", Partitions: 3, Bytes: 9 << 20, BatchBytes: 64 << 10, RecordBytes: 1 << 10}

func mustPrepare(t *testing.T, s *storage.Store, b storage.Backlog) storage.Prepared {
	t.Helper()
	done, err := s.Prepare(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestPreparedBacklogIsEvenAndReal(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	cfg := defaults()
	cfg.SegmentBytes = 2 << 20
	s := open(t, cfg, nil, dirs...)
	done := mustPrepare(t, s, smallBacklog)
	if !done.Written || done.Bytes != smallBacklog.Bytes {
		t.Errorf("prepared %+v", done)
	}
	records := int64(0)
	for p := range int32(3) {
		log := mustLog(t, s, "backlog", p)
		records += log.EndOffset()
		if log.EndOffset() != done.Records/3 {
			t.Errorf("partition %d has %d of %d records", p, log.EndOffset(), done.Records)
		}
		readAll(t, log, log.EndOffset()-10)
	}
	if records != done.Records {
		t.Errorf("%d records, want %d", records, done.Records)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	logs := append(files(t, dirs[0], "*", "*.log"), files(t, dirs[1], "*", "*.log")...)
	size := int64(0)
	for _, path := range logs {
		size += sizeWithoutHoles(t, path)
	}
	if size != done.Bytes || len(logs) < 6 {
		t.Errorf("%d files hold %d bytes, want %d in segments of 2 MiB", len(logs), size, done.Bytes)
	}
}

// sizeWithoutHoles fails the test if any of the file's bytes was never written.
func sizeWithoutHoles(t *testing.T, path string) int64 {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	hole, err := file.Seek(0, unix.SEEK_HOLE)
	if err != nil || hole != info.Size() {
		t.Errorf("%s of %d bytes has a hole at %d, %v", filepath.Base(path), info.Size(), hole, err)
	}
	return info.Size()
}

func TestBacklogIsRoundedUpToWholeBatches(t *testing.T) {
	s := open(t, defaults(), nil, t.TempDir())
	b := smallBacklog
	b.Bytes = 3*int64(b.BatchBytes) + 1
	if done := mustPrepare(t, s, b); done.Bytes != 6*int64(b.BatchBytes) {
		t.Errorf("%d bytes, want two batches in each of 3 partitions", done.Bytes)
	}
}

func TestBacklogThatIsThereIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	s := open(t, defaults(), nil, dir)
	first := mustPrepare(t, s, smallBacklog)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, defaults(), nil, dir)
	second := mustPrepare(t, again, smallBacklog)
	if second.Written || second.Bytes != first.Bytes || second.Records != first.Records {
		t.Errorf("first %+v, then %+v", first, second)
	}
	if end := mustLog(t, again, "backlog", 0).EndOffset(); end != first.Records/3 {
		t.Errorf("partition 0 has %d records, want %d", end, first.Records/3)
	}
}

func TestOtherBacklogOfTheSameNameIsRefused(t *testing.T) {
	s := open(t, defaults(), nil, t.TempDir())
	mustPrepare(t, s, smallBacklog)
	for name, c := range map[string]struct {
		change func(b *storage.Backlog)
		part   string
	}{
		"larger":           {func(b *storage.Backlog) { b.Bytes *= 2 }, "3145728 bytes"},
		"more partitions":  {func(b *storage.Backlog) { b.Partitions = 4 }, "3 partitions"},
		"smaller records":  {func(b *storage.Backlog) { b.RecordBytes = 100 }, "records"},
		"no bytes":         {func(b *storage.Backlog) { b.Bytes = 0 }, "0 bytes"},
		"impossible batch": {func(b *storage.Backlog) { b.BatchBytes = 50 }, "50 bytes"},
	} {
		b := smallBacklog
		c.change(&b)
		_, err := s.Prepare(t.Context(), b)
		if err == nil || !strings.Contains(err.Error(), c.part) || !strings.Contains(err.Error(), "backlog") {
			t.Errorf("%s: %v, want %q and the topic named", name, err, c.part)
		}
	}
	// A preparation that was cut short is not complete.
	if err := s.CreateTopic("torn", 3); err != nil {
		t.Fatal(err)
	}
	torn := smallBacklog
	torn.Topic = "torn"
	if _, err := s.Prepare(t.Context(), torn); !errors.Is(err, storage.ErrBacklogDiffers) {
		t.Errorf("half a backlog: %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	torn.Topic = "interrupted"
	if _, err := s.Prepare(ended, torn); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if _, err := s.Prepare(t.Context(), torn); !errors.Is(err, storage.ErrBacklogDiffers) {
		t.Errorf("after an interrupted preparation: %v", err)
	}
	if _, err := s.Prepare(t.Context(), storage.Backlog{Topic: "x/y", Partitions: 1, Bytes: 1, BatchBytes: 1 << 10, RecordBytes: 100}); !errors.Is(err, storage.ErrInvalidTopic) {
		t.Errorf("bad name: %v", err)
	}
}
