package storage_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"c10klab/storage"
)

func TestTopicsSurviveAReopen(t *testing.T) {
	dirs := []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")}
	s := open(t, defaults(), nil, dirs...)
	for _, topic := range []struct {
		name       string
		partitions int
	}{{"orders", 3}, {"a-b.c_d", 1}} {
		if err := s.CreateTopic(topic.name, topic.partitions); err != nil {
			t.Fatal(err)
		}
	}
	before := s.Topics()
	if len(before) != 2 || before[0].Name != "a-b.c_d" || before[1].Partitions != 3 || before[0].ID == before[1].ID {
		t.Errorf("topics %v", before)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, defaults(), nil, dirs...)
	if !reflect.DeepEqual(again.Topics(), before) {
		t.Errorf("after a reopen %v, before %v", again.Topics(), before)
	}
	if info, found := again.Topic("orders"); !found || !reflect.DeepEqual(info, before[1]) {
		t.Errorf("Topic: %v, %v", info, found)
	}
	for _, c := range []struct {
		topic     string
		partition int32
	}{{"orders", 3}, {"orders", -1}, {"none", 0}} {
		if _, err := again.Log(c.topic, c.partition); !errors.Is(err, storage.ErrUnknownTopicOrPartition) {
			t.Errorf("%s-%d: %v", c.topic, c.partition, err)
		}
	}
}

func TestPartitionsSpreadOverLogDirs(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	s := open(t, defaults(), nil, a, b)
	for name, partitions := range map[string]int{"one": 3, "two": 2, "three": 1} {
		if err := s.CreateTopic(name, partitions); err != nil {
			t.Fatal(err)
		}
	}
	if inA, inB := len(files(t, a, "*-*")), len(files(t, b, "*-*")); inA != 3 || inB != 3 {
		t.Errorf("%d and %d partitions", inA, inB)
	}
	if err := s.CreateTopic("four", 2); err != nil {
		t.Fatal(err)
	}
	if len(files(t, a, "four-0")) != 1 || len(files(t, b, "four-1")) != 1 {
		t.Error("ties must go to the log dirs in their order")
	}
}

func TestPartitionMetadataIsKafkas(t *testing.T) {
	dir := t.TempDir()
	s, _ := openWith(t, defaults(), nil, dir)
	content, err := os.ReadFile(filepath.Join(dir, "t-0", "partition.metadata"))
	info, _ := s.Topic("t")
	if want := "version: 0\ntopic_id: " + info.ID.String(); err != nil || string(content) != want || len(info.ID.String()) != 22 {
		t.Errorf("%q, %v; want %q", content, err, want)
	}
}

func TestTopicsThatKafkaRefusesAreRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, defaults(), nil, dir)
	for _, name := range []string{"", ".", "..", "a/b", "../x", "a\x00", "a b", "é", strings.Repeat("x", 250)} {
		if err := s.CreateTopic(name, 1); !errors.Is(err, storage.ErrInvalidTopic) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, partitions := range []int{-1, 0, storage.MaxPartitions + 1} {
		if err := s.CreateTopic("t", partitions); !errors.Is(err, storage.ErrInvalidPartitions) {
			t.Errorf("%d partitions: %v", partitions, err)
		}
	}
	if found := files(t, dir, "*-*"); len(found) != 0 {
		t.Errorf("refused topics left %v", found)
	}
	longest := strings.Repeat("x", 249)
	if err := s.CreateTopic(longest, 1); err != nil {
		t.Error(err)
	}
	if err := s.CreateTopic(longest, 1); !errors.Is(err, storage.ErrTopicExists) {
		t.Errorf("a second time: %v", err)
	}
}

func TestAFailedCreateTopicLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, defaults(), nil, dir)
	obstacle := filepath.Join(dir, "t-1")
	if err := os.WriteFile(obstacle, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateTopic("t", 4); err == nil {
		t.Fatal("created over a file")
	}
	if found := files(t, dir, "t-*"); !slices.Equal(found, []string{obstacle}) {
		t.Errorf("left %v", found)
	}
	os.Remove(obstacle)
	if err := s.CreateTopic("t", 4); err != nil {
		t.Error(err)
	}
}

func TestALogDirHasOneStore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, defaults(), nil, dir)
	_, err := storage.Open([]string{t.TempDir(), dir}, defaults(), nil)
	if !errors.Is(err, storage.ErrDirLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second store: %v", err)
	}
	if _, err := storage.Open([]string{dir, dir}, defaults(), nil); !errors.Is(err, storage.ErrDirLocked) {
		t.Errorf("the same directory twice: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, defaults(), nil, dir)
}

func TestForeignDirectoriesAreRefusedUntouched(t *testing.T) {
	for _, name := range []string{"photo.jpg", "t-01", "t-x", "src", "t--1", "t-99999999", "backup-2024"} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := storage.Open([]string{dir}, defaults(), nil)
		if !errors.Is(err, storage.ErrForeignDir) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 1 {
			t.Errorf("%s: the directory now holds %v", name, left)
		}
	}
	file := filepath.Join(t.TempDir(), "notes-1") // a plain file that is named like a partition
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := storage.Open([]string{filepath.Dir(file)}, defaults(), nil); !errors.Is(err, storage.ErrForeignDir) {
		t.Errorf("a file named like a partition: %v", err)
	}
	dir := t.TempDir()
	for _, name := range []string{"meta.properties", "recovery-point-offset-checkpoint", ".hidden"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	open(t, defaults(), nil, dir)
}

func TestAnInterruptedCreateTopicIsCompleted(t *testing.T) {
	dir := t.TempDir()
	s := open(t, defaults(), nil, dir)
	if err := s.CreateTopic("t", 4); err != nil {
		t.Fatal(err)
	}
	want := s.Topics()
	s.Abandon()
	for _, unmade := range []string{"t-0", "t-1", "t-2/00000000000000000000.log"} {
		if err := os.RemoveAll(filepath.Join(dir, unmade)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, ".making"), 0o755); err != nil {
		t.Fatal(err)
	}
	again := open(t, defaults(), nil, dir)
	if !reflect.DeepEqual(again.Topics(), want) {
		t.Errorf("topics %v, want %v", again.Topics(), want)
	}
	for partition := range int32(4) {
		mustAppend(t, mustLog(t, again, "t", partition), numbered(t, 1, 1))
	}
}

func TestALostTopicIDIsTakenFromTheOtherPartitions(t *testing.T) {
	dir := t.TempDir()
	s := open(t, defaults(), nil, dir)
	if err := s.CreateTopic("t", 3); err != nil {
		t.Fatal(err)
	}
	want := s.Topics()
	s.Abandon()
	if err := os.Truncate(filepath.Join(dir, "t-0", "partition.metadata"), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "t-2", "partition.metadata")); err != nil {
		t.Fatal(err)
	}
	s = open(t, defaults(), nil, dir)
	if err := s.Close(); err != nil || !reflect.DeepEqual(s.Topics(), want) {
		t.Errorf("topics %v, want %v, %v", s.Topics(), want, err)
	}
	if again := open(t, defaults(), nil, dir); !reflect.DeepEqual(again.Topics(), want) {
		t.Errorf("after another reopen %v", again.Topics())
	}
}

func TestAMissingLogDirIsNotTakenForAnEmptyPartition(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	s := open(t, defaults(), nil, a, b)
	if err := s.CreateTopic("t", 2); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, mustLog(t, s, "t", 1), numbered(t, 1, 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := storage.Open([]string{b}, defaults(), nil); err == nil || !strings.Contains(err.Error(), "partition 0") {
		t.Errorf("opened without the other log dir: %v", err)
	}
	open(t, defaults(), nil, a, b)
}

func TestPartitionsThatContradictEachOtherAreRefused(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	s := open(t, defaults(), nil, a, b)
	if err := s.CreateTopic("t", 2); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	other := bytes.Repeat([]byte("A"), 22)
	metadata := filepath.Join(a, "t-0", "partition.metadata")
	original, _ := os.ReadFile(metadata)
	for name, content := range map[string]string{
		"another id":   "version: 0\ntopic_id: " + string(other) + "\n",
		"a short id":   "version: 0\ntopic_id: AAAA\n",
		"a new format": "version: 9\n",
	} {
		if err := os.WriteFile(metadata, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := storage.Open([]string{a, b}, defaults(), nil); err == nil || !strings.Contains(err.Error(), filepath.Join(a, "t-0")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(metadata, original, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(b, "t-0"), os.DirFS(filepath.Join(a, "t-0"))); err != nil {
		t.Fatal(err)
	}
	if _, err := storage.Open([]string{a, b}, defaults(), nil); err == nil || !strings.Contains(err.Error(), filepath.Join(b, "t-0")) {
		t.Errorf("the same partition twice: %v", err)
	}
}

func TestImpossibleConfigsAreRefused(t *testing.T) {
	for _, change := range []func(*storage.Config){
		func(c *storage.Config) { c.SegmentBytes = 0 },
		func(c *storage.Config) { c.SegmentBytes = 1 << 31 },
		func(c *storage.Config) { c.IndexIntervalBytes = 0 },
		func(c *storage.Config) { c.MaxBatchBytes = -1 },
	} {
		cfg := defaults()
		change(&cfg)
		if _, err := storage.Open([]string{t.TempDir()}, cfg, nil); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
	if _, err := storage.Open(nil, defaults(), nil); err == nil {
		t.Error("no log dir was accepted")
	}
}

func TestADirectoryThatCannotBeMadeIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := storage.Open([]string{filepath.Join(file, "logs")}, defaults(), nil); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
}

func TestClosingTwiceIsHarmless(t *testing.T) {
	s, _ := openWith(t, defaults(), nil, t.TempDir())
	if err := errors.Join(s.Close(), s.Close(), s.Abandon()); err != nil {
		t.Error(err)
	}
	if err := s.CreateTopic("late", 1); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("creating a topic afterwards: %v", err)
	}
}
