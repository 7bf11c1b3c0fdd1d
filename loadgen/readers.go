package loadgen

import "fmt"

// Names of consumers' threads.
const (
	readersPrefix = "fetch-"
	tailReaders   = "tail"
)

// readers are the consumers of one kind and what they have in common.
type readers struct {
	kind   string // for names and threads
	tail   bool
	topic  *topic
	count  int
	starts []int64    // the offsets that they begin at, by partition
	traced tracedKind // of their fetches
	spans  fetchSpans // … of which the times are entered
	sizes  []int      // most record bytes that a fetch asks for
	wraps  bool       // begin a partition again at its end
	// bytesPerSecond caps what each of them reads; 0: no cap.
	bytesPerSecond float64
	consumers      []*consumer
}

// fetchSpans are the spans of one kind of consumers' fetches; a closed loop has service
// times only.
type fetchSpans struct{ response, service, lateness span }

var (
	ownFetchSpans     = fetchSpans{fetchResponseTime, fetchServiceTime, fetchLateness}
	laggingFetchSpans = fetchSpans{laggingResponseTime, laggingServiceTime, laggingLateness}
)

// connectConsumers connects the tail consumers and the lagging ones, each kind
// with a receiver of its own: taking large responses off a socket must delay
// neither the producers' stamps nor those of the tail.
func (l *load) connectConsumers(d *dialer) error {
	if l.cfg.tails() {
		tail := &readers{kind: tailReaders, tail: true, topic: l.topic, count: l.cfg.tailCount(), starts: l.endsBefore, traced: ofReaders, spans: ownFetchSpans}
		if err := l.connectReaders(d, tail); err != nil {
			return err
		}
	}
	if !l.cfg.lags() {
		return nil
	}
	lagging, err := l.laggingReaders()
	if err != nil {
		return err
	}
	return l.connectReaders(d, lagging)
}

// laggingReaders begin with the first offset of each partition.
func (l *load) laggingReaders() (*readers, error) {
	count := l.cfg.laggingCount()
	if err := l.cfg.checkLaggingCount(l.backlog.partitions); err != nil {
		return nil, fmt.Errorf("%w of topic %q", err, l.backlog.name)
	}
	starts, err := l.backlog.offsets(l.ctx, logStart)
	if err != nil {
		return nil, err
	}
	lagging := &readers{kind: "lagging", topic: l.backlog, count: count, starts: starts, traced: ofReaders, spans: ownFetchSpans, wraps: l.cfg.LaggingWrap}
	lagging.bytesPerSecond = l.cfg.FetchBytesPerSecond / float64(count)
	if l.cfg.tails() {
		lagging.traced, lagging.spans = ofLaggingReaders, laggingFetchSpans
	}
	return lagging, nil
}

func (l *load) connectReaders(d *dialer, of *readers) error {
	r, err := l.addReceiver(readersPrefix + of.kind)
	if err != nil {
		return err
	}
	of.sizes = l.cfg.sizesOf(of.traced)
	l.readers = append(l.readers, of)
	return d.dialAll(l.ctx, of.count, func(fd int) error {
		l.descriptors = append(l.descriptors, fd)
		c := newConsumer(l, of, r, fd, len(of.consumers))
		of.consumers = append(of.consumers, c)
		l.consumers = append(l.consumers, c)
		return r.add(fd, c)
	})
}

// share returns the partitions of the consumer with that index and where it
// begins in each; consumers of a kind have disjoint ones.
func (of *readers) share(index int) (partitions []int32, offsets []int64) {
	for p := index; p < len(of.starts); p += of.count {
		partitions = append(partitions, int32(p))
		offsets = append(offsets, of.starts[p])
	}
	return partitions, offsets
}
