package osthread

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"c10klab/internal/need"
)

// raises makes the test binary raise its session and tell the weight of that.
const raises = "C10KLAB_TEST_RAISES"

func TestALeaderRaisesItsSessionAndNobodyElses(t *testing.T) {
	const groupPath = "/proc/self/autogroup"
	if os.Getenv(raises) != "" {
		err := RaiseSession()
		group, _ := os.ReadFile(groupPath)
		fmt.Printf("%v; %s", err, group)
		return
	}
	need.Root(t)
	before, err := os.ReadFile(groupPath)
	if err != nil {
		need.Lacking(t, "scheduling by session (CONFIG_SCHED_AUTOGROUP)")
	}
	for _, leads := range []bool{true, false} {
		child := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
		child.Env = append(os.Environ(), raises+"=1")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: leads}
		out, err := child.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if raised := strings.HasPrefix(string(out), "<nil>;") && strings.Contains(string(out), "nice -20"); raised != leads {
			t.Errorf("leader of its session: %v; it says %s", leads, out)
		}
	}
	if after, err := os.ReadFile(groupPath); err != nil || string(after) != string(before) {
		t.Errorf("the session of this test was %s, is %s, %v", before, after, err)
	}
}
