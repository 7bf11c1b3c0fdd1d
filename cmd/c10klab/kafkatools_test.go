package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"c10klab/internal/need"
)

// kafkaJarsVariable names the directory with Kafka's jars; without it they are
// looked for in the user's cache, where .ci/run puts them.
const kafkaJarsVariable = "C10KLAB_KAFKA_JARS"

const kafkaVersion = "3.9.1"

// dumpLogSegments runs Kafka's own kafka.tools.DumpLogSegments over files and
// returns what it prints, complaints at the end.
func dumpLogSegments(t *testing.T, files []string, options ...string) string {
	t.Helper()
	java := need.Program(t, "java", "default-jre-headless")
	dir := os.Getenv(kafkaJarsVariable)
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(cache, "c10klab", "kafka-"+kafkaVersion)
	}
	if _, err := os.Stat(filepath.Join(dir, "kafka_2.13-"+kafkaVersion+".jar")); err != nil {
		need.Lacking(t, "Kafka's jars (mvn dependency:copy-dependencies with testdata/kafka/pom.xml into "+dir+")")
	}
	args := []string{"-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(dir, "*"), "kafka.tools.DumpLogSegments", "--files", strings.Join(files, ",")}
	p := startProcess(t, java, append(args, options...)...)
	if status := p.wait(t); status != 0 {
		t.Fatalf("DumpLogSegments %v ended with %d:\n%s", options, status, p.stdout.String())
	}
	return p.stdout.String() + p.stderr.String() // where it complains
}

var (
	recordLine = regexp.MustCompile(`(?m)^\| offset: (\d+)`)
	codecInLog = regexp.MustCompile(`compresscodec: (\w+)`)
	// complaints are all that the tool says of files that are not as they should be.
	complaints = regexp.MustCompile(`(?i)isvalid: false|mismatch|non-consecutive|not found in the log|out of order|corrupt|exception|invalid`)
)

// wantSound lets the tool read a partition as a whole, with every check it has, and
// counts the records, whose offsets must have no gap.
func wantSound(t *testing.T, partition string, records int) {
	t.Helper()
	logs := partitionFiles(t, partition, "*.log")
	indexes := slices.Concat(partitionFiles(t, partition, "*.index"), partitionFiles(t, partition, "*.timeindex"))
	if len(logs) < 3 || len(indexes) != 2*len(logs) {
		t.Fatalf("%d logs, %d indexes", len(logs), len(indexes))
	}
	read := dumpLogSegments(t, logs, "--deep-iteration")
	wantNoComplaint(t, read)
	offsets := recordLine.FindAllStringSubmatch(read, -1)
	if len(offsets) != records {
		t.Errorf("the tool reads %d records, want %d", len(offsets), records)
	}
	for i, m := range offsets {
		if m[1] != strconv.Itoa(i) {
			t.Fatalf("record %d has offset %s", i, m[1])
		}
	}
	var codecs []string
	for _, m := range codecInLog.FindAllStringSubmatch(read, -1) {
		codecs = append(codecs, m[1])
	}
	slices.Sort(codecs)
	if want := []string{"gzip", "lz4", "none", "snappy", "zstd"}; !slices.Equal(slices.Compact(codecs), want) {
		t.Errorf("codecs %v, want %v", slices.Compact(codecs), want)
	}
	entries := dumpLogSegments(t, indexes)
	wantNoComplaint(t, entries)
	if n := strings.Count(entries, "timestamp: "); n < len(logs) {
		t.Errorf("%d entries by time in %d segments", n, len(logs))
	}
	sane := dumpLogSegments(t, indexes, "--index-sanity-check")
	wantNoComplaint(t, sane)
	// A segment of one batch has no entry by offset.
	if n := strings.Count(sane, "passed sanity check") + strings.Count(sane, ".index is empty"); n != len(indexes) {
		t.Errorf("%d of %d indexes are sane:\n%s", n, len(indexes), sane)
	}
}

func wantNoComplaint(t *testing.T, output string) {
	t.Helper()
	if at := complaints.FindStringIndex(output); at != nil {
		t.Errorf("DumpLogSegments complains:\n…%s", output[max(0, at[0]-500):min(len(output), at[1]+500)])
	}
}

func partitionFiles(t *testing.T, partition, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(partition, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// franzCodecs are kcatCodecs as franz-go has them.
var franzCodecs = []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()}

// produceOddRecords sends records with null keys, null values, headers, and times
// that go back and forth, in batches of every codec, and returns their number.
func produceOddRecords(t *testing.T, address, topic string) (sent int) {
	t.Helper()
	now := time.Now().Truncate(time.Millisecond)
	for i, codec := range franzCodecs {
		client := newClient(t, address, kgo.ProducerBatchCompression(codec), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		var records []*kgo.Record
		for n := range 300 {
			r := &kgo.Record{Timestamp: now.Add(time.Duration((n*37)%100-50+i) * time.Second), Value: []byte(strings.Repeat("value ", n%50))}
			switch n % 4 {
			case 1:
				r.Key = fmt.Appendf(nil, "key %d", n)
			case 2:
				r.Value = nil
			case 3:
				r.Headers = []kgo.RecordHeader{{Key: "h", Value: []byte("1")}, {Key: "none"}}
			}
			records = append(records, r)
		}
		for part := range slices.Chunk(records, 40) {
			if err := client.ProduceSync(context.Background(), part...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			sent += len(part)
		}
		client.Close()
	}
	return sent
}

// TestKafkasToolsReadTheLog lets Kafka read what librdkafka and franz-go produced, as
// a clean stop leaves it, and as it is after a kill and a recovery.
func TestKafkasToolsReadTheLog(t *testing.T) {
	need.Program(t, "kcat", "kcat")
	dir := t.TempDir()
	args := []string{"--data", dir, "--segment-bytes", "100KiB"}
	s := startServer(t, args...)
	produce := func() (sent int) {
		values, files := writeValues(t, 1, 10, 100, 1000, 5000, 20_000, 70_000)
		for _, codec := range kcatCodecs {
			kcatOf(t, s).produce(t, "t", codec, files...)
			sent += len(values)
		}
		return sent + produceOddRecords(t, s.Listen, "t")
	}
	records := produce()
	s.stop(t)
	partition := filepath.Join(dir, "t-0")
	wantSound(t, partition, records)
	snapshots := dumpLogSegments(t, partitionFiles(t, partition, "*.snapshot"))
	wantNoComplaint(t, snapshots)
	if !strings.Contains(snapshots, "producerId: ") || !strings.Contains(snapshots, "lastSequence: ") {
		t.Errorf("no producer in the snapshots:\n%s", snapshots)
	}

	s = startServer(t, args...)
	records += produce()
	sendSignal(t, s.PID, syscall.SIGKILL)
	s.process.wait(t)
	for _, index := range partitionFiles(t, partition, "*index") {
		if err := os.Remove(index); err != nil {
			t.Fatal(err)
		}
	}
	startServer(t, args...).stop(t)
	wantSound(t, partition, records)

	// The tool does see what is wrong.
	damaged := partitionFiles(t, partition, "*.timeindex")[0]
	entries, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	entries[7] ^= 1 // the last byte of a timestamp
	if err := os.WriteFile(damaged, entries, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := dumpLogSegments(t, []string{damaged}); !complaints.MatchString(out) {
		t.Errorf("a wrong timestamp goes unnoticed:\n%s", out)
	}
}
