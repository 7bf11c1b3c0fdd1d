package slowdisk

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeVM stands for /proc/sys/vm: a kernel whose limits are ratios.
func fakeVM(t *testing.T) (l vmLimits, read func() map[string]string) {
	t.Helper()
	l = vmLimits{dir: t.TempDir(), proc: t.TempDir()}
	for i, path := range l.paths() {
		if err := os.WriteFile(path, []byte([]string{"0", "10", "0", "20"}[i]+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return l, func() map[string]string {
		now := map[string]string{}
		for _, path := range l.paths() {
			value, err := readSetting(path)
			if err != nil {
				t.Fatal(err)
			}
			now[filepath.Base(path)] = value
		}
		return now
	}
}

func TestDirtyLimitsBelongToTheFirstAndGoWithTheLast(t *testing.T) {
	l, read := fakeVM(t)
	me, err := thisProcess()
	if err != nil {
		t.Fatal(err)
	}
	parentTicks, _, err := processStat(os.Getppid())
	if err != nil {
		t.Fatal(err)
	}
	other := processID{PID: os.Getppid(), StartTicks: parentTicks}
	for _, user := range []processID{me, other} {
		if err := l.acquire(user, 64<<20, 4<<30); err != nil {
			t.Fatal(err)
		}
	}
	set := map[string]string{"dirty_background_bytes": "67108864", "dirty_background_ratio": "10", "dirty_bytes": "4294967296", "dirty_ratio": "20"}
	if got := read(); !maps.Equal(got, set) {
		t.Errorf("limits are %v, want %v", got, set)
	}
	if err := l.acquire(me, 1<<20, 4<<30); err == nil || !strings.Contains(err.Error(), "dirty-background-bytes=1048576") {
		t.Errorf("other limits beside the first's: %v", err)
	}
	if err := l.release(me); err != nil || !maps.Equal(read(), set) {
		t.Errorf("after the first has gone (%v): %v", err, read())
	}
	if err := l.release(other); err != nil {
		t.Error(err)
	}
	// The kernel zeroes bytes when a ratio is written; plain files do not.
	if got := read(); got["dirty_ratio"] != "20" || got["dirty_background_ratio"] != "10" {
		t.Errorf("after the last has gone: %v", got)
	}
	if _, err := os.Stat(l.path()); !os.IsNotExist(err) {
		t.Errorf("the file of users is still there: %v", err)
	}
}

func TestDirtyLimitsOfTheDeadAreRestored(t *testing.T) {
	l, read := fakeVM(t)
	me, err := thisProcess()
	if err != nil {
		t.Fatal(err)
	}
	dead := processID{PID: me.PID, StartTicks: me.StartTicks - 1} // its pid belongs to another now
	old := []setting{{l.paths()[0], "7"}, {l.paths()[1], "0"}}
	if err := writeJSON(l.path(), limitsFile{Users: []processID{dead}, BackgroundBytes: 1, Bytes: 1, Old: old}); err != nil {
		t.Fatal(err)
	}
	if err := l.prune(); err != nil {
		t.Fatal(err)
	}
	if got := read()["dirty_background_bytes"]; got != "7" {
		t.Errorf("dirty_background_bytes is %s, want what the dead one found", got)
	}
}
