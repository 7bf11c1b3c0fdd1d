package loadgen

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"c10klab/internal/need"
)

func TestConnectionsComeFromSourceAddressesInTurn(t *testing.T) {
	for _, c := range []struct{ addresses, connections, idleShare string }{
		{"1", "7", "0"}, {"3", "7", "0"}, {"3", "7", "0.5"}, {"5", "3", "0"},
	} {
		s, o := startObserved(t, -1)
		run(t, echoConfig(t, s.addr, "source-addresses", c.addresses, "connections", c.connections, "idle-share", c.idleShare))
		from := map[string]int{}
		for conn := range o.frames {
			host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
			if err != nil {
				t.Fatal(err)
			}
			from[host]++
		}
		want := map[string]map[string]int{
			"1": {"127.0.0.1": 7},
			"3": {"127.0.0.1": 3, "127.0.0.2": 2, "127.0.0.3": 2},
			"5": {"127.0.0.1": 1, "127.0.0.2": 1, "127.0.0.3": 1},
		}[c.addresses]
		if fmt.Sprint(from) != fmt.Sprint(want) {
			t.Errorf("%s addresses, %s connections, %s idle: %v, want %v", c.addresses, c.connections, c.idleShare, from, want)
		}
	}
}

func TestSourceAddressesNeedALoopbackTarget(t *testing.T) {
	for _, target := range []string{"192.0.2.1:9092", "[::1]:9092"} {
		if _, err := newDialer(target, 2); err == nil || !strings.Contains(err.Error(), "knob source-addresses") || !strings.Contains(err.Error(), target) {
			t.Errorf("%s: %v, want an error with the knob and the target", target, err)
		}
		if _, err := newDialer(target, 1); err != nil {
			t.Errorf("%s from any address: %v", target, err)
		}
	}
}

func TestMoreConnectionsThanPortsAreRefusedWithTheAddressesNeeded(t *testing.T) {
	if err := checkPorts(1000, 1); err != nil {
		need.Lacking(t, "1000 local ports: "+err.Error())
	}
	const moreThanPorts = 1<<16 + 1
	if err := checkPorts(moreThanPorts, 1); err == nil || !strings.Contains(err.Error(), "raise knob source-addresses to ") {
		t.Errorf("%d connections from one address: %v", moreThanPorts, err)
	}
	if err := checkPorts(moreThanPorts, 200); err != nil {
		t.Errorf("%d connections from 200 addresses: %v", moreThanPorts, err)
	}
}

func TestGeneratorWithoutRoomIsRefusedWithTheLimitAndTheCure(t *testing.T) {
	const tooMany = 1 << 28
	c := Config{Producers: 1, Idle: 1, Threads: 1, SourceAddresses: 1, Consumers: ConsumersNone, BadConsumers: BadNone}
	if err := CheckRoom(c); err != nil {
		t.Fatalf("no room for two connections: %v", err)
	}
	c.Idle = tooMany
	if err := CheckRoom(c); err == nil || !strings.Contains(err.Error(), "file descriptors") || !strings.Contains(err.Error(), "ulimit -n 268435521") {
		t.Errorf("%d connections: %v", tooMany, err)
	}
}
