package loadgen

import (
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
	"strconv"
	"time"
)

// Trace is a recorded sequence of producers' requests, which can be replayed. As a file
// it is CSV (RFC 4180) with the header
//
//	time,api,bytes
//
// and a line for each request in order of time: when it falls due in seconds from the
// beginning of the load, warm-up included; Produce or Echo; and the size of its record
// batch (Produce) or payload (Echo). Request number i goes to connection i modulo
// producers. A Trace is immutable; any thread may read it.
type Trace struct {
	api      string
	requests []traced
	sizes    []int // different ones, in the order in which they first occur
}

// traced is one request of a trace.
type traced struct {
	offsetNs int64
	size     int32 // index into sizes
}

var traceHeader = []string{"time", "api", "bytes"}

// readTraceFile reads a trace whose requests must be of that API.
func readTraceFile(path, api string) (*Trace, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	t, err := readTrace(file, api)
	if err != nil {
		return nil, fmt.Errorf("trace %s: %w", path, err)
	}
	return t, nil
}

func readTrace(r io.Reader, api string) (*Trace, error) {
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
	t, index := &Trace{api: api}, map[int]int32{}
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			if len(t.requests) == 0 {
				return nil, errors.New("it holds no request")
			}
			return t, nil
		}
		if err != nil {
			return nil, err // names the line
		}
		if err := t.add(fields, index); err != nil {
			line, _ := lines.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// mostTraceSeconds keeps times exact to a nanosecond: a float64 holds no more.
const mostTraceSeconds = 9e6

func (t *Trace) add(fields []string, index map[int]int32) error {
	seconds, err := strconv.ParseFloat(fields[0], 64)
	if err != nil || !(seconds >= 0 && seconds <= mostTraceSeconds) {
		return fmt.Errorf("time %q is no number of seconds from 0 to %g", fields[0], mostTraceSeconds)
	}
	if fields[1] != t.api {
		return fmt.Errorf("api %q: only requests of %s can be replayed with this protocol", fields[1], t.api)
	}
	bytes, err := strconv.Atoi(fields[2])
	if err != nil || bytes < 1 || bytes > math.MaxInt32 {
		return fmt.Errorf("bytes %q is no size", fields[2])
	}
	offsetNs := int64(math.Round(seconds * float64(time.Second)))
	if n := len(t.requests); n > 0 && offsetNs < t.requests[n-1].offsetNs {
		return fmt.Errorf("time %s is before that of the line above", fields[0])
	}
	size, known := index[bytes]
	if !known {
		size = int32(len(t.sizes))
		index[bytes] = size
		t.sizes = append(t.sizes, bytes)
	}
	t.requests = append(t.requests, traced{offsetNs, size})
	return nil
}

// length is the time from the trace's beginning to its last request.
func (t *Trace) length() time.Duration {
	return time.Duration(t.requests[len(t.requests)-1].offsetNs)
}

// perSecond is the mean rate of the requests that fall due within a time.
func (t *Trace) perSecond(within time.Duration) float64 {
	n, _ := slices.BinarySearchFunc(t.requests, int64(within), func(r traced, ns int64) int {
		if r.offsetNs < ns {
			return -1
		}
		return 1
	})
	return float64(n) / within.Seconds()
}

// stream returns what one of parts senders replays of it.
func (t *Trace) stream(part, parts, connections int) func() (Arrival, bool) {
	at := 0
	return func() (Arrival, bool) {
		for ; at < len(t.requests); at++ {
			if connection := at % connections; connection%parts == part {
				r := t.requests[at]
				at++
				return Arrival{r.offsetNs, connection, int(r.size)}, true
			}
		}
		return Arrival{}, false
	}
}

// hash identifies the arrivals of a window, as Schedule.Hash does.
func (t *Trace) hash(from, window time.Duration, connections int) string {
	h := sha256.New()
	fmt.Fprintf(h, "trace of %s, %d connections, %v from %v\n", t.api, connections, window, from)
	var buf [16]byte
	for i, r := range t.requests {
		if r.offsetNs < int64(from) || r.offsetNs >= int64(from+window) {
			continue
		}
		binary.BigEndian.PutUint64(buf[:], uint64(r.offsetNs))
		binary.BigEndian.PutUint32(buf[8:], uint32(i%connections))
		binary.BigEndian.PutUint32(buf[12:], uint32(t.sizes[r.size]))
		h.Write(buf[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}
