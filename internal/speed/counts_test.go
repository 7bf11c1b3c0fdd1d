package speed

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"c10klab/internal/batch"
	"c10klab/internal/kafka"
	"c10klab/internal/need"
	"c10klab/internal/record"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	countWarmUp  = 480 // requests
	countMeasure = 1600
	countEcho    = 64 // payload bytes
	countFetch   = 16 << 10
	countProduce = 1000 // payload bytes of one record
)

// counts are what a server did for one request, on average.
type counts struct {
	Request, Model string
	InFlight       int
	// SystemCalls by name, those of less than one in a hundred requests left out.
	SystemCalls map[string]float64
	// Switches are the threads' voluntary context switches, Allocations the heap's
	// objects; without strace.
	Switches, Allocations float64
}

// BenchmarkCountsPerRequest counts what each model does for an echo, a produce and a fetch
// of some KiB from the page cache: system calls, voluntary context switches and allocations.
// In each round as many connections as are in flight send a request each, and then all
// answers are read: the counts hardly depend on the machine with one in flight, and with 16
// on what the threads find ready at a time. They
// are what a change of the server's shape must leave alone: C10KLAB_BINARY names another
// revision's program to count instead.
func BenchmarkCountsPerRequest(b *testing.B) {
	binary := os.Getenv("C10KLAB_BINARY")
	if binary == "" {
		binary = buildC10klab(b)
	}
	data := b.TempDir()
	run(b, binary, "prepare", "--data", data, "--topic", "hot", "--partitions", "1", "--bytes", "1MiB")
	var all []counts
	for _, request := range []string{"echo", "produce", "fetch"} {
		for _, model := range []string{"thread-per-connection", "reactor", "reactor-pool", "loop-per-thread", "loop-per-thread-pool", "goroutine-per-connection"} {
			for _, inFlight := range []int{1, 16} {
				c := countRequests(b, binary, data, request, model, inFlight)
				fmt.Printf("%-8s %-26s %2d in flight: %6.3f switches, %6.3f allocations, calls %s\n",
					c.Request, c.Model, c.InFlight, c.Switches, c.Allocations, inOrder(c.SystemCalls))
				all = append(all, c)
			}
		}
	}
	keep(b, "counts-per-request", all)
}

// inOrder is the calls in the order of a request, without the Go runtime's own.
func inOrder(calls map[string]float64) string {
	var text []string
	for _, name := range []string{"epoll_pwait", "epoll_ctl", "recvfrom", "recvmsg", "read", "futex", "sched_yield", "pread64", "pwrite64", "write", "sendto", "sendfile"} {
		if calls[name] > 0 {
			text = append(text, fmt.Sprintf("%s %.2f", name, calls[name]))
		}
	}
	return strings.Join(text, ", ")
}

// countRequests has one server exchange the rounds twice: under strace, and for what
// strace would change without it.
func countRequests(b *testing.B, binary, data, request, model string, inFlight int) counts {
	b.Helper()
	args := []string{"--model", model, "--service", "echo"}
	frame := append([]byte{0, 0, 0, countEcho}, make([]byte, countEcho)...)
	switch request {
	case "produce":
		args = []string{"--model", model, "--data", b.TempDir()}
	case "fetch":
		args, frame = []string{"--model", model, "--data", linked(b, filepath.Join(data, "hot-0"))}, fetchRequest("hot", countFetch)
	}
	ready, stop := serve(b, binary, args...)
	defer stop()
	if request == "produce" {
		frame = produceRequest(b, ready, "counted")
	}
	connections := make([]net.Conn, inFlight)
	for i := range connections {
		c, err := net.Dial("tcp", ready.Listen)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		connections[i] = c
	}
	const requests = float64(countMeasure)
	exchange(b, connections, frame, countWarmUp/inFlight)
	switches, allocations := switchesOf(b, ready.PID), allocationsOf(b, ready)
	exchange(b, connections, frame, countMeasure/inFlight)
	c := counts{Request: request, Model: model, InFlight: inFlight, SystemCalls: map[string]float64{},
		Switches:    (switchesOf(b, ready.PID) - switches) / requests,
		Allocations: (allocationsOf(b, ready) - allocations) / requests}
	for name, n := range traced(b, ready.PID, func() { exchange(b, connections, frame, countMeasure/inFlight) }) {
		if each := n / requests; each >= 0.005 {
			c.SystemCalls[name] = each
		}
	}
	return c
}

// traced counts the system calls of a process's threads meanwhile.
func traced(b *testing.B, pid int, meanwhile func()) map[string]float64 {
	b.Helper()
	summary := filepath.Join(b.TempDir(), "calls")
	cmd := exec.Command(need.Program(b, "strace", "strace"), "-f", "-c", "-o", summary, "-p", strconv.Itoa(pid))
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	for attached := false; !attached; time.Sleep(time.Millisecond) {
		attached = true
		for _, status := range statusOf(b, pid) {
			attached = attached && !strings.Contains(status, "\nTracerPid:\t0\n")
		}
	}
	meanwhile()
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait() // with the signal's status
	return callsOf(b, summary)
}

// callsOf reads the table that strace -c prints.
func callsOf(b *testing.B, summary string) map[string]float64 {
	b.Helper()
	text, err := os.ReadFile(summary)
	if err != nil {
		b.Fatal(err)
	}
	calls := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		if n, err := strconv.ParseFloat(fields[3], 64); err == nil && fields[len(fields)-1] != "total" {
			calls[fields[len(fields)-1]] = n
		}
	}
	if len(calls) == 0 {
		b.Fatalf("strace counted nothing:\n%s", text)
	}
	return calls
}

func exchange(b *testing.B, connections []net.Conn, frame []byte, rounds int) {
	b.Helper()
	for range rounds {
		for _, c := range connections {
			if _, err := c.Write(frame); err != nil {
				b.Fatal(err)
			}
		}
		for _, c := range connections {
			var length [4]byte
			if _, err := io.ReadFull(c, length[:]); err != nil {
				b.Fatal(err)
			}
			if _, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(length[:]))); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// statusOf is /proc/PID/task/TID/status of each of a process's threads.
func statusOf(b *testing.B, pid int) (all []string) {
	b.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(files) == 0 {
		b.Fatalf("process %d has no threads: %v", pid, err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil { // else the thread has ended
			all = append(all, string(text))
		}
	}
	return all
}

// switchesOf sums the voluntary context switches of a process's threads.
func switchesOf(b *testing.B, pid int) (total float64) {
	b.Helper()
	for _, status := range statusOf(b, pid) {
		_, value, _ := strings.Cut(status, "\nvoluntary_ctxt_switches:\t")
		value, _, _ = strings.Cut(value, "\n")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			b.Fatal(err)
		}
		total += n
	}
	return total
}

// allocationsOf is how many objects the server's heap has ever had.
func allocationsOf(b *testing.B, ready record.ServerReady) float64 {
	b.Helper()
	response, err := http.Get("http://" + ready.Admin + record.MetricsPath)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "go_memstats_mallocs_total "); found {
			n, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return n
		}
	}
	b.Fatal("the metrics page does not tell allocations")
	return 0
}

// linked is a data directory with a partition's files, linked.
func linked(b *testing.B, partition string) string {
	b.Helper()
	data := b.TempDir()
	if out, err := exec.Command("cp", "-al", partition, data).CombinedOutput(); err != nil {
		b.Fatalf("link the log: %v: %s", err, out)
	}
	return data
}

// produceRequest is a frame with one batch for partition 0 of a topic that it creates.
func produceRequest(b *testing.B, ready record.ServerReady, topicName string) []byte {
	b.Helper()
	client, err := kafka.Dial(context.Background(), ready.Listen)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.SetVersion(5)
	metadata.AllowAutoTopicCreation = true
	metadata.Topics = []kmsg.MetadataRequestTopic{{Topic: &topicName}}
	if _, err := client.Do(context.Background(), metadata); err != nil {
		b.Fatal(err)
	}
	template, err := batch.NewTemplate(1, countProduce, 1)
	if err != nil {
		b.Fatal(err)
	}
	partition := kmsg.NewProduceRequestTopicPartition()
	partition.Records = template.AppendTo(nil)
	template.Stamp(partition.Records, 0, time.Now().UnixMilli())
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.Partitions = topicName, []kmsg.ProduceRequestTopicPartition{partition}
	produce := kmsg.NewProduceRequest()
	produce.SetVersion(7)
	produce.Acks, produce.TimeoutMillis = 1, 1000
	produce.Topics = []kmsg.ProduceRequestTopic{topic}
	return kafka.AppendRequest(nil, 1, "speed", &produce)
}
