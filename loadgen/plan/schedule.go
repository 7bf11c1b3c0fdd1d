package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Kinds of schedules.
const (
	// Constant spaces arrivals evenly and gives them to connections in turn.
	Constant = "constant"
	// Poisson draws exponential gaps and, for each arrival, any connection: every
	// connection by itself is a Poisson process too.
	Poisson = "poisson"
)

// Schedule says when requests fall due.
type Schedule struct {
	Kind      string
	PerSecond float64
	Seed      uint64
}

// Stream is one thread's part of a schedule, in order of time. One goroutine at
// a time uses it; it allocates nothing and never ends.
type Stream struct {
	schedule    Schedule
	part, parts int
	connections int // over all parts

	random   *rand.Rand
	count    int64   // arrivals so far of a constant schedule
	offsetNs int64   // last arrival of a Poisson schedule
	ownPerNs float64 // arrivals per nanosecond of this part
}

// Stream returns one of parts streams over connections numbered from 0. A part owns the connections
// that are congruent to it modulo parts, so part must be below both.
func (s Schedule) Stream(part, parts, connections int) *Stream {
	st := &Stream{schedule: s, part: part, parts: parts, connections: connections}
	st.random = rand.New(rand.NewPCG(s.Seed, uint64(part)))
	st.ownPerNs = s.PerSecond / float64(time.Second) * float64(st.own()) / float64(connections)
	return st
}

// own is the number of connections of this part.
func (st *Stream) own() int { return (st.connections - st.part + st.parts - 1) / st.parts }

func (st *Stream) Next() Arrival {
	if st.schedule.Kind == Constant {
		return st.nextConstant()
	}
	st.offsetNs += int64(math.Round(st.random.ExpFloat64() / st.ownPerNs))
	return Arrival{OffsetNs: st.offsetNs, Connection: st.part + st.parts*st.random.IntN(st.own())}
}

// nextConstant computes the offset from the arrival's number over all parts, so
// rounding never adds up.
func (st *Stream) nextConstant() Arrival {
	own := int64(st.own())
	connection := st.part + st.parts*int(st.count%own)
	number := st.count/own*int64(st.connections) + int64(connection)
	st.count++
	return Arrival{OffsetNs: int64(float64(number) / st.schedule.PerSecond * float64(time.Second)), Connection: connection}
}

// hashedArrivals is how many of a window's arrivals per part enter its hash.
const hashedArrivals = 10_000

// Hash identifies the arrivals of a window that begins at an offset into the
// schedule: equal hashes mean equal arrivals.
func (s Schedule) Hash(from, window time.Duration, parts, connections int) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %g/s seed %d, %d connections in %d parts, %v from %v\n", s.Kind, s.PerSecond, s.Seed, connections, parts, window, from)
	var buf [16]byte
	for part := range parts {
		st := s.Stream(part, parts, connections)
		a := st.Next()
		for a.OffsetNs < int64(from) {
			a = st.Next()
		}
		for n := 0; n < hashedArrivals && a.OffsetNs < int64(from+window); n++ {
			binary.BigEndian.PutUint64(buf[:], uint64(a.OffsetNs))
			binary.BigEndian.PutUint64(buf[8:], uint64(a.Connection))
			h.Write(buf[:])
			a = st.Next()
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
