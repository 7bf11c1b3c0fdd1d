package storage_test

import (
	"errors"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"c10klab/internal/need"
	"c10klab/storage"
)

// diskDir is a directory whose pages can be evicted.
func diskDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	if fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.RAMFS_MAGIC {
		need.Lacking(t, "temporary directory on a disk (TMPDIR)")
	}
	return dir
}

func residency(t *testing.T, s *storage.Store, topic string) []storage.Residency {
	t.Helper()
	found, err := s.Residency(topic)
	if errors.Is(err, storage.ErrNoCachestat) {
		need.Lacking(t, "cachestat(2), Linux 6.5")
	}
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestResidencyIsSummedByTopicAndLogDir(t *testing.T) {
	a, b := diskDir(t), diskDir(t)
	s := open(t, small(), nil, a, b)
	for _, topic := range []string{"y", "x"} {
		if err := s.CreateTopic(topic, 3); err != nil {
			t.Fatal(err)
		}
	}
	for p := range int32(3) {
		fillLog(t, mustLog(t, s, "x", p), 60) // several segments
	}
	got := residency(t, s, "")
	if len(got) != 4 || got[0].Topic != "x" || got[0].LogDir != min(a, b) || got[3].Topic != "y" || got[3].LogDir != max(a, b) {
		t.Fatalf("%+v, want each topic in each log dir, in order", got)
	}
	for _, r := range got[:2] {
		if r.PageBytes != int64(os.Getpagesize()) || r.Pages == 0 || r.CachedPages != r.Pages {
			t.Errorf("freshly written: %+v, want all pages cached", r)
		}
	}
	for _, r := range got[2:] {
		if r.Pages != 0 || r.CachedPages != 0 {
			t.Errorf("nothing was written: %+v", r)
		}
	}
	if one := residency(t, s, "x"); len(one) != 2 || one[0] != got[0] || one[1] != got[1] {
		t.Errorf("topic x alone: %+v", one)
	}
}

func TestEvictedTopicIsColdAndReadsAsBefore(t *testing.T) {
	s := open(t, small(), nil, diskDir(t))
	for _, topic := range []string{"cold", "hot"} {
		if err := s.CreateTopic(topic, 1); err != nil {
			t.Fatal(err)
		}
		fillLog(t, mustLog(t, s, topic, 0), 60)
	}
	residency(t, s, "") // skips without cachestat
	stayed, err := s.Evict("cold")
	if err != nil {
		t.Fatal(err)
	}
	if len(stayed) != 1 || stayed[0].Pages == 0 || stayed[0].CachedPages != 0 {
		t.Errorf("%+v stayed", stayed)
	}
	if hot := residency(t, s, "hot")[0]; hot.CachedPages != hot.Pages {
		t.Errorf("the other topic: %+v", hot)
	}
	if got := readAll(t, mustLog(t, s, "cold", 0), 0); len(got) != len(wantNumbers(60)) {
		t.Errorf("%d records, want %d", len(got), len(wantNumbers(60)))
	}
	if warm := residency(t, s, "cold")[0]; warm.CachedPages == 0 {
		t.Errorf("after reading it: %+v", warm)
	}
}

func TestUnknownTopicHasNoResidency(t *testing.T) {
	s := open(t, defaults(), nil, t.TempDir())
	if _, err := s.Residency("none"); !errors.Is(err, storage.ErrUnknownTopicOrPartition) {
		t.Errorf("Residency: %v", err)
	}
	if _, err := s.Evict("none"); !errors.Is(err, storage.ErrUnknownTopicOrPartition) {
		t.Errorf("Evict: %v", err)
	}
}

func TestEvictionGoesOnBesideAppendsAndReads(t *testing.T) {
	s, log := openWith(t, small(), nil, diskDir(t))
	residency(t, s, "")
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range 200 {
			b, err := makeBatch(1, int64(i))
			if err == nil {
				_, err = log.Append(b, 0)
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 10 {
		if _, err := s.Evict(""); err != nil {
			t.Error(err)
		}
		readAll(t, log, 0)
	}
	writer.Wait()
	if got := readAll(t, log, 0); len(got) != 200 {
		t.Errorf("%d records, want 200", len(got))
	}
}
