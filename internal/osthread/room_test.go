package osthread

import (
	"strings"
	"testing"
)

func TestRoomForMoreThreadsThanTheMachineMayHaveIsRefusedWithTheNumber(t *testing.T) {
	if err := CheckRoom(1); err != nil {
		t.Fatalf("no room for one more thread: %v", err)
	}
	const impossible = 1 << 30
	err := CheckRoom(impossible)
	if err == nil {
		t.Fatalf("%d more threads were found possible", impossible)
	}
	for _, part := range []string{"raise it with", "1073741824"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not hold %q", err, part)
		}
	}
}

func TestLimitCountsWhatAThreadNeedsOfIt(t *testing.T) {
	l := limit{value: 100, used: 41, each: 2}
	if l.left() != 29 || l.needed(30) != 101 {
		t.Errorf("room for %d, 30 more need %d; want 29 and 101", l.left(), l.needed(30))
	}
	if over := (limit{value: 10, used: 20, each: 1}); over.left() != 0 {
		t.Errorf("a limit that is passed leaves %d", over.left())
	}
}
