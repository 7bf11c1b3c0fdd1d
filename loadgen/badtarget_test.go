package loadgen

import (
	"bytes"
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"c10klab/internal/kafka"
	"c10klab/internal/knob"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// goodFrames are what a target answers right before it goes bad: all first answers and
// some of the load.
const goodFrames = 100

// TestEchoTargetsThatGoBadAreErrors lets a target that was good until then do something
// that no server of the protocol does. The run must not end with numbers.
func TestEchoTargetsThatGoBadAreErrors(t *testing.T) {
	respond := func(answer []byte) func(net.Conn, []byte) bool {
		return func(conn net.Conn, _ []byte) bool {
			_, err := conn.Write(answer)
			return err == nil
		}
	}
	for name, c := range map[string]struct {
		bad  func(conn net.Conn, frame []byte) bool
		want string
	}{
		"hangs up":   {func(net.Conn, []byte) bool { return false }, "closed by the target"},
		"HTTP":       {respond([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")), "frame length"},
		"long frame": {respond([]byte{0, 0, 1, 0}), "at most 64"},
		"no id":      {respond([]byte{0, 0, 0, 0}), "no correlation id"},
		"other correlation id": {func(conn net.Conn, frame []byte) bool {
			binary.BigEndian.PutUint32(frame[kafka.PrefixBytes:], binary.BigEndian.Uint32(frame[kafka.PrefixBytes:])+1)
			return echoFrame(conn, frame)
		}, "correlation id"},
		"answers twice": {func(conn net.Conn, frame []byte) bool {
			_, err := conn.Write(append(frame, frame...))
			return err == nil
		}, "correlation id"},
	} {
		t.Run(name, func(t *testing.T) {
			var frames atomic.Int64
			s := startFake(t, func(conn net.Conn, frame []byte) bool {
				if frames.Add(1) > goodFrames {
					return c.bad(conn, frame)
				}
				return echoFrame(conn, frame)
			})
			text := runError(t, t.Context(), echoConfig(t, s.addr))
			if !strings.Contains(text, "connection of producer") || !strings.Contains(text, c.want) {
				t.Errorf("%q names no connection or lacks %q", text, c.want)
			}
		})
	}
}

func TestBrokersThatGoBadAreErrors(t *testing.T) {
	for name, c := range map[string]struct {
		// spoil changes a good Produce answer; nil: hang up instead.
		spoil func(resp *kmsg.ProduceResponse, id int32) int32
		want  string
	}{
		"hangs up":             {nil, "closed by the target"},
		"other correlation id": {func(_ *kmsg.ProduceResponse, id int32) int32 { return id + 1 }, "correlation id"},
		"other partition": {func(resp *kmsg.ProduceResponse, id int32) int32 {
			resp.Topics[0].Partitions[0].Partition++
			return id
		}, "partition"},
		"two partitions": {func(resp *kmsg.ProduceResponse, id int32) int32 {
			partitions := &resp.Topics[0].Partitions
			*partitions = append(*partitions, (*partitions)[0])
			return id
		}, "2 partitions"},
		"no topic": {func(resp *kmsg.ProduceResponse, id int32) int32 {
			resp.Topics = nil
			return id
		}, "Produce response"},
	} {
		t.Run(name, func(t *testing.T) {
			b := startFakeBroker(t)
			good := b.handle
			var produced atomic.Int64
			b.handle = func(conn net.Conn, frame []byte) bool {
				h, body, err := kafka.ParseRequestHeader(frame[kafka.PrefixBytes:])
				if err != nil || h.Key != kmsg.Produce.Int16() || produced.Add(1) <= goodFrames/2 {
					return good(conn, frame)
				}
				if c.spoil == nil {
					return false
				}
				return answerSpoilt(b, conn, h, body, c.spoil)
			}
			text := runError(t, t.Context(), kafkaConfig(t, b.addr, "reconnect", "0s"))
			if !strings.Contains(text, "connection of producer") || !strings.Contains(text, c.want) {
				t.Errorf("%q names no connection or lacks %q", text, c.want)
			}
		})
	}
}

// answerSpoilt answers a Produce request as the broker would, but for what spoil does.
func answerSpoilt(b *fakeBroker, conn net.Conn, h kafka.RequestHeader, body []byte, spoil func(*kmsg.ProduceResponse, int32) int32) bool {
	var req kmsg.ProduceRequest
	req.SetVersion(h.Version)
	if req.ReadFrom(body) != nil {
		return false
	}
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	b.answer(&req, resp)
	id := spoil(resp, h.CorrelationID)
	_, err := conn.Write(framed(resp.AppendTo(kafka.AppendResponseHeader(nil, h.Key, h.Version, id))))
	return err == nil
}

// swapper holds one request of each connection back and answers it after the next one.
type swapper struct {
	answer func(conn net.Conn, frame []byte) bool // one request, in its turn

	mu   sync.Mutex
	held map[net.Conn][]byte
}

func newSwapper(answer func(net.Conn, []byte) bool) *swapper {
	return &swapper{answer: answer, held: map[net.Conn][]byte{}}
}

func (s *swapper) handle(conn net.Conn, frame []byte) bool {
	s.mu.Lock()
	first, waits := s.held[conn]
	delete(s.held, conn)
	if !waits {
		s.held[conn] = bytes.Clone(frame)
	}
	s.mu.Unlock()
	return !waits || s.answer(conn, frame) && s.answer(conn, first)
}

// TestTargetsThatSwapAnswersAreErrors has two requests of one connection, in flight
// together and alike but for their correlation ids, answered in the wrong order: matched by
// order alone, each would be given the other's time.
func TestTargetsThatSwapAnswersAreErrors(t *testing.T) {
	for _, mode := range []string{ModeOpen, ModeClosed} {
		pipelined := []string{"mode", mode, "rate-requests", "2000", "in-flight", "4"}
		t.Run("echo, "+mode, func(t *testing.T) {
			var frames atomic.Int64
			swapped := newSwapper(echoFrame)
			s := startFake(t, func(conn net.Conn, frame []byte) bool {
				if frames.Add(1) <= goodFrames {
					return echoFrame(conn, frame)
				}
				return swapped.handle(conn, frame)
			})
			wantSwapNamed(t, echoConfig(t, s.addr, pipelined...))
		})
		t.Run("kafka, "+mode, func(t *testing.T) {
			b := startFakeBroker(t)
			good := b.handle
			var produced atomic.Int64
			swapped := newSwapper(good)
			b.handle = func(conn net.Conn, frame []byte) bool {
				h, _, err := kafka.ParseRequestHeader(frame[kafka.PrefixBytes:])
				if err != nil || h.Key != kmsg.Produce.Int16() || produced.Add(1) <= goodFrames/2 {
					return good(conn, frame)
				}
				return swapped.handle(conn, frame)
			}
			wantSwapNamed(t, kafkaConfig(t, b.addr, pipelined...))
		})
	}
}

// wantSwapNamed runs a load against a target that swaps answers.
func wantSwapNamed(t *testing.T, cfg Config) {
	t.Helper()
	text := runError(t, t.Context(), cfg)
	for _, part := range []string{"connection of producer", "answer with correlation id", "next is"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q lacks %q", text, part)
		}
	}
}

func TestTargetsThatSpeakSomethingElseAreErrors(t *testing.T) {
	for name, answer := range map[string]string{"HTTP": "HTTP/1.1 400 Bad Request\r\n\r\n", "nothing, and hangs up": ""} {
		s := startFake(t, func(conn net.Conn, _ []byte) bool {
			_, err := conn.Write([]byte(answer))
			return err == nil && answer != ""
		})
		for _, cfg := range []Config{echoConfig(t, s.addr), kafkaConfig(t, s.addr)} {
			if text := runError(t, t.Context(), cfg); text == "" {
				t.Errorf("%s over %s: an error without a text", name, cfg.Protocol)
			}
		}
	}
}

func TestRateThatNoMachineOffersIsAnError(t *testing.T) {
	s := startFake(t, echoFrame)
	cfg := echoConfig(t, s.addr, "rate-requests", "1e8", "drain", "100ms")
	if text := runError(t, t.Context(), cfg); !strings.Contains(text, "cannot offer that rate: 1e+08 requests/s") {
		t.Errorf("%q does not name the rate", text)
	}
}

func TestPhasesThatNoClockCountsAreRefused(t *testing.T) {
	for _, name := range []string{"warm-up", "window", "drain"} {
		values := knob.NewTable(Knobs).Defaults()
		if err := values.Set(name, "1000000h"); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s of a million hours: %v", name, err)
		}
	}
}
