package models

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"c10klab/internal/knob"
	"c10klab/internal/stage"
)

const testFileBytes = 3 << 20

// patience bounds waits for things that must happen; it is no measure of speed.
const patience = 60 * time.Second

// bench is a server under test.
type bench struct {
	t       *testing.T
	config  Config
	server  *Server
	service *testService
	stages  *stage.Recorder
	logs    *logBook
	stopped bool
}

func defaultConfig(t testing.TB, settings ...string) Config {
	t.Helper()
	values := knob.NewTable(Knobs).Defaults()
	for _, s := range settings {
		name, text, _ := strings.Cut(s, "=")
		if err := values.Set(name, text); err != nil {
			t.Fatal(err)
		}
	}
	config, err := ConfigFrom(values, true)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func startBench(t *testing.T, config Config) *bench {
	t.Helper()
	return startBenchOn(t, config, newCountedFile(t, testFileBytes))
}

// startBenchOn serves parts of the given file.
func startBenchOn(t *testing.T, config Config, file *countedFile) *bench {
	t.Helper()
	b := &bench{t: t, config: config, logs: &logBook{}, stages: stage.NewRecorder(testAPIs),
		service: &testService{file: file, gate: make(chan struct{}),
			later: make(chan struct{}), answers: make(chan struct{}, 16)}}
	server, err := Start(config, "127.0.0.1:0", b.service, b.stages, b.logs.log)
	if err != nil {
		t.Fatal(err)
	}
	b.server = server
	t.Cleanup(b.stop)
	return b
}

func (b *bench) stop() {
	b.t.Helper()
	if b.stopped {
		return
	}
	b.stopped = true
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.server.Stop(ctx); err != nil {
		b.t.Error(err)
	}
	if n := b.service.file.references.Load(); n != 0 {
		b.t.Errorf("%d file references were not released", n)
	}
}

// client is one connection to the server under test.
type client struct {
	t *testing.T
	*net.TCPConn
}

func (b *bench) dial() client {
	b.t.Helper()
	c, err := net.DialTimeout("tcp", b.server.Addr(), patience)
	if err != nil {
		b.t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	b.t.Cleanup(func() { c.Close() })
	return client{b.t, c.(*net.TCPConn)}
}

func (c client) send(p []byte) {
	c.t.Helper()
	if _, err := c.Write(p); err != nil {
		c.t.Fatal(err)
	}
}

// receive reads one answer and splits it into tag and body.
func (c client) receive() (uint32, []byte, error) {
	var prefix [lengthBytes]byte
	if _, err := io.ReadFull(c, prefix[:]); err != nil {
		return 0, nil, err
	}
	answer := make([]byte, binary.BigEndian.Uint32(prefix[:]))
	if _, err := io.ReadFull(c, answer); err != nil {
		return 0, nil, err
	}
	return binary.BigEndian.Uint32(answer), answer[4:], nil
}

func (c client) expect(tag uint32, body []byte) {
	c.t.Helper()
	got, gotBody, err := c.receive()
	if err != nil {
		c.t.Fatalf("answer %d: %v", tag, err)
	}
	if got != tag || !bytes.Equal(gotBody, body) {
		c.t.Fatalf("got answer %d of %d bytes, want %d of %d bytes", got, len(gotBody), tag, len(body))
	}
}

func (b *bench) fileAnswer(offset, length int) []byte {
	answer := append([]byte{'<'}, b.service.file.content[offset:offset+length]...)
	return append(answer, '>')
}

// everyCombination runs a test for each model and send strategy that fit, with
// settings on top.
func everyCombination(t *testing.T, test func(t *testing.T, b *bench), settings ...string) {
	everyPair(t, func(t *testing.T, config Config) {
		needResidency(t, config)
		test(t, startBench(t, config))
	}, settings...)
}

// everyPair is everyCombination without a server.
func everyPair(t *testing.T, test func(t *testing.T, c Config), settings ...string) {
	for _, m := range Models() {
		for _, s := range Sends() {
			config := defaultConfig(t, append([]string{"model=" + m.Name, "send=" + s.Name}, settings...)...)
			var refused *RefusedError
			if err := Check(config); errors.As(err, &refused) {
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			t.Run(m.Name+"/"+s.Name, func(t *testing.T) { test(t, config) })
		}
	}
}
