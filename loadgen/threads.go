package loadgen

import (
	"strings"
	"sync"

	"c10klab/internal/osthread"
)

// threadUses remembers what threads had done when they ended: senders end with the
// window, before anybody can ask the kernel about them.
type threadUses struct {
	mu    sync.Mutex
	ended []osthread.Entry
}

// note enters the calling thread as it ends.
func (u *threadUses) note() error {
	e, err := osthread.ThisThread()
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended = append(u.ended, e)
	return nil
}

// all lists the generator's threads, those that have ended too.
func (l *load) allThreads() ([]osthread.Entry, error) {
	census, err := l.threads.Census()
	if err != nil {
		return nil, err
	}
	l.uses.mu.Lock()
	defer l.uses.mu.Unlock()
	return append(census.Threads, l.uses.ended...), nil
}

// threadsSince is what each thread did between two edges. One that began in between
// has only its end.
func threadsSince(after, before []osthread.Entry) []osthread.Entry {
	earlier := make(map[int]osthread.Entry, len(before))
	for _, e := range before {
		earlier[e.TID] = e
	}
	since := make([]osthread.Entry, len(after))
	for i, e := range after {
		since[i] = e.Since(earlier[e.TID])
	}
	return since
}

const (
	// receiverPrefix begins the names of the threads that take producers' answers.
	receiverPrefix = "recv-"
	// senderPrefix begins those of the threads that offer requests.
	senderPrefix = "send-"
)

// stampsAnswers reports whether ResponseTime or EndToEnd rest on the stamps of the
// thread of that name.
func stampsAnswers(name string) bool {
	return strings.HasPrefix(name, receiverPrefix) || name == readersPrefix+tailReaders
}
