package speed

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	stormConnections = 10_000
	stormWithin      = 2 * time.Second
	// stormPatience is enough for several SYN retries, which come after 1, 3, 7 … s.
	stormPatience = 40 * time.Second
)

// storm is what happened to connects that came at an even pace.
type storm struct {
	Model   string `json:"model"`
	Backlog int    `json:"backlog"`
	// Connect and first answer, since the connect began, in nanoseconds: median, p99, max.
	ConnectNs, AnswerNs [3]int64
	Slow                int // took a second or longer to connect
	SlowAnswers         int // … to the first answer
	// ListenOverflows and ListenDrops of the machine's TCP meanwhile (netstat(8), TcpExt).
	ListenOverflows, ListenDrops int64
}

// BenchmarkTenThousandConnects opens 10 000 connections within 2 s, evenly spaced, and
// asks once on each: none may be lost. With the default backlog no connect need be
// repeated; with Kafka's 50 the kernel drops SYNs, by design, and clients send them
// again after a second.
func BenchmarkTenThousandConnects(b *testing.B) {
	binary := buildC10klab(b)
	var storms []storm
	fmt.Printf("\n%-26s %8s %30s %30s %6s %6s %10s %8s\n", "model", "backlog", "connect ms: p50 p99 max", "first answer ms: p50 p99 max", "slow", "slow", "overflows", "drops")
	for _, model := range []string{"loop-per-thread-pool", "reactor", "thread-per-connection", "goroutine-per-connection"} {
		for _, backlog := range []int{1024, 50} {
			ready, stop := serve(b, binary, "--service", "echo", "--model", model, "--listen-backlog", strconv.Itoa(backlog))
			s := connectAll(b, ready.Listen)
			stop()
			s.Model, s.Backlog = model, backlog
			fmt.Printf("%-26s %8d %30s %30s %6d %6d %10d %8d\n", s.Model, s.Backlog, inMs(s.ConnectNs), inMs(s.AnswerNs), s.Slow, s.SlowAnswers, s.ListenOverflows, s.ListenDrops)
			storms = append(storms, s)
		}
	}
	keep(b, "ten-thousand-connects", storms)
}

func inMs(ns [3]int64) string {
	return fmt.Sprintf("%.2f %.2f %.1f", float64(ns[0])/1e6, float64(ns[1])/1e6, float64(ns[2])/1e6)
}

// connectAll keeps every connection open until the last has had its answer.
func connectAll(b *testing.B, target string) storm {
	b.Helper()
	overflows, drops := listenFailures(b)
	connectNs, answerNs := make([]int64, stormConnections), make([]int64, stormConnections)
	failures := make([]error, stormConnections)
	all := make(chan struct{})
	var answered, closed sync.WaitGroup
	began := time.Now()
	for i := range stormConnections {
		time.Sleep(time.Until(began.Add(stormWithin * time.Duration(i) / stormConnections)))
		answered.Add(1)
		closed.Go(func() {
			conn, err := connectOne(target, i, &connectNs[i], &answerNs[i])
			failures[i] = err
			answered.Done()
			<-all
			if err == nil {
				// A reset: ports that wait in TIME-WAIT would slow the next storm's connects.
				conn.(*net.TCPConn).SetLinger(0)
				conn.Close()
			}
		})
	}
	answered.Wait()
	close(all)
	closed.Wait()
	lost := slices.DeleteFunc(failures, func(err error) bool { return err == nil })
	if len(lost) > 0 {
		b.Fatalf("%d of %d connections were lost, the first: %v", len(lost), stormConnections, lost[0])
	}
	after, dropsAfter := listenFailures(b)
	s := storm{ListenOverflows: after - overflows, ListenDrops: dropsAfter - drops}
	s.ConnectNs, s.Slow = spread(connectNs)
	s.AnswerNs, s.SlowAnswers = spread(answerNs)
	return s
}

// connectOne connects from one of four addresses of loopback and has an echo answered.
func connectOne(target string, i int, connectNs, answerNs *int64) (net.Conn, error) {
	from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+i%4))}
	began := time.Now()
	conn, err := (&net.Dialer{LocalAddr: from, Timeout: stormPatience}).Dial("tcp", target)
	if err != nil {
		return nil, err
	}
	*connectNs = time.Since(began).Nanoseconds()
	conn.SetDeadline(time.Now().Add(stormPatience))
	const payloadBytes = 64
	frame := append(binary.BigEndian.AppendUint32(nil, payloadBytes), make([]byte, payloadBytes)...)
	if _, err := conn.Write(frame); err != nil {
		return conn, err
	}
	if _, err := io.ReadFull(conn, frame); err != nil {
		return conn, fmt.Errorf("first answer: %w", err)
	}
	*answerNs = time.Since(began).Nanoseconds()
	return conn, nil
}

// spread is the median, p99 and maximum, and how many took a second or longer.
func spread(ns []int64) (quantiles [3]int64, slow int) {
	slices.Sort(ns)
	first, _ := slices.BinarySearch(ns, int64(time.Second))
	return [3]int64{ns[len(ns)/2], ns[len(ns)*99/100], ns[len(ns)-1]}, len(ns) - first
}

// listenFailures reads ListenOverflows and ListenDrops from /proc/net/netstat, whose
// lines come in pairs, names and values.
func listenFailures(b *testing.B) (overflows, drops int64) {
	b.Helper()
	text, err := os.ReadFile("/proc/net/netstat")
	if err != nil {
		b.Fatal(err)
	}
	lines := bytes.Split(text, []byte("\n"))
	for i := 0; i+1 < len(lines); i += 2 {
		names, values := strings.Fields(string(lines[i])), strings.Fields(string(lines[i+1]))
		for j := range min(len(names), len(values)) {
			n, _ := strconv.ParseInt(values[j], 10, 64)
			switch names[j] {
			case "ListenOverflows":
				overflows = n
			case "ListenDrops":
				drops = n
			}
		}
	}
	return overflows, drops
}
