package models

import (
	"errors"
	"fmt"

	"c10klab/internal/osthread"

	"golang.org/x/sys/unix"
)

// spareDescriptors are those a server needs beside its connections: log files, event
// queues, the admin port, the Go runtime's own.
const spareDescriptors = 256

// CheckRoom reports whether the system lets a server of this configuration hold a
// number of connections; the error says which limit is too low, what is needed, and
// how to raise it. Descriptors and threads that the process has already are not
// subtracted, but for the spare ones.
func CheckRoom(c Config, connections int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("getrlimit(RLIMIT_NOFILE): %w", err)
	}
	if need := uint64(connections + spareDescriptors); need > limit.Cur {
		return fmt.Errorf("a server of %d connections needs %d file descriptors and the limit is %d; raise it with ulimit -n %d", connections, need, limit.Cur, need)
	}
	groups, err := Threads(c, connections)
	if err != nil {
		return err
	}
	threads := 0
	for _, n := range groups {
		threads += n
	}
	if err := osthread.CheckRoom(threads); err != nil {
		return fmt.Errorf("a server of model %s with %d connections: %w", c.Model, connections, err)
	}
	return nil
}

var errTooMany = errors.New("as many connections are open as knob max-connections allows")

// full reports whether a further connection is one too many.
func (e *env) full() bool {
	return e.config.MaxConnections > 0 && e.live.get() >= e.config.MaxConnections
}
