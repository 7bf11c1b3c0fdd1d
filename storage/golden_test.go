package storage_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"c10klab/internal/batch"
	"c10klab/storage"
)

// golden is a log dir that Kafka 3.9.1 wrote: a topic "golden" of one partition, 15
// batches of 3 records from librdkafka, 3 in each codec, every batch by an
// idempotent producer of its own, with log.segment.bytes=2000 and
// log.index.interval.bytes=500, after a clean stop.
const golden = "testdata/kafka-3.9.1"

func likeGolden() storage.Config {
	cfg := defaults()
	cfg.SegmentBytes, cfg.IndexIntervalBytes = 2000, 500
	return cfg
}

// TestALogThatKafkaWroteIsReadAndGoesOn opens Kafka's files, as after a clean stop
// and as after none.
func TestALogThatKafkaWroteIsReadAndGoesOn(t *testing.T) {
	for _, clean := range []bool{true, false} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(golden)); err != nil {
			t.Fatal(err)
		}
		if clean {
			if err := os.WriteFile(filepath.Join(dir, cleanMark), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s := open(t, likeGolden(), nil, dir)
		l := mustLog(t, s, "golden", 0)
		if info, _ := s.Topic("golden"); info.ID.String() != "b-zULKUuQdCZ248z418uzA" || len(s.Cuts()) != 0 {
			t.Errorf("topic %+v, cut %v", info, s.Cuts())
		}
		next := int64(0)
		for next < l.EndOffset() {
			slice, err := l.Read(next, 1, true)
			if err != nil {
				t.Fatal(err)
			}
			h, values := recordValues(t, content(t, slice))
			for i, value := range values {
				if want := fmt.Sprintf("value %d %d ", 1+next/3, i+1); !strings.HasPrefix(value, want) {
					t.Errorf("offset %d holds %q, want %q…", next+int64(i), value, want)
				}
			}
			offset, _, found, err := l.OffsetForTimestamp(h.MaxTimestampMs)
			if err != nil || !found || offset < h.BaseOffset || offset > h.LastOffset() {
				t.Errorf("time %d is found at %d, in batch %d, %v", h.MaxTimestampMs, offset, h.BaseOffset, err)
			}
			next = h.LastOffset() + 1
		}
		if next != 45 {
			t.Errorf("the log ends at %d", next)
		}
		last := goldenBatches(t)[14]
		if info, err := l.Append(last, 0); err != nil || !info.Duplicate || info.BaseOffset != 42 {
			t.Errorf("the last batch again: %+v, %v", info, err)
		}
		if info := mustAppend(t, l, numbered(t, 1, 1)); info.BaseOffset != 45 {
			t.Errorf("the log goes on at %d", info.BaseOffset)
		}
	}
}

// recordValues decompresses a batch.
func recordValues(t *testing.T, b []byte) (h batch.Header, values []string) {
	t.Helper()
	h, err := batch.Check(b)
	if err != nil {
		t.Fatal(err)
	}
	records := b[batch.HeaderBytes:h.SizeBytes()]
	if h.Compression() != batch.Uncompressed {
		if records, err = batch.Decompress(nil, b, 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	it := batch.RecordsIn(h, records)
	for r, ok := it.Next(); ok; r, ok = it.Next() {
		values = append(values, string(r.Value))
	}
	if it.Err() != nil {
		t.Fatal(it.Err())
	}
	return h, values
}

// goldenBatches are the batches in the order in which Kafka got them.
func goldenBatches(t *testing.T) (batches [][]byte) {
	t.Helper()
	for _, path := range files(t, golden, "golden-0", "*.log") {
		log, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if tail, err := batch.Walk(log, func(_ batch.Header, b []byte) error {
			batches = append(batches, bytes.Clone(b))
			return nil
		}); err != nil || len(tail) > 0 {
			t.Fatalf("%s: %d bytes left, %v", path, len(tail), err)
		}
	}
	return batches
}

// TestTheSameBatchesMakeKafkasFiles appends what Kafka got and compares every file,
// byte by byte.
func TestTheSameBatchesMakeKafkasFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, likeGolden(), nil, dir)
	if err := s.CreateTopic("golden", 1); err != nil {
		t.Fatal(err)
	}
	info, _ := s.Topic("golden")
	for _, b := range goldenBatches(t) {
		mustAppend(t, mustLog(t, s, "golden", 0), b)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range append(files(t, golden, "golden-0", "*"), golden+"/recovery-point-offset-checkpoint", golden+"/log-start-offset-checkpoint") {
		name, _ := filepath.Rel(golden, path)
		names = append(names, name)
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, name))
		if name == "golden-0/partition.metadata" {
			want = []byte(strings.Replace(string(want), "b-zULKUuQdCZ248z418uzA", info.ID.String(), 1))
		}
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from Kafka's, %v\n got %x\nwant %x", name, err, got, want)
		}
	}
	if len(names) < 12 {
		t.Errorf("only %d files: %v", len(names), names)
	}
	// The log dir's two checkpoints lie elsewhere, and Kafka keeps a topic's configurations in no file.
	if ours := files(t, dir, "golden-0", "*"); len(ours) != len(names)-2+1 {
		t.Errorf("files %v, Kafka has %v", ours, names)
	}
}
