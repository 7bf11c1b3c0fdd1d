package loadgen

import (
	"strings"
	"testing"
)

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
