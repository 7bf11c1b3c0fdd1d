package loadgen

import (
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"c10klab/internal/kafka"
	"c10klab/internal/knob"

	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"
)

// observed counts the frames of each connection of a fake target and, once, the
// connections that stand.
type observed struct {
	mu     sync.Mutex
	frames map[net.Conn]map[int16]int // by the frame's API key
	all    int                        // frames
	open   int                        // connections that stood at the nth of them
}

func newObserved() *observed { return &observed{frames: map[net.Conn]map[int16]int{}} }

// note counts a frame. The nth one counts the connections that have sent anything and
// that nobody has closed.
func (o *observed) note(t *testing.T, conn net.Conn, key int16, nth int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.frames[conn] == nil {
		o.frames[conn] = map[int16]int{}
	}
	o.frames[conn][key]++
	o.all++
	if o.all != nth {
		return
	}
	for each := range o.frames {
		if established(t, each) {
			o.open++
		}
	}
}

// established asks the kernel whether both ends of a connection are open.
func established(t *testing.T, conn net.Conn) bool {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Error(err)
		return false
	}
	const tcpEstablished = 1 // TCP_ESTABLISHED, include/net/tcp_states.h
	var state uint8
	err = raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			state = info.State
		}
	})
	return err == nil && state == tcpEstablished
}

// startObserved is an echo target; echo frames have no API key, so that all count under 0.
func startObserved(t *testing.T, nth int) (*fakeServer, *observed) {
	o := newObserved()
	return startFake(t, func(conn net.Conn, frame []byte) bool {
		o.note(t, conn, 0, nth)
		return echoFrame(conn, frame)
	}), o
}

// startObservedBroker counts Kafka's requests.
func startObservedBroker(t *testing.T) (*fakeBroker, *observed) {
	b, o := startFakeBroker(t), newObserved()
	good := b.handle
	b.handle = func(conn net.Conn, frame []byte) bool {
		o.note(t, conn, int16(binary.BigEndian.Uint16(frame[kafka.PrefixBytes:])), -1)
		return good(conn, frame)
	}
	return b, o
}

func TestIdleConnectionsStayOpenAndAskOnce(t *testing.T) {
	const inTheWindow = 200 // of about 350 frames
	s, o := startObserved(t, inTheWindow)
	m := run(t, echoConfig(t, s.addr, "connections", "10", "idle-share", "0.6"))
	if c := m.Connections; c.Open != 10 || c.Idle != 6 {
		t.Errorf("%d connections, %d of them idle; want 10 and 6", c.Open, c.Idle)
	}
	if o.open != 10 {
		t.Errorf("%d of 10 connections stand within the window", o.open)
	}
	asked, sent := 0, 0
	for _, keys := range o.frames {
		if keys[0] == 1 {
			asked++
		}
		sent += keys[0]
	}
	if asked != 6 || len(o.frames) != 10 {
		t.Errorf("%d of %d connections sent one frame, want 6 of 10", asked, len(o.frames))
	}
	if n := echoSpan(m, "ResponseTime").Count(); n != m.OfferedRequests || m.Answered > int64(sent-asked) {
		t.Errorf("%d response times of %d requests, %d answered of the producers' %d", n, m.OfferedRequests, m.Answered, sent-asked)
	}
}

func TestIdleConnectionsOfKafkaAskForApiVersions(t *testing.T) {
	b, o := startObservedBroker(t)
	run(t, kafkaConfig(t, b.addr, "connections", "8", "idle-share", "0.5"))
	idle := 0
	for _, keys := range o.frames {
		if asked := keys[kmsg.ApiVersions.Int16()]; asked > 0 && len(keys) == 1 {
			idle++
			if asked != 1 {
				t.Errorf("an idle connection asked %d times", asked)
			}
		}
	}
	if idle != 4 {
		t.Errorf("%d connections asked for nothing but ApiVersions, want 4", idle)
	}
}

func TestIdleConnectionsAskOnceAnInterval(t *testing.T) {
	const interval = 20 * time.Millisecond
	s, o := startObserved(t, -1)
	began := time.Now()
	m := run(t, echoConfig(t, s.addr, "connections", "5", "idle-share", "0.8", "idle-interval", interval.String(), "schedule", "constant", "rate-requests", "3000"))
	most := 2 + int(time.Since(began)/interval) // the first, one an interval, and what rounding adds
	idle := 0
	for _, keys := range o.frames {
		if asked := keys[0]; asked <= most {
			idle++
			if asked < 2 {
				t.Errorf("an idle connection asked %d times in many intervals", asked)
			}
		}
	}
	if idle != 4 {
		t.Errorf("%d connections sent at most %d frames, want the 4 idle ones", idle, most)
	}
	if m.OfferedRequests != 900 || echoSpan(m, "ResponseTime").Count() != 900 {
		t.Errorf("%d requests offered, %d response times; the producer's plan has 900 in the window", m.OfferedRequests, echoSpan(m, "ResponseTime").Count())
	}
}

func TestIdleShareWithoutConnectionsIsRefused(t *testing.T) {
	values := knob.NewTable(Knobs).Defaults()
	if err := values.Set("idle-share", "0.5"); err != nil {
		t.Fatal(err)
	}
	if _, err := ConfigFrom(values); err == nil || !strings.Contains(err.Error(), "knob idle-share") || !strings.Contains(err.Error(), "connections") {
		t.Errorf("a share of no connections: %v", err)
	}
}
