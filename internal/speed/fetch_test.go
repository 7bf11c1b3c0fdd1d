package speed

import (
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"c10klab/internal/kafka"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	fetchConnections = "8"
	fetchBytes       = 1 << 20
	fetchWarmUpMs    = "1200" // send=resident trusts what was hot for a second
	fetchWindowMs    = "500"
	fetchRounds      = 21
	fetchVersion     = 11
)

// BenchmarkHotFetch asks servers for 1 MiB of a log that is in the page cache, in
// interleaved rounds, server and client on a CPU each, and prints each one's ratio to
// a plain C loop over sendfile in the same round. Rates are answers per second.
func BenchmarkHotFetch(b *testing.B) {
	binary, client := buildC10klab(b), compile(b, "fetch_client.c")
	data, request := b.TempDir(), filepath.Join(b.TempDir(), "request")
	run(b, binary, "prepare", "--data", data, "--topic", "hot", "--partitions", "1", "--bytes", strconv.Itoa(4*fetchBytes))
	if err := os.WriteFile(request, fetchRequest("hot", fetchBytes), 0o600); err != nil {
		b.Fatal(err)
	}
	segment := filepath.Join(data, "hot-0", "00000000000000000000.log")
	port, stop := start(b, compile(b, "sendfile_server.c"), serverCPU, segment, strconv.Itoa(fetchBytes))
	b.Cleanup(stop)
	all := []*contestant{{name: "C sendfile loop", port: port}}
	for _, send := range []string{"inline", "resident", "pool", "copy", "mmap"} {
		for _, stages := range []string{"false", "true"} {
			all = append(all, hotServer(b, binary, segment, "--model", "loop-per-thread", "--loops", "1", "--send", send, "--stages", stages))
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range fetchRounds {
		for _, i := range random.Perm(len(all)) {
			c := all[i]
			if c.warms {
				run(b, client, clientCPU, c.port, fetchConnections, request, fetchWarmUpMs)
			}
			fields := strings.Fields(run(b, client, clientCPU, c.port, fetchConnections, request, fetchWindowMs))
			c.rates = append(c.rates, bytesPerSecond(b, fields)/fetchBytes)
		}
	}
	reportRatios(b, all, all[0])
	rates := map[string][]float64{}
	for _, c := range all {
		rates[c.name] = c.rates
	}
	keep(b, "hot-fetch", rates)
}

// hotServer serves a copy of the log of its own, linked to the same segment, so that
// all servers send the same pages.
func hotServer(b *testing.B, binary, segment string, args ...string) *contestant {
	b.Helper()
	data := b.TempDir()
	from := filepath.Dir(segment)
	partition := filepath.Join(data, filepath.Base(from))
	entries, err := os.ReadDir(from)
	if err == nil {
		err = os.Mkdir(partition, 0o755)
	}
	for _, entry := range entries {
		if err == nil {
			err = os.Link(filepath.Join(from, entry.Name()), filepath.Join(partition, entry.Name()))
		}
	}
	if err != nil {
		b.Fatal(err)
	}
	ready, stop := serve(b, binary, append(args, "--data", data)...)
	b.Cleanup(stop)
	_, port, err := net.SplitHostPort(ready.Listen)
	if err != nil {
		b.Fatal(err)
	}
	return &contestant{name: strings.ReplaceAll(strings.Join(args, " "), "--", ""), port: port, warms: slices.Contains(args, "resident")}
}

// fetchRequest is a frame that asks for some bytes from the beginning of partition 0.
func fetchRequest(topicName string, bytes int32) []byte {
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.PartitionMaxBytes = bytes
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.Partitions = topicName, []kmsg.FetchRequestTopicPartition{partition}
	fetch := kmsg.NewFetchRequest()
	fetch.SetVersion(fetchVersion)
	fetch.ReplicaID, fetch.MinBytes, fetch.MaxBytes, fetch.SessionEpoch = -1, 1, bytes, -1
	fetch.Topics = []kmsg.FetchRequestTopic{topic}
	return kafka.AppendRequest(nil, 1, "speed", &fetch)
}

func bytesPerSecond(b *testing.B, fields []string) float64 {
	b.Helper()
	if len(fields) == 3 {
		bytes, err1 := strconv.ParseFloat(fields[1], 64)
		ns, err2 := strconv.ParseFloat(fields[2], 64)
		if err1 == nil && err2 == nil {
			return bytes / ns * 1e9
		}
	}
	b.Fatalf("the client printed %q", fields)
	return 0
}
