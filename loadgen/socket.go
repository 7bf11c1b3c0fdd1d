package loadgen

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// spareDescriptors are those a run needs beside its connections: event queues,
// the control and admin connections, standard streams, the Go runtime's own.
const spareDescriptors = 64

// checkDescriptors refuses a number of connections that the process may not open.
func checkDescriptors(connections int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("getrlimit(RLIMIT_NOFILE): %w", err)
	}
	if need := uint64(connections + spareDescriptors); need > limit.Cur {
		return fmt.Errorf("%d connections need %d file descriptors and the limit is %d; raise it with ulimit -n %d", connections, need, limit.Cur, need)
	}
	return nil
}
