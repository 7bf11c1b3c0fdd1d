package clients

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

	"c10klab/internal/child"
	"c10klab/internal/need"
)

// kafkaJarsVariable names the directory with Kafka's jars; without it they are
// looked for in the user's cache, where .ci/run puts them.
const kafkaJarsVariable = "C10KLAB_KAFKA_JARS"

const kafkaVersion = "3.9.1"

// kafkaCommand is the command line of one of Kafka's own commands, named by its class.
func kafkaCommand(t *testing.T, class string, args ...string) []string {
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
	if _, err := os.Stat(filepath.Join(dir, "kafka-tools-"+kafkaVersion+".jar")); err != nil {
		need.Lacking(t, "Kafka's jars (mvn dependency:copy-dependencies with testdata/kafka/pom.xml into "+dir+")")
	}
	logging := filepath.Join(t.TempDir(), "log4j.properties") // they tell what goes wrong through their log
	const toStderr = "log4j.rootLogger=WARN, stderr\nlog4j.appender.stderr=org.apache.log4j.ConsoleAppender\n" +
		"log4j.appender.stderr.target=System.err\nlog4j.appender.stderr.layout=org.apache.log4j.PatternLayout\nlog4j.appender.stderr.layout.ConversionPattern=%p %m%n\n"
	if err := os.WriteFile(logging, []byte(toStderr), 0o600); err != nil {
		t.Fatal(err)
	}
	return append([]string{java, "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Dlog4j.configuration=file:" + logging, "-cp", filepath.Join(dir, "*"), class}, args...)
}

func startKafkaTool(t *testing.T, class string, args ...string) *child.Process {
	t.Helper()
	command := kafkaCommand(t, class, args...)
	return child.Start(t, command[0], command[1:]...)
}

// kafkaTool runs one to its end, which must be a good one, and returns all that it prints.
func kafkaTool(t *testing.T, class string, args ...string) string {
	t.Helper()
	p := startKafkaTool(t, class, args...)
	if status := p.Wait(t); status != 0 {
		t.Fatalf("%s %q ended with %d:\n%s%s", class, args, status, p.Stdout.String(), p.Stderr.String())
	}
	return p.Stdout.String() + p.Stderr.String()
}

// dumpLogSegments runs Kafka's own kafka.tools.DumpLogSegments over files and
// returns what it prints, complaints at the end.
func dumpLogSegments(t *testing.T, files []string, options ...string) string {
	t.Helper()
	return kafkaTool(t, "kafka.tools.DumpLogSegments", append([]string{"--files", strings.Join(files, ",")}, options...)...)
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
		client := child.Client(t, address, kgo.ProducerBatchCompression(codec), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
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
	s := child.Serve(t, args...)
	produce := func() (sent int) {
		values, files := writeValues(t, 1, 10, 100, 1000, 5000, 20_000, 70_000)
		for _, codec := range kcatCodecs {
			kcatOf(t, s).produce(t, "t", codec, files...)
			sent += len(values)
		}
		return sent + produceOddRecords(t, s.Listen, "t")
	}
	records := produce()
	s.Stop(t)
	partition := filepath.Join(dir, "t-0")
	wantSound(t, partition, records)
	snapshots := dumpLogSegments(t, partitionFiles(t, partition, "*.snapshot"))
	wantNoComplaint(t, snapshots)
	if !strings.Contains(snapshots, "producerId: ") || !strings.Contains(snapshots, "lastSequence: ") {
		t.Errorf("no producer in the snapshots:\n%s", snapshots)
	}

	s = child.Serve(t, args...)
	records += produce()
	child.Signal(t, s.PID, syscall.SIGKILL)
	s.Process.Wait(t)
	for _, index := range partitionFiles(t, partition, "*index") {
		if err := os.Remove(index); err != nil {
			t.Fatal(err)
		}
	}
	child.Serve(t, args...).Stop(t)
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

// Kafka's own commands, unmodified, find what they ask for: topics with configurations, offsets, records.
func TestKafkasOwnCommandsWork(t *testing.T) {
	t.Parallel() // it waits for Java most of the time
	s := child.Serve(t, "--data", t.TempDir())
	at := []string{"--bootstrap-server", s.Listen}
	tool := func(class string, args ...string) string {
		t.Helper()
		return kafkaTool(t, class, append(slices.Clone(at), args...)...)
	}
	wants := func(says string, wanted ...string) {
		t.Helper()
		for _, text := range wanted {
			if !strings.Contains(says, text) {
				t.Errorf("no %q in:\n%s", text, says)
			}
		}
	}
	const topics = "org.apache.kafka.tools.TopicCommand"
	wants(tool(topics, "--create", "--topic", "x", "--partitions", "2", "--config", "min.insync.replicas=1", "--config", "retention.ms=3600000"), "Created topic x.")
	wants(tool(topics, "--list"), "x")
	wants(tool(topics, "--describe", "--topic", "x"), "PartitionCount: 2", "ReplicationFactor: 1", "retention.ms=3600000", "min.insync.replicas=1")
	wants(kafkaTool(t, "org.apache.kafka.tools.ProducerPerformance", "--topic", "x", "--num-records", "1000", "--record-size", "100", "--throughput", "-1",
		"--producer-props", "bootstrap.servers="+s.Listen, "compression.type=lz4"), "1000 records sent")
	fed := child.Start(t, "sh", append([]string{"-c", `seq 10 | "$0" "$@"`}, kafkaCommand(t, "kafka.tools.ConsoleProducer", "--topic", "x", "--bootstrap-server", s.Listen)...)...)
	if status := fed.Wait(t); status != 0 {
		t.Errorf("ConsoleProducer ended with %d:\n%s", status, fed.Stderr.String())
	}
	for time, sum := range map[string]int{"-1": 1010, "-2": 0} {
		total := 0
		for _, line := range strings.Fields(tool("org.apache.kafka.tools.GetOffsetShell", "--topic", "x", "--time", time)) {
			if fields := strings.Split(line, ":"); len(fields) == 3 {
				n, err := strconv.Atoi(fields[2])
				if err != nil {
					t.Error(err)
				}
				total += n
			}
		}
		if total != sum {
			t.Errorf("offsets at %s add up to %d, want %d", time, total, sum)
		}
	}
	wants(tool("org.apache.kafka.tools.GetOffsetShell", "--topic", "x", "--time", "-3"), "x:0:")
	wants(tool("org.apache.kafka.tools.consumer.ConsoleConsumer", "--topic", "x", "--partition", "0", "--offset", "earliest", "--max-messages", "1"), "Processed a total of 1 messages")
	tool(topics, "--delete", "--topic", "x")
	if left := tool(topics, "--list"); slices.Contains(strings.Fields(left), "x") {
		t.Errorf("the topic is there still:\n%s", left)
	}
}

// A consumer of a group ends at once and says why, and does not wait.
func TestKafkasGroupConsumerIsToldAtOnce(t *testing.T) {
	t.Parallel()
	s := child.Serve(t, "--data", t.TempDir())
	p := startKafkaTool(t, "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", s.Listen, "--topic", "t", "--from-beginning")
	p.Wait(t)
	if says := p.Stdout.String() + p.Stderr.String(); !strings.Contains(says, "GroupAuthorizationException") {
		t.Errorf("it ended without a reason:\n%s", says)
	}
}
