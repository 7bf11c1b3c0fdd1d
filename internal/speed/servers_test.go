package speed

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"c10klab/internal/kafka"
	"c10klab/internal/osthread"
	"c10klab/internal/poll"
	"c10klab/results"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// asServer in the environment makes the test binary be one of servers and nothing else.
const asServer = "C10KLAB_SPEED_SERVER"

// servers are yardsticks in Go. Each prints its port and serves until it is ended.
var servers = map[string]func() error{"netecho": netEcho, "threadecho": threadEcho, "producesink": produceSink}

func TestMain(m *testing.M) {
	if serve, known := servers[os.Getenv(asServer)]; known {
		fmt.Fprintln(os.Stderr, serve())
		os.Exit(1)
	}
	if recordDir != "" {
		made = results.MadeHere()
	}
	os.Exit(m.Run())
}

// buildServers compiles the test binary, which is the servers too.
func buildServers(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "servers")
	run(b, "go", "test", "-c", "-o", path, ".")
	return path
}

// listen prints the port that it listens on, and hands every connection to serve.
func listen(serve func(*net.TCPConn) error) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		conn, err := listener.Accept()
		if err == nil {
			err = serve(conn.(*net.TCPConn))
		}
		if err != nil {
			return err
		}
	}
}

// netEcho is a bare echo server on package net: a goroutine a connection, frames of a
// 4-byte length and a payload.
func netEcho() error {
	return listen(func(conn *net.TCPConn) error {
		go echoFrames(conn)
		return nil
	})
}

// echoFrames reads what there is, as a server would, and answers each whole frame.
func echoFrames(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, 16<<10)
	for filled := 0; ; {
		n, err := conn.Read(buffer[filled:])
		if err != nil {
			return // the client is gone
		}
		filled += n
		for filled >= 4 {
			frame := 4 + int(binary.BigEndian.Uint32(buffer))
			if frame > len(buffer) || filled < frame {
				break
			}
			if _, err := conn.Write(buffer[:frame]); err != nil {
				return
			}
			filled = copy(buffer, buffer[frame:filled])
		}
	}
}

// threadEcho gives each connection a blocking thread that sends back what it receives,
// with the project's threads and system calls and nothing else: what a server of such
// threads in Go can reach.
func threadEcho() error {
	cpus, err := osthread.ParseCPUs(serverCPU)
	if err == nil {
		err = osthread.PinProcess(cpus)
	}
	if err != nil {
		return err
	}
	threads := osthread.NewRegistry(osthread.Options{SharePs: true})
	accepted := 0
	return listen(func(conn *net.TCPConn) error {
		blocking, err := conn.File()
		if err != nil {
			return err
		}
		conn.Close()
		accepted++
		return threads.StartSoon(fmt.Sprintf("conn-%d", accepted), func(*osthread.Thread) { echoBlocking(blocking) }, func(error) {})
	})
}

// echoBlocking serves a connection to its end.
func echoBlocking(conn *os.File) {
	defer conn.Close()
	fd := int(conn.Fd())
	var buffer [512]byte
	for {
		n, errno := poll.RecvWait(fd, buffer[:])
		if n <= 0 || errno != 0 {
			return
		}
		if _, errno := poll.Send(fd, buffer[:n], false); errno != 0 {
			return
		}
	}
}

// produceSink is a Kafka broker that throws away what is produced: a target that costs
// next to nothing, so that a load generator's own limits show. Of a Produce request it
// reads the beginning, has the kernel discard the rest (MSG_TRUNC, tcp(7)) and answers.
// It has every topic, with sinkPartitions that stay empty.
func produceSink() error {
	return listen(func(conn *net.TCPConn) error {
		go discard(conn)
		return nil
	})
}

const (
	sinkBufferBytes = 32 << 10
	// sinkHeadBytes of a frame are looked at; control requests fit.
	sinkHeadBytes = 4096
	// sinkPartitions is how many each topic has.
	sinkPartitions = 30
)

// discard answers one connection until it ends.
func discard(conn *net.TCPConn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, sinkBufferBytes)
	var out []byte
	for {
		prefix, err := in.Peek(kafka.PrefixBytes)
		if err != nil {
			return // the client is gone
		}
		size := int(binary.BigEndian.Uint32(prefix)) + kafka.PrefixBytes
		head, err := in.Peek(min(size, sinkHeadBytes))
		if err != nil {
			return
		}
		payload, err := answerProduce(out[:0], head[kafka.PrefixBytes:])
		if err == nil {
			err = skip(conn, in, size)
		}
		if err == nil && len(payload) > 0 {
			out = payload
			_, err = conn.Write(payload)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
	}
}

// skip throws away n bytes, of which the reader may hold some.
func skip(conn *net.TCPConn, in *bufio.Reader, n int) error {
	buffered := min(n, in.Buffered())
	if _, err := in.Discard(buffered); err != nil {
		return err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	for left := n - buffered; left > 0; {
		var received int
		var failure error
		err := raw.Read(func(fd uintptr) bool {
			got, _, errno := syscall.Syscall6(syscall.SYS_RECVFROM, fd, 0, uintptr(left), syscall.MSG_TRUNC|syscall.MSG_DONTWAIT, 0, 0)
			if errno == syscall.EAGAIN {
				return false
			}
			if errno != 0 {
				failure = errno
			}
			received = int(got)
			return true
		})
		if err == nil {
			err = failure
		}
		if err == nil && received == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		left -= received
	}
	return nil
}

// answerProduce appends the framed answer to a request of which the beginning is given;
// nothing to one with acks 0.
func answerProduce(out, request []byte) ([]byte, error) {
	h, body, err := kafka.ParseRequestHeader(request)
	if err != nil {
		return nil, err
	}
	start := len(out)
	out = append(out, 0, 0, 0, 0)
	out = kafka.AppendResponseHeader(out, h.Key, h.Version, h.CorrelationID)
	if h.Key == kmsg.Produce.Int16() {
		acks, topic, partition := producedTo(body)
		if acks == 0 {
			return nil, nil
		}
		out = appendProduced(out, topic, partition)
	} else {
		req := kmsg.RequestForKey(h.Key)
		req.SetVersion(h.Version)
		if err := req.ReadFrom(body); err != nil {
			return nil, fmt.Errorf("read a request of API %d: %w", h.Key, err)
		}
		out = control(req).AppendTo(out)
	}
	binary.BigEndian.PutUint32(out[start:], uint32(len(out)-start-kafka.PrefixBytes))
	return out, nil
}

// producedTo reads a Produce request of versions 3 to 8 up to its one partition.
func producedTo(body []byte) (acks int16, topic []byte, partition int32) {
	const acksAt, topicAt = 2, 12 // after a null transactional id; after acks, timeout, count
	acks = int16(binary.BigEndian.Uint16(body[acksAt:]))
	length := int(binary.BigEndian.Uint16(body[topicAt:]))
	topic = body[topicAt+2:][:length]
	const partitionsCountBytes = 4
	return acks, topic, int32(binary.BigEndian.Uint32(body[topicAt+2+length+partitionsCountBytes:]))
}

// appendProduced appends a Produce response of version 7 without an error.
func appendProduced(out, topic []byte, partition int32) []byte {
	out = binary.BigEndian.AppendUint32(out, 1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(topic)))
	out = append(out, topic...)
	out = binary.BigEndian.AppendUint32(out, 1)
	out = binary.BigEndian.AppendUint32(out, uint32(partition))
	const errorOffsetsThrottle = 2 + 3*8 + 4
	return append(out, make([]byte, errorOffsetsThrottle)...)
}

// control answers what a client asks beside producing.
func control(req kmsg.Request) kmsg.Response {
	resp := req.ResponseKind()
	switch req := req.(type) {
	case *kmsg.ApiVersionsRequest:
		for _, key := range []kmsg.Key{kmsg.Produce, kmsg.Fetch, kmsg.Metadata, kmsg.CreateTopics, kmsg.ListOffsets} {
			api := kmsg.NewApiVersionsResponseApiKey()
			api.ApiKey, api.MaxVersion = key.Int16(), 11
			resp.(*kmsg.ApiVersionsResponse).ApiKeys = append(resp.(*kmsg.ApiVersionsResponse).ApiKeys, api)
		}
	case *kmsg.MetadataRequest:
		resp.(*kmsg.MetadataResponse).Brokers = []kmsg.MetadataResponseBroker{kmsg.NewMetadataResponseBroker()} // alone, so its address is not looked at
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic = req.Topics[0].Topic
		for number := range int32(sinkPartitions) {
			p := kmsg.NewMetadataResponseTopicPartition()
			p.Partition = number
			topic.Partitions = append(topic.Partitions, p)
		}
		resp.(*kmsg.MetadataResponse).Topics = append(resp.(*kmsg.MetadataResponse).Topics, topic)
	case *kmsg.ListOffsetsRequest:
		topic := kmsg.NewListOffsetsResponseTopic()
		topic.Topic = req.Topics[0].Topic
		for _, asked := range req.Topics[0].Partitions {
			p := kmsg.NewListOffsetsResponseTopicPartition()
			p.Partition = asked.Partition
			topic.Partitions = append(topic.Partitions, p)
		}
		resp.(*kmsg.ListOffsetsResponse).Topics = append(resp.(*kmsg.ListOffsetsResponse).Topics, topic)
	}
	return resp
}
