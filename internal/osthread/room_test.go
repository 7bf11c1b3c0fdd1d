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
	l := Limit{Value: 100, Used: 41, Each: 2, Raise: "set %d"}
	if l.Left() != 29 || l.Needed(30) != 101 || l.Cure(30) != "set 101" {
		t.Errorf("room for %d, 30 more need %d by %q; want 29 and 101", l.Left(), l.Needed(30), l.Cure(30))
	}
	if over := (Limit{Value: 10, Used: 20, Each: 1}); over.Left() != 0 {
		t.Errorf("a limit that is passed leaves %d", over.Left())
	}
	waived := l
	waived.Value, waived.Waived = 1, true
	if got := Tightest([]Limit{waived, l}); got != l {
		t.Errorf("a waived limit is the tightest: %+v", got)
	}
}
