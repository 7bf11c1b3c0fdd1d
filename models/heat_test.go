package models

import (
	"testing"
	"time"
)

type namedFile int

func (namedFile) Fd() int  { return -1 }
func (namedFile) Release() {}

const ms = int64(time.Millisecond)

func TestAFileIsTrustedOnceHotWithoutAGap(t *testing.T) {
	var h heat
	for now := int64(1); now < 900*ms; now += 100 * ms {
		if h.note(true, now); h.trusted(now) {
			t.Fatalf("trusted after %d ms", now/ms)
		}
	}
	h.note(true, 1100*ms)
	if !h.trusted(1101 * ms) {
		t.Error("not trusted after a hot second")
	}
	if h.trusted(3000 * ms) {
		t.Error("trusted after a pause")
	}
	h.note(true, 3000*ms)
	if h.trusted(3001 * ms) {
		t.Error("trusted at once after a pause")
	}
}

func TestAColdVerdictEndsTrust(t *testing.T) {
	var h heat
	h.note(true, 1)
	h.note(true, 900*ms)
	h.note(false, 1800*ms)
	h.note(true, 1900*ms)
	if h.trusted(1901 * ms) {
		t.Error("trusted soon after a cold verdict")
	}
}

func TestOnlySoManyFilesAreRemembered(t *testing.T) {
	var h heats
	for i := range 3 * mostHeats {
		h.of(namedFile(i), int64(i)).note(true, int64(i))
		if len(h) > mostHeats {
			t.Fatalf("%d files are remembered", len(h))
		}
	}
	last := h.of(namedFile(3*mostHeats-1), 0)
	if last.hotSinceNs == 0 {
		t.Error("the newest file was forgotten")
	}
}
