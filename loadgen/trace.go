package loadgen

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"time"

	"c10klab/internal/measure"
)

// Trace is a recorded sequence of requests, which can be replayed. As a file it is CSV
// (RFC 4180) with the header
//
//	time,api,bytes
//
// and a line for each request in order of time: when it falls due in seconds from the
// beginning of the load, warm-up included; its API; and a size.
//
//	api           bytes                                     offered by
//	Produce       the record batch                          producers
//	Echo          the payload                               producers
//	Fetch         most record bytes asked for, per          consumers; with consumers=both
//	              partition and for the whole answer        the tail ones
//	LaggingFetch  the same                                  with consumers=both the lagging ones
//
// Request number i of an API goes to connection i modulo the connections of that kind. A
// Trace is immutable; any thread may read it.
type Trace struct {
	lists    [tracedKinds]traceList
	lengthNs int64 // to the last request
}

// tracedKind is whose request one of a trace is.
type tracedKind int

const (
	ofProducers tracedKind = iota
	ofReaders              // tail consumers, or lagging ones where they are alone
	ofLaggingReaders
	tracedKinds
)

// traceAPIs names the kinds in traces of a protocol; an empty name: none of that kind.
func traceAPIs(protocol string) [tracedKinds]string {
	if protocol == ProtocolEcho {
		return [tracedKinds]string{ofProducers: measure.Echo}
	}
	return [tracedKinds]string{ofProducers: measure.Produce, ofReaders: measure.Fetch, ofLaggingReaders: measure.LaggingFetch}
}

// traceList is the requests of one kind, in order of time.
type traceList struct {
	requests []traced
	sizes    []int // different ones, in the order in which they first occur
}

// traced is one request of a trace.
type traced struct {
	offsetNs int64
	size     int32 // index into sizes
}

var traceHeader = []string{"time", "api", "bytes"}

// readTraceFile reads a trace of a protocol's requests.
func readTraceFile(path, protocol string) (*Trace, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	t, err := readTrace(file, protocol)
	if err != nil {
		return nil, fmt.Errorf("trace %s: %w", path, err)
	}
	return t, nil
}

func readTrace(r io.Reader, protocol string) (*Trace, error) {
	lines := csv.NewReader(r)
	lines.FieldsPerRecord = len(traceHeader)
	lines.ReuseRecord = true
	header, err := lines.Read()
	if err != nil {
		return nil, fmt.Errorf("read its header %s: %w", traceHeader, err)
	}
	if !slices.Equal(header, traceHeader) {
		return nil, fmt.Errorf("it begins with %q, want the header %q", header, traceHeader)
	}
	reader := traceReader{trace: &Trace{}, protocol: protocol, apis: traceAPIs(protocol)}
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			if reader.trace.empty() {
				return nil, errors.New("it holds no request")
			}
			return reader.trace, nil
		}
		if err != nil {
			return nil, err // names the line
		}
		if err := reader.add(fields); err != nil {
			line, _ := lines.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// traceReader adds lines to a trace.
type traceReader struct {
	trace    *Trace
	protocol string
	apis     [tracedKinds]string
	index    [tracedKinds]map[int]int32 // of sizes
}

// mostTraceSeconds keeps times exact to a nanosecond: a float64 holds no more.
const mostTraceSeconds = 9e6

func (r *traceReader) add(fields []string) error {
	seconds, err := strconv.ParseFloat(fields[0], 64)
	if err != nil || !(seconds >= 0 && seconds <= mostTraceSeconds) {
		return fmt.Errorf("time %q is no number of seconds from 0 to %g", fields[0], mostTraceSeconds)
	}
	kind := tracedKind(slices.Index(r.apis[:], fields[1]))
	if kind < 0 || fields[1] == "" {
		return fmt.Errorf("api %q: protocol %s has none of that name to replay", fields[1], r.protocol)
	}
	bytes, err := strconv.Atoi(fields[2])
	if err != nil || bytes < 1 || bytes > math.MaxInt32 {
		return fmt.Errorf("bytes %q is no size", fields[2])
	}
	offsetNs := int64(math.Round(seconds * float64(time.Second)))
	if offsetNs < r.trace.lengthNs {
		return fmt.Errorf("time %s is before that of the line above", fields[0])
	}
	r.trace.lengthNs = offsetNs
	list := &r.trace.lists[kind]
	list.requests = append(list.requests, traced{offsetNs, r.size(kind, bytes)})
	return nil
}

// size returns the index of a size among those of a kind.
func (r *traceReader) size(kind tracedKind, bytes int) int32 {
	if r.index[kind] == nil {
		r.index[kind] = map[int]int32{}
	}
	list := &r.trace.lists[kind]
	at, known := r.index[kind][bytes]
	if !known {
		at = int32(len(list.sizes))
		r.index[kind][bytes] = at
		list.sizes = append(list.sizes, bytes)
	}
	return at
}

func (t *Trace) empty() bool {
	return !slices.ContainsFunc(t.lists[:], func(l traceList) bool { return len(l.requests) > 0 })
}

// length is the time from the trace's beginning to its last request.
func (t *Trace) length() time.Duration { return time.Duration(t.lengthNs) }

// perSecond is the mean rate of the requests that fall due within a time.
func (l *traceList) perSecond(within time.Duration) float64 {
	n, _ := slices.BinarySearchFunc(l.requests, int64(within), func(r traced, ns int64) int {
		if r.offsetNs < ns {
			return -1
		}
		return 1
	})
	return float64(n) / within.Seconds()
}

// stream returns what one of parts senders replays of it.
func (l *traceList) stream(part, parts, connections int) func() (Arrival, bool) {
	at := 0
	return func() (Arrival, bool) {
		for ; at < len(l.requests); at++ {
			if connection := at % connections; connection%parts == part {
				r := l.requests[at]
				at++
				return Arrival{r.offsetNs, connection, int(r.size)}, true
			}
		}
		return Arrival{}, false
	}
}

// hash identifies the arrivals of a window, as Schedule.Hash does; connections are those
// of each kind.
func (t *Trace) hash(from, window time.Duration, protocol string, connections [tracedKinds]int) string {
	h := sha256.New()
	for kind, api := range traceAPIs(protocol) {
		if list := &t.lists[kind]; len(list.requests) > 0 {
			fmt.Fprintf(h, "trace of %s, %d connections, %v from %v\n", api, connections[kind], window, from)
			list.hashInto(h, from, window, connections[kind])
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (l *traceList) hashInto(h hash.Hash, from, window time.Duration, connections int) {
	var buf [16]byte
	for i, r := range l.requests {
		if r.offsetNs < int64(from) || r.offsetNs >= int64(from+window) {
			continue
		}
		binary.BigEndian.PutUint64(buf[:], uint64(r.offsetNs))
		binary.BigEndian.PutUint32(buf[8:], uint32(i%connections))
		binary.BigEndian.PutUint32(buf[12:], uint32(l.sizes[r.size]))
		h.Write(buf[:])
	}
}
