package loadgen

import (
	"fmt"

	"c10klab/internal/osthread"

	"golang.org/x/sys/unix"
)

// spareDescriptors are those a run needs beside its connections: event queues,
// the control and admin connections, standard streams, the Go runtime's own.
const spareDescriptors = 64

// consumerReceivers is the most receiver threads that consumers have, one a kind.
const consumerReceivers = 2

// ConnectionCount is the number of all connections under load.
func (c Config) ConnectionCount() int {
	return c.Producers + c.Idle + c.tailCount() + c.laggingCount() + c.badCount()
}

// CheckRoom reports whether the system lets a generator of this configuration have
// its connections and threads; the error says which limit is too low, what is needed,
// and how to raise it.
func CheckRoom(c Config) error {
	if err := checkDescriptors(c.ConnectionCount()); err != nil {
		return err
	}
	if err := checkPorts(c.ConnectionCount(), c.SourceAddresses); err != nil {
		return err
	}
	if err := osthread.CheckRoom(2*c.pairs() + consumerReceivers); err != nil {
		return fmt.Errorf("a load generator of %d thread pairs: %w", c.pairs(), err)
	}
	return nil
}

// checkDescriptors refuses a number of connections that the process may not open.
func checkDescriptors(connections int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("getrlimit(RLIMIT_NOFILE): %w", err)
	}
	if need := uint64(connections + spareDescriptors); need > limit.Cur {
		return fmt.Errorf("a load generator of %d connections needs %d file descriptors and the limit is %d; raise it with ulimit -n %d", connections, need, limit.Cur, need)
	}
	return nil
}
