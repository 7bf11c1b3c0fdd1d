package slowdisk

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Prepare makes this process fit to serve a disk; call it before anything else
// is started. It starts the program anew with the same arguments, because the
// kernel keeps these properties by thread, and only a new program has all its
// threads inherit them:
//
//   - a timer slack of 1 ns, so that answers come when the model says;
//   - PR_SET_IO_FLUSHER, where CAP_SYS_RESOURCE is held: allocating memory never
//     waits for write-back, which may wait for this very process.
//
// And it locks the memory: a page fault may wait for this process, too.
func Prepare() error {
	slackNs, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		return fmt.Errorf("PR_GET_TIMERSLACK: %w", err)
	}
	if slackNs != 1 {
		return startAnew()
	}
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("lock memory: mlockall: %w", err)
	}
	return nil
}

func startAnew() error {
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("PR_SET_TIMERSLACK: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_IO_FLUSHER, 1, 0, 0, 0); err != nil && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("PR_SET_IO_FLUSHER: %w", err)
	}
	return fmt.Errorf("start anew: %w", unix.Exec("/proc/self/exe", os.Args, os.Environ()))
}

// isFlusher reports whether the kernel treats this process as an I/O flusher.
func isFlusher() bool {
	flusher, err := unix.PrctlRetInt(unix.PR_GET_IO_FLUSHER, 0, 0, 0, 0)
	return err == nil && flusher == 1
}
