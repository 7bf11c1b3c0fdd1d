package models

import (
	"strings"
	"testing"

	"c10klab/internal/knob"
)

func TestServerWithoutRoomIsRefusedWithTheLimitAndTheCure(t *testing.T) {
	const tooMany = 1 << 28
	c, err := ConfigFrom(knob.NewTable(Knobs).Defaults(), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckRoom(c, 1); err != nil {
		t.Fatalf("no room for one connection: %v", err)
	}
	if err := CheckRoom(c, tooMany); err == nil || !strings.Contains(err.Error(), "file descriptors") || !strings.Contains(err.Error(), "ulimit -n 268435712") {
		t.Errorf("%d connections: %v", tooMany, err)
	}
	c.Handlers = tooMany
	if err := CheckRoom(c, 1); err == nil || !strings.Contains(err.Error(), c.Model) || !strings.Contains(err.Error(), "raise it with") {
		t.Errorf("%d handler threads: %v", tooMany, err)
	}
}
