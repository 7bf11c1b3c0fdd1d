package storage_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"c10klab/storage"
)

func TestADeletedTopicIsGoneWithItsFiles(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	s := open(t, small(), nil, dirs...)
	for _, name := range []string{"gone", "kept"} {
		if err := s.CreateTopic(name, 3); err != nil {
			t.Fatal(err)
		}
		fillLog(t, mustLog(t, s, name, 0), 40)
	}
	log := mustLog(t, s, "gone", 0)
	slice, err := log.Read(0, 1000, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteTopic("gone"); err != nil {
		t.Fatal(err)
	}
	if region, err := slice.Bytes(); err != nil || len(region) == 0 {
		t.Errorf("a region being sent has %d bytes: %v", len(region), err)
	}
	slice.Release()
	for what, try := range map[string]func() error{
		"append":      func() error { _, err := log.Append(numbered(t, 1, 1), 0); return err },
		"read":        func() error { _, err := log.Read(0, 100, true); return err },
		"read at end": func() error { _, err := log.Read(log.EndOffset(), 100, true); return err },
		"flush":       log.Flush,
		"look-up":     func() error { _, err := s.Log("gone", 0); return err },
		"again":       func() error { return s.DeleteTopic("gone") },
	} {
		if err := try(); !errors.Is(err, storage.ErrUnknownTopicOrPartition) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), "gone") || e.Name() == ".deleting" {
				t.Errorf("%s is left", e.Name())
			}
		}
	}
	if err := s.CreateTopic("gone", 1); err != nil {
		t.Errorf("the name again: %v", err)
	}
	if end := mustLog(t, s, "gone", 0).EndOffset(); end != 0 {
		t.Errorf("the new topic begins at %d", end)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, small(), nil, dirs...)
	if got := len(s.Topics()); got != 2 {
		t.Errorf("%d topics after a restart", got)
	}
	if mustLog(t, s, "kept", 0).EndOffset() == 0 {
		t.Error("the other topic's records are gone")
	}
}

// TestNoCrashLeavesHalfATopic deletes a topic and starts from what each loss of power on the way
// would leave: all of its partitions are there, or none.
func TestNoCrashLeavesHalfATopic(t *testing.T) {
	if layout != storage.LayoutPartitionLog {
		t.Skip("the commit log has tests of its own for what a crash leaves")
	}
	power := newPowerCuts()
	cfg := small()
	cfg.FS = power.fs()
	s := open(t, cfg, nil, "/data")
	if err := s.CreateTopic("t", 3); err != nil {
		t.Fatal(err)
	}
	for i := range int32(3) {
		fillLog(t, mustLog(t, s, "t", i), 20)
		if err := mustLog(t, s, "t", i).Flush(); err != nil {
			t.Fatal(err)
		}
	}
	power.mu.Lock()
	before := len(power.cuts)
	power.mu.Unlock()
	if err := s.DeleteTopic("t"); err != nil {
		t.Fatal(err)
	}
	whole, gone := 0, 0
	for _, cut := range power.cuts[before:] {
		cfg.FS = cut.left
		again, err := storage.Open([]string{"/data"}, cfg, nil)
		if err != nil {
			t.Errorf("%s: %v", cut.name, err)
			continue
		}
		switch topics := again.Topics(); {
		case len(topics) == 0:
			gone++
		case topics[0].Partitions == 3 && mustLog(t, again, "t", 2).EndOffset() > 0:
			whole++
		default:
			t.Errorf("%s: left %+v", cut.name, topics)
		}
		if err := again.Abandon(); err != nil {
			t.Error(err)
		}
	}
	if whole == 0 || gone == 0 {
		t.Errorf("%d cuts left the topic and %d did not", whole, gone)
	}
}

func TestATopicObeysItsConfigurations(t *testing.T) {
	dir := t.TempDir()
	cfg := defaults()
	cfg.HousekeepingInterval = time.Millisecond
	s := open(t, cfg, nil, dir)
	given := map[string]string{"segment.bytes": "5000", "retention.bytes": "10000", "min.insync.replicas": "2", "max.message.bytes": "3000"}
	if err := s.CreateTopicWith("t", 1, given); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateTopic("other", 1); err != nil {
		t.Fatal(err)
	}
	for restart := range 2 {
		log := mustLog(t, s, "t", 0)
		fillLog(t, log, 100)
		for deadline := time.Now().Add(time.Minute); log.StartOffset() == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("retention.bytes deletes nothing")
			}
		}
		if _, err := log.Append(numbered(t, 100, 1), 0); !errors.Is(err, storage.ErrBatchTooLarge) {
			t.Errorf("a batch above max.message.bytes: %v", err)
		}
		if info, _ := s.Topic("t"); len(info.Configs) != len(given) || info.Configs["min.insync.replicas"] != "2" {
			t.Errorf("restart %d: configurations %v", restart, info.Configs)
		}
		fillLog(t, mustLog(t, s, "other", 0), 100)
		if info, _ := s.Topic("other"); len(info.Configs) != 0 || mustLog(t, s, "other", 0).StartOffset() != 0 {
			t.Errorf("restart %d: another topic has %v", restart, info.Configs)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, cfg, nil, dir)
	}
}

func TestConfigurationsThatKafkaHasNotAreRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, defaults(), nil, dir)
	for name, value := range map[string]string{
		"retention": "1", "retention.ms": "soon", "retention.bytes": "", "segment.bytes": "13", "segment.ms": "0", "cleanup.policy": "keep",
		"preallocate": "yes", "min.cleanable.dirty.ratio": "2", "max.message.bytes": "-1", "message.timestamp.type": "now", "index.interval.bytes": "4294967296",
	} {
		if err := s.CreateTopicWith("t", 1, map[string]string{name: value}); !errors.Is(err, storage.ErrInvalidTopicConfig) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "t-0")); !os.IsNotExist(err) {
		t.Errorf("a refused topic has a directory: %v", err)
	}
}

func TestNamesThatDifferInDotsCollide(t *testing.T) {
	s := open(t, defaults(), nil, t.TempDir())
	if err := s.CreateTopic("a.b", 1); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateTopic("a_b", 1); !errors.Is(err, storage.ErrInvalidTopic) || !strings.Contains(err.Error(), "a.b") {
		t.Errorf("a_b beside a.b: %v", err)
	}
	if err := s.CreateTopic("a-b", 1); err != nil {
		t.Error(err)
	}
}

// TestDirectoriesThatKafkaHasDoneWithAreLeftAlone: one of a deleted topic does not keep a store from
// starting.
func TestDirectoriesThatKafkaHasDoneWithAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, "t-0.0123456789abcdef0123456789abcdef-delete")
	if err := os.Mkdir(left, 0o755); err != nil {
		t.Fatal(err)
	}
	s := open(t, defaults(), nil, dir)
	if len(s.Topics()) != 0 {
		t.Errorf("topics %v", s.Topics())
	}
	if _, err := os.Stat(left); err != nil {
		t.Error(err)
	}
}
