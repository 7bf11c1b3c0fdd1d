package clients

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"c10klab/internal/child"
	"c10klab/internal/record"
)

// kafkaNode is one broker of a cluster of real Kafka, which is its controller as well.
type kafkaNode struct {
	address string
	config  string // its file
	process *child.Process
}

const kafkaStarts = 3 * time.Minute // beside programs that take all CPUs

// startKafkaCluster starts as many nodes on free ports of loopback.
func startKafkaCluster(t *testing.T, nodes int) []*kafkaNode {
	t.Helper()
	addresses := make([]string, 2*nodes) // for clients, and for controllers
	for i := range addresses {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addresses[i] = l.Addr().String()
		defer l.Close() // once all have different ports
	}
	var voters []string
	for i := range nodes {
		voters = append(voters, fmt.Sprintf("%d@%s", i+1, addresses[nodes+i]))
	}
	cluster := make([]*kafkaNode, nodes)
	for i := range cluster {
		dir := t.TempDir()
		n := &kafkaNode{address: addresses[i], config: filepath.Join(dir, "server.properties")}
		text := fmt.Sprintf(`process.roles=broker,controller
node.id=%d
controller.quorum.voters=%s
listeners=PLAINTEXT://%s,CONTROLLER://%s
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=%s
offsets.topic.replication.factor=1
broker.session.timeout.ms=3000
`, i+1, strings.Join(voters, ","), n.address, addresses[nodes+i], filepath.Join(dir, "log"))
		if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		kafkaTool(t, "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", n.config)
		cluster[i] = n
	}
	t.Cleanup(func() {
		for _, n := range cluster {
			n.kill(t)
		}
	})
	return cluster
}

func (n *kafkaNode) start(t *testing.T) {
	t.Helper()
	n.process = startKafkaTool(t, "kafka.Kafka", n.config)
}

func (n *kafkaNode) kill(t *testing.T) {
	t.Helper()
	if n.process != nil && !n.process.Over() {
		if err := n.process.Cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		<-n.process.Ended
	}
}

// awaitKafka waits until every node takes connections.
func awaitKafka(t *testing.T, cluster []*kafkaNode) {
	t.Helper()
	for _, n := range cluster {
		for deadline := time.Now().Add(kafkaStarts); ; time.Sleep(100 * time.Millisecond) {
			conn, err := net.Dial("tcp", n.address)
			if err == nil {
				conn.Close()
				break
			}
			if time.Now().After(deadline) || n.process.Over() {
				t.Fatalf("Kafka at %s takes no connection: %v\n%s", n.address, err, n.process.Stderr.String())
			}
		}
	}
}

// loadKafka runs the generator with a topic that is not there yet and tail consumers.
func loadKafka(t *testing.T, target string, more ...string) *record.Measurement {
	t.Helper()
	args := []string{"load", "--json", "--target", target, "--rate-requests", "300", "--batch-bytes", "4KiB", "--record-bytes", "100", "--partitions", "6", "--producers", "6",
		"--acks", "all", "--consumers", "tail", "--consumer-connections", "3", "--warm-up", "500ms", "--drain", "40s"}
	stdout, stderr, exit := child.Run(t, append(args, more...)...)
	const limited = 3 // by generator or machine; what is asked here holds all the same
	if exit != 0 && exit != limited {
		t.Fatalf("load ended with %d: %s", exit, stderr)
	}
	var m record.Measurement
	if err := json.Unmarshal([]byte(stdout), &m); err != nil {
		t.Fatal(err)
	}
	return &m
}

func TestRealKafkaIsLoaded(t *testing.T) {
	t.Parallel() // it waits for Java most of the time
	cluster := startKafkaCluster(t, 1)
	cluster[0].start(t)
	awaitKafka(t, cluster)
	for _, codec := range []string{"gzip", "snappy", "lz4", "zstd"} { // each decompressed and checked by Kafka
		m := loadKafka(t, cluster[0].address, "--window", "500ms", "--topic", "in-"+codec, "--compression", codec)
		if m.Errors != 0 || m.AckedRecords == 0 || m.LogEndRecords != m.AckedRecords {
			t.Errorf("%s: %d errors, %d records acknowledged, log grew by %d: %q", codec, m.Errors, m.AckedRecords, m.LogEndRecords, m.Problems)
		}
	}
	m := loadKafka(t, cluster[0].address, "--window", "2s")
	if m.Errors != 0 || m.AckedRecords == 0 || m.LogEndRecords != m.AckedRecords || m.InFlightAtEnd != 0 || m.TailMBps == 0 {
		t.Errorf("%d errors, %d records acknowledged, log grew by %d, %d never answered: %q", m.Errors, m.AckedRecords, m.LogEndRecords, m.InFlightAtEnd, m.Problems)
	}
}

// A node that is killed takes its partitions with it until it is back: what was under way is sent
// again, and nothing that was acknowledged is lost.
func TestRealKafkaClusterIsLoadedThroughARestart(t *testing.T) {
	t.Parallel()
	cluster := startKafkaCluster(t, 3)
	for _, n := range cluster {
		n.start(t)
	}
	awaitKafka(t, cluster)
	restarted := make(chan struct{})
	time.AfterFunc(3*time.Second, func() {
		defer close(restarted)
		cluster[2].kill(t)
		cluster[2].start(t)
	})
	m := loadKafka(t, cluster[0].address, "--window", "8s", "--reconnect", "60s")
	<-restarted
	if m.Errors != 0 || m.AckedRecords == 0 || m.LogEndRecords < m.AckedRecords || m.InFlightAtEnd != 0 {
		t.Errorf("%d errors, %d records acknowledged, log grew by %d, %d never answered: %q", m.Errors, m.AckedRecords, m.LogEndRecords, m.InFlightAtEnd, m.Problems)
	}
	if m.Outages == nil || m.Outages.LongestNs < int64(time.Second) {
		t.Errorf("outages %+v: %q", m.Outages, m.Problems)
	}
}
