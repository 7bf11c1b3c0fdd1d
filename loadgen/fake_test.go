package loadgen

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"c10klab/internal/kafka"
	"c10klab/internal/knob"
	"c10klab/internal/record"
)

// fakeServer accepts connections and gives every frame, length included, to
// handle, which writes what it likes; false hangs up.
type fakeServer struct {
	addr     string
	listener net.Listener
	handle   func(conn net.Conn, frame []byte) bool

	mu    sync.Mutex
	conns []net.Conn
	wg    sync.WaitGroup
}

func startFake(t testing.TB, handle func(conn net.Conn, frame []byte) bool) *fakeServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &fakeServer{addr: listener.Addr().String(), listener: listener, handle: handle}
	s.wg.Go(s.accept)
	t.Cleanup(s.close)
	return s
}

func (s *fakeServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns = append(s.conns, conn)
		s.mu.Unlock()
		s.wg.Go(func() { s.serve(conn) })
	}
}

func (s *fakeServer) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	var frame []byte
	for {
		prefix, err := in.Peek(kafka.PrefixBytes)
		if err != nil {
			return
		}
		size := kafka.PrefixBytes + int(binary.BigEndian.Uint32(prefix))
		if cap(frame) < size {
			frame = make([]byte, size)
		}
		if _, err := io.ReadFull(in, frame[:size]); err != nil {
			return
		}
		if !s.handle(conn, frame[:size]) {
			return
		}
	}
}

// close ends all connections.
func (s *fakeServer) close() {
	s.listener.Close()
	s.mu.Lock()
	for _, conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

func echoFrame(conn net.Conn, frame []byte) bool {
	_, err := conn.Write(frame)
	return err == nil
}

func framed(payload []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
}

// config builds a short run from knobs given as name, value, name, value …
func config(t testing.TB, target string, pairs ...string) Config {
	t.Helper()
	values := knob.NewTable(Knobs).Defaults()
	short := []string{"warm-up", "50ms", "window", "300ms", "drain", "2s", "producers", "8"}
	for i, all := 0, append(short, pairs...); i < len(all); i += 2 {
		if err := values.Set(all[i], all[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := ConfigFrom(values)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Target = target
	return cfg
}

func echoConfig(t testing.TB, target string, pairs ...string) Config {
	return config(t, target, append([]string{"protocol", "echo", "rate-requests", "1000"}, pairs...)...)
}

// brokerAt is the target with its admin port.
func brokerAt(admin string) []Server { return []Server{{record.Broker, admin}} }

func run(t testing.TB, cfg Config) *record.Measurement {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	m, err := Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range m.Checks {
		t.Logf("%-60s %10.3f ≤ %10.3f %s %v", c.Name, c.Value, c.Limit, c.Unit, c.OK)
	}
	return m
}
