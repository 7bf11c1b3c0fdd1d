package storage_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"c10klab/storage"
)

// underCommitLog runs a test over stores of layout commit-log.
func underCommitLog(t *testing.T, test func(*testing.T)) {
	t.Helper()
	defer func(before string) { layout = before }(layout)
	layout = storage.LayoutCommitLog
	test(t)
}

// TestACommitLogBehavesLikePartitionLogs runs, over layout commit-log, all that is
// asked of a store without a look at its segment files.
func TestACommitLogBehavesLikePartitionLogs(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"appends and readers":        TestManyAppendersAndReaders,
		"close under load":           TestClosingUnderLoad,
		"kill -9":                    TestAckedRecordsSurviveKill9,
		"flush policies":             TestFlushPolicies,
		"power cuts":                 TestNothingForcedOutIsLostInAPowerCut,
		"intervals and power":        TestWhatTheIntervalsFsyncCoveredSurvivesAPowerCut,
		"truncation and power":       TestATruncationIsNotTakenBackByAPowerCut,
		"producers and power":        TestIdempotentProducersSurviveAPowerCut,
		"held back records":          TestAHeldBackRecordIsNoPromise,
		"faults":                     TestFaultsLoseNothingAcknowledged,
		"a full disk":                TestAFullDiskIsOverWhenThereIsRoom,
		"a failed fsync":             TestAFailedFsyncSticks,
		"offsets":                    TestAppendAssignsOffsetsAcrossBatches,
		"bad batches":                TestBadBatchesAppendNothing,
		"every offset":               TestEveryOffsetIsFoundInItsBatch,
		"limits of reads":            TestReadKeepsToItsLimits,
		"out of range":               TestOffsetsOutOfRangeSayTheRange,
		"large appends":              TestAnAppendLargerThanASegmentGetsItsOwn,
		"offsets by time":            TestOffsetForTimestamp,
		"look-ups by time":           TestLookupsByTimeEqualASearch,
		"slices outlive the store":   TestASliceOutlivesTheStore,
		"backlog":                    TestBacklogIsRoundedUpToWholeBatches,
		"backlog twice":              TestBacklogThatIsThereIsLeftAlone,
		"another backlog":            TestOtherBacklogOfTheSameNameIsRefused,
		"duplicates":                 TestDuplicatesAreAnsweredAndNotAppended,
		"sequences":                  TestSequencesMustFollow,
		"producers after a restart":  TestProducersAreKnownAfterARestart,
		"silent producers":           TestSilentProducersAreForgotten,
		"residency":                  TestResidencyIsSummedByTopicAndLogDir,
		"eviction beside requests":   TestEvictionGoesOnBesideAppendsAndReads,
		"retention by time":          TestRetentionByTimeFollowsTimestampsAndRollsTheActiveSegment,
		"a clock set back":           TestAClockSetBackRollsAndDeletesNothing,
		"deletion under sends":       TestDeletionLeavesRegionsBeingSent,
		"topics after a reopen":      TestTopicsSurviveAReopen,
		"log dirs":                   TestPartitionsSpreadOverLogDirs,
		"one store":                  TestALogDirHasOneStore,
		"foreign directories":        TestForeignDirectoriesAreRefusedUntouched,
		"an interrupted creation":    TestAnInterruptedCreateTopicIsCompleted,
		"a lost topic id":            TestALostTopicIDIsTakenFromTheOtherPartitions,
		"truncation":                 TestTruncationRemovesWholeBatchesFromTheOffsetOn,
		"truncation below the start": TestTruncationBelowTheStartIsRefused,
		"closing twice":              TestClosingTwiceIsHarmless,
	} {
		t.Run(name, func(t *testing.T) { underCommitLog(t, test) })
	}
}

func commitLogs() storage.Config {
	cfg := small()
	cfg.Layout = storage.LayoutCommitLog
	return cfg
}

// interleaved makes three partitions with numbered batches in turn and stops uncleanly.
func interleaved(t *testing.T, dir string, rounds int) {
	t.Helper()
	s := open(t, commitLogs(), nil, dir)
	if err := s.CreateTopic("t", 3); err != nil {
		t.Fatal(err)
	}
	for i := range rounds {
		for partition := range int32(3) {
			mustAppend(t, mustLog(t, s, "t", partition), numbered(t, 1, int64(i)))
		}
	}
	if err := s.Abandon(); err != nil {
		t.Fatal(err)
	}
}

func TestPartitionsLieInterleavedInOneCommitLog(t *testing.T) {
	dir := t.TempDir()
	interleaved(t, dir, 10)
	if segments := files(t, dir, "*", "*.log"); len(segments) > 0 {
		t.Errorf("segment files %q", segments)
	}
	s := open(t, commitLogs(), nil, dir)
	slice, err := mustLog(t, s, "t", 1).Read(0, 1<<20, true)
	if err != nil {
		t.Fatal(err)
	}
	regions := slice.AppendRegions(nil)
	for i, r := range regions {
		if i > 0 && r.OffsetBytes-regions[i-1].OffsetBytes < 2*int64(r.LengthBytes) {
			t.Errorf("region %d lies at %d, the one before at %d", i, r.OffsetBytes, regions[i-1].OffsetBytes)
		}
		r.File.Release()
	}
	if len(regions) != 10 {
		t.Errorf("%d regions", len(regions))
	}
}

// TestDamagedCommitLogsAreCut damages the end of a commit log: every partition keeps
// what lies before.
func TestDamagedCommitLogsAreCut(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(content []byte) []byte
		left   int // records of 30
		reason string
	}{
		"torn frame":            {func(b []byte) []byte { return b[:len(b)-10] }, 29, "are there"},
		"zeros behind":          {func(b []byte) []byte { return append(b, make([]byte, 4096)...) }, 30, "magic"},
		"damaged head":          {func(b []byte) []byte { b[0]++; return b }, 0, "magic"},
		"bit in the last batch": {func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, 29, "CRC mismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			interleaved(t, dir, 10)
			commits := files(t, dir, ".commitlog", "*")
			path := commits[len(commits)-1]
			if c.left == 0 {
				path = commits[0]
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, c.damage(content), 0o644); err != nil {
				t.Fatal(err)
			}
			for range 2 { // what a cut leaves is whole
				s := open(t, commitLogs(), nil, dir)
				left := 0
				for partition := range int32(3) {
					left += len(readAll(t, mustLog(t, s, "t", partition), 0))
				}
				if left != c.left {
					t.Errorf("%d records are left, want %d", left, c.left)
				}
				cuts := s.Cuts()
				if c.reason != "" && (len(cuts) == 0 || !strings.Contains(fmt.Sprint(cuts), c.reason)) || c.reason == "" && len(cuts) > 0 {
					t.Errorf("cuts %v, want the reason %q", cuts, c.reason)
				}
				c.reason = ""
				if err := s.Abandon(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestLayoutsAreNotMixed(t *testing.T) {
	dir := t.TempDir()
	interleaved(t, dir, 1)
	if _, err := storage.Open([]string{dir}, small(), nil); !errors.Is(err, storage.ErrOtherLayout) {
		t.Errorf("a commit log as partition logs: %v", err)
	}
	s, _ := openWith(t, small(), nil, filepath.Join(dir, "other"))
	s.Close()
	if _, err := storage.Open([]string{filepath.Join(dir, "other")}, commitLogs(), nil); !errors.Is(err, storage.ErrOtherLayout) {
		t.Errorf("partition logs as a commit log: %v", err)
	}
}
