package plan

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
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
	lists    [Kinds]traceList
	lengthNs int64 // to the last request
}

// Protocols of targets.
const (
	ProtocolKafka = "kafka"
	ProtocolEcho  = "echo"
)

// APIs names the kinds of requests of a protocol; an empty name: none of that kind.
func APIs(protocol string) [Kinds]string {
	if protocol == ProtocolEcho {
		return [Kinds]string{OfProducers: measure.Echo}
	}
	return [Kinds]string{OfProducers: measure.Produce, OfConsumers: measure.Fetch, OfLaggingConsumers: measure.LaggingFetch}
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

// ReadTraceFile reads a trace of a protocol's requests.
func ReadTraceFile(path, protocol string) (*Trace, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	t, err := ReadTrace(file, protocol)
	if err != nil {
		return nil, fmt.Errorf("trace %s: %w", path, err)
	}
	return t, nil
}

// ReadTrace reads one as Write writes it; an error names the line at fault.
func ReadTrace(r io.Reader, protocol string) (*Trace, error) {
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
	t, index := &Trace{}, [Kinds]map[int]int32{{}, {}, {}}
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err // names the line
		}
		if err := t.add(fields, protocol, index); err != nil {
			line, _ := lines.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
	if !slices.ContainsFunc(t.lists[:], func(l traceList) bool { return len(l.requests) > 0 }) {
		return nil, errors.New("it holds no request")
	}
	return t, nil
}

// mostTraceSeconds keeps times exact to a nanosecond: a float64 holds no more.
const mostTraceSeconds = 9e6

// add enters a line; index is where each kind's sizes are.
func (t *Trace) add(fields []string, protocol string, index [Kinds]map[int]int32) error {
	seconds, err := strconv.ParseFloat(fields[0], 64)
	if err != nil || !(seconds >= 0 && seconds <= mostTraceSeconds) {
		return fmt.Errorf("time %q is no number of seconds from 0 to %g", fields[0], mostTraceSeconds)
	}
	apis := APIs(protocol)
	kind := slices.Index(apis[:], fields[1])
	if kind < 0 || fields[1] == "" {
		return fmt.Errorf("api %q: protocol %s has none of that name to replay", fields[1], protocol)
	}
	bytes, err := strconv.Atoi(fields[2])
	if err != nil || bytes < 1 || bytes > math.MaxInt32 {
		return fmt.Errorf("bytes %q is no size", fields[2])
	}
	offsetNs := int64(math.Round(seconds * float64(time.Second)))
	if offsetNs < t.lengthNs {
		return fmt.Errorf("time %s is before that of the line above", fields[0])
	}
	t.lengthNs = offsetNs
	list := &t.lists[kind]
	size, known := index[kind][bytes]
	if !known {
		size = int32(len(list.sizes))
		index[kind][bytes] = size
		list.sizes = append(list.sizes, bytes)
	}
	list.requests = append(list.requests, traced{offsetNs, size})
	return nil
}

// Holds reports whether there are requests of a kind.
func (t *Trace) Holds(kind Kind) bool { return len(t.lists[kind].requests) > 0 }

// Length is the time from the trace's beginning to its last request.
func (t *Trace) Length() time.Duration { return time.Duration(t.lengthNs) }

// PerSecond is the mean rate of the producers' requests that fall due within a time.
func (t *Trace) PerSecond(within time.Duration) float64 {
	requests := t.lists[OfProducers].requests
	n := sort.Search(len(requests), func(i int) bool { return requests[i].offsetNs >= int64(within) })
	return float64(n) / within.Seconds()
}

// source returns what one of parts senders replays of a kind.
func (t *Trace) source(kind Kind, part, parts, connections int) Source {
	l, at := &t.lists[kind], 0
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
func (t *Trace) hash(from, window time.Duration, protocol string, connections [Kinds]int) string {
	h := sha256.New()
	var buf [16]byte
	for kind, api := range APIs(protocol) {
		l := &t.lists[kind]
		if len(l.requests) == 0 {
			continue
		}
		fmt.Fprintf(h, "trace of %s, %d connections, %v from %v\n", api, connections[kind], window, from)
		for i, r := range l.requests {
			if r.offsetNs < int64(from) || r.offsetNs >= int64(from+window) {
				continue
			}
			binary.BigEndian.PutUint64(buf[:], uint64(r.offsetNs))
			binary.BigEndian.PutUint32(buf[8:], uint32(i%connections[kind]))
			binary.BigEndian.PutUint32(buf[12:], uint32(l.sizes[r.size]))
			h.Write(buf[:])
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Write writes the trace as ReadTrace reads it, whatever the order within its lists.
func (t *Trace) Write(w io.Writer, protocol string) error {
	type line struct {
		traced
		kind int
	}
	apis := APIs(protocol)
	var lines []line
	for kind, list := range t.lists {
		for _, r := range list.requests {
			lines = append(lines, line{r, kind})
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.offsetNs, b.offsetNs) })
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, strings.Join(traceHeader, ","))
	const second = int64(time.Second)
	for _, r := range lines {
		fmt.Fprintf(out, "%d.%09d,%s,%d\n", r.offsetNs/second, r.offsetNs%second, apis[r.kind], t.lists[r.kind].sizes[r.size])
	}
	return out.Flush() // keeps the first error of all writes
}

// Recording is what one thread has offered, to become a Trace. Only that thread uses it
// until the thread has ended; then recordings merge. The zero value is empty.
type Recording struct{ requests [Kinds][]traced }

// mostRecordedAhead is about a GiB.
const mostRecordedAhead = 1 << 26

// Expect makes room for so many requests of producers, and some more, and touches it:
// growing, and the page faults of new memory, would make requests late.
func (r *Recording) Expect(requests float64) {
	const spare = 1.2
	room := make([]traced, min(int(spare*requests), mostRecordedAhead))
	clear(room)
	r.requests[OfProducers] = room[:0]
}

// Add enters a request by its offset and its index into the sizes of its kind.
func (r *Recording) Add(kind Kind, offsetNs int64, size int32) {
	r.requests[kind] = append(r.requests[kind], traced{offsetNs, size})
}

// Merge adds what another thread has offered.
func (r *Recording) Merge(other *Recording) {
	for kind, requests := range other.requests {
		r.requests[kind] = append(r.requests[kind], requests...)
	}
}

// Write writes the requests as a Trace of the plan that they followed.
func (r *Recording) Write(w io.Writer, p *Plan) error {
	t := &Trace{}
	for kind := range Kinds {
		t.lists[kind] = traceList{requests: r.requests[kind], sizes: p.Sizes(kind)}
	}
	return t.Write(w, p.Protocol)
}
