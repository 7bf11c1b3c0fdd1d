package speed

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"c10klab/internal/kafka"
	"c10klab/internal/record"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	hostileSeconds = 10
	probePause     = 5 * time.Millisecond
	probeTopic     = "probe"
)

// hostilities are what clients do to a server while another one only wants its answers. Each goes on
// until its context ends.
var hostilities = []struct {
	name string
	harm func(ctx context.Context, target string)
}{
	{"nobody", func(ctx context.Context, _ string) { <-ctx.Done() }},
	{"5000 idle connections", func(ctx context.Context, target string) {
		atOnce(ctx, target, 5000, func(ctx context.Context, _ net.Conn) { <-ctx.Done() })
	}},
	{"500 slow connections", func(ctx context.Context, target string) {
		frame := framed(kmsg.NewPtrApiVersionsRequest())
		atOnce(ctx, target, 500, func(ctx context.Context, conn net.Conn) { // a byte each tenth second
			for i := 0; ; i = (i + 1) % len(frame) {
				if _, err := conn.Write(frame[i : i+1]); err != nil || !pause(ctx, 100*time.Millisecond) {
					return
				}
			}
		})
	}},
	{"garbage", func(ctx context.Context, target string) {
		again(ctx, target, 20, func(_ context.Context, conn net.Conn) {
			garbage := make([]byte, 4096)
			for i := range garbage {
				garbage[i] = byte(rand.Uint32())
			}
			conn.Write(garbage)
			conn.SetReadDeadline(time.Now().Add(time.Second))
			io.Copy(io.Discard, conn)
		})
	}},
	{"resets", func(ctx context.Context, target string) {
		frame := framed(kmsg.NewPtrApiVersionsRequest())
		again(ctx, target, 20, func(_ context.Context, conn net.Conn) {
			conn.Write(frame)
			conn.(*net.TCPConn).SetLinger(0)
		})
	}},
	{"200 readers that never read", func(ctx context.Context, target string) {
		frame := framed(fetchAll())
		atOnce(ctx, target, 200, func(ctx context.Context, conn net.Conn) {
			for range 20 {
				conn.SetWriteDeadline(time.Now().Add(time.Second))
				conn.Write(frame)
			}
			<-ctx.Done()
		})
	}},
	{"15 half-sent frames of 100 MiB", func(ctx context.Context, target string) {
		atOnce(ctx, target, 15, func(ctx context.Context, conn net.Conn) {
			head := binary.BigEndian.AppendUint32(nil, 100<<20)
			conn.Write(head)
			piece := make([]byte, 1<<20)
			for range 90 {
				conn.SetWriteDeadline(time.Now().Add(time.Second))
				if _, err := conn.Write(piece); err != nil {
					break
				}
			}
			<-ctx.Done()
		})
	}},
}

// harm is what a probing client saw beside clients of a kind.
type harm struct {
	Model, Kind string
	Probes      int
	Errors      int
	// Answer times in nanoseconds: median, p99, max.
	AnswerNs [3]int64
	RSSBytes float64 // of the server at the end
}

// BenchmarkHostileClients has clients of each kind do their worst to each model for some seconds, while
// another one asks about a topic, again and again: it must see no error.
func BenchmarkHostileClients(b *testing.B) {
	binary := buildC10klab(b)
	var all []harm
	fmt.Printf("\n%-26s %-32s %8s %8s %30s %10s\n", "model", "beside", "probes", "errors", "answer ms: p50 p99 max", "RSS MiB")
	for _, model := range []string{"thread-per-connection", "reactor", "reactor-pool", "loop-per-thread", "loop-per-thread-pool", "goroutine-per-connection"} {
		for _, kind := range hostilities {
			ready, stop := serve(b, binary, "--model", model, "--gc", "on", "--data", b.TempDir())
			h := harmOf(b, ready, kind.harm)
			h.Model, h.Kind = model, kind.name
			stop()
			fmt.Printf("%-26s %-32s %8d %8d %30s %10.0f\n", h.Model, h.Kind, h.Probes, h.Errors, inMs(h.AnswerNs), h.RSSBytes/(1<<20))
			all = append(all, h)
		}
	}
	keep(b, "hostile-clients", all)
}

func harmOf(b *testing.B, ready record.ServerReady, harmful func(ctx context.Context, target string)) (h harm) {
	b.Helper()
	ctx, end := context.WithTimeout(b.Context(), time.Duration(brief(hostileSeconds))*time.Second)
	defer end()
	var running sync.WaitGroup
	running.Go(func() { harmful(ctx, ready.Listen) })
	pause(ctx, time.Second) // until they are all there
	var ns []int64
	var client *kafka.Client
	for pause(ctx, probePause) {
		began := time.Now()
		asking, ends := context.WithTimeout(b.Context(), 30*time.Second)
		var err error
		if client == nil {
			client, err = kafka.Dial(asking, ready.Listen)
		}
		if err == nil {
			_, err = client.Do(asking, probe())
		}
		ends()
		if h.Probes++; err != nil {
			h.Errors++
			client = nil
		}
		ns = append(ns, time.Since(began).Nanoseconds())
	}
	h.RSSBytes = metric(ready, "process_resident_memory_bytes")
	end()
	running.Wait()
	if len(ns) > 0 {
		h.AnswerNs, _ = spread(ns)
	}
	if client != nil {
		client.Close()
	}
	return h
}

// probe asks about a topic, which is made by that.
func probe() kmsg.Request {
	topic := probeTopic
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = &topic
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(4)
	req.AllowAutoTopicCreation = true
	req.Topics = []kmsg.MetadataRequestTopic{asked}
	return req
}

func fetchAll() kmsg.Request {
	p := kmsg.NewFetchRequestTopicPartition()
	p.PartitionMaxBytes = 1 << 20
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.Partitions = probeTopic, []kmsg.FetchRequestTopicPartition{p}
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(11)
	req.MaxBytes, req.SessionEpoch = 1<<20, -1
	req.Topics = []kmsg.FetchRequestTopic{topic}
	return req
}

func framed(req kmsg.Request) []byte { return kafka.AppendRequest(nil, 1, "hostile", req) }

// atOnce keeps n connections in use until the end.
func atOnce(ctx context.Context, target string, n int, use func(ctx context.Context, conn net.Conn)) {
	var running sync.WaitGroup
	for range n {
		conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", target)
		if err != nil {
			break
		}
		running.Go(func() {
			defer conn.Close()
			use(ctx, conn)
		})
	}
	running.Wait()
}

// again has n clients connect and use their connection, again and again.
func again(ctx context.Context, target string, n int, use func(ctx context.Context, conn net.Conn)) {
	var running sync.WaitGroup
	for range n {
		running.Go(func() {
			for ctx.Err() == nil {
				conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", target)
				if err == nil {
					use(ctx, conn)
					conn.Close()
				} else {
					pause(ctx, 10*time.Millisecond) // out of ports
				}
			}
		})
	}
	running.Wait()
}

// pause reports false when ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
