package broker

import (
	"encoding/binary"
	"errors"

	"github.com/twmb/franz-go/pkg/kbin"

	"c10klab/internal/kafka"
)

// errMalformed is a request body that does not follow its version's layout.
// Kafka closes the connection of whoever sends one.
var errMalformed = errors.New("the body ends early or has an impossible length")

// reader decodes a request body of one API version without allocating. After the first
// field that does not fit, fields read as zero and err reports it.
//
// It stands in for kmsg's decoders on the server side because those trust the
// counts in a frame: five bytes can ask for four billion tags.
type reader struct {
	kbin.Reader
	version  int16
	flexible bool // compact lengths and tag sections (KIP-482)
}

func (r *reader) err() error {
	if !r.Ok() {
		return errMalformed
	}
	return nil
}

// fail makes the body malformed.
func (r *reader) fail() { r.Span(-1) }

// length reads the count of an array or the size of bytes; −1 is null.
func (r *reader) length() int {
	if r.flexible {
		return int(r.Uvarint()) - 1
	}
	return int(r.Int32())
}

// nullableText reads a string that shares the frame's memory: it is valid until
// the response is complete.
func (r *reader) nullableText() (text string, present bool) {
	n := 0
	if r.flexible {
		n = int(r.Uvarint()) - 1
	} else {
		n = int(r.Int16())
	}
	if n == -1 {
		return "", false
	}
	return kbin.UnsafeString(r.Span(n)), true
}

// text reads a string that must not be null; see nullableText.
func (r *reader) text() string {
	text, present := r.nullableText()
	if !present {
		r.fail()
	}
	return text
}

// bytes reads nullable bytes that share the frame's memory.
func (r *reader) bytes() []byte {
	if n := r.length(); n != -1 {
		return r.Span(n)
	}
	return nil
}

// array reads an element count, −1 for null. leastBytes is the smallest size of
// an element; a count that the rest cannot hold is malformed, so callers may
// size memory by it.
func (r *reader) array(leastBytes int) int {
	n := r.length()
	if n < -1 || n > len(r.Src)/leastBytes {
		r.fail()
	}
	if !r.Ok() {
		return 0
	}
	return n
}

// elements decodes that many elements of an array; one decodes an element's fields up to
// its tags. Those before one that does not fit are returned.
func elements[T any](r *reader, count int, one func(r *reader) T) (all []T) {
	for range count {
		element := one(r)
		r.tags()
		if !r.Ok() {
			break
		}
		all = append(all, element)
	}
	return all
}

// tags passes over a tag section, which only flexible versions have.
func (r *reader) tags() {
	if r.flexible {
		_ = kafka.SkipTags(&r.Reader) // err tells as well
	}
}

// writer appends the fields of a response body of one API version.
type writer struct {
	buf      *[]byte
	version  int16
	flexible bool
}

func (w writer) int16(v int16) { *w.buf = binary.BigEndian.AppendUint16(*w.buf, uint16(v)) }
func (w writer) int32(v int32) { *w.buf = binary.BigEndian.AppendUint32(*w.buf, uint32(v)) }
func (w writer) int64(v int64) { *w.buf = binary.BigEndian.AppendUint64(*w.buf, uint64(v)) }
func (w writer) uvarint(v int) { *w.buf = binary.AppendUvarint(*w.buf, uint64(v)) }

// length writes the count of an array or the size of bytes; −1 is null.
func (w writer) length(n int) {
	if w.flexible {
		w.uvarint(n + 1)
	} else {
		w.int32(int32(n))
	}
}

// nullableText writes null for "".
func (w writer) nullableText(s string) {
	switch {
	case s != "":
		w.text(s)
	case w.flexible:
		w.uvarint(0)
	default:
		w.int16(-1)
	}
}

func (w writer) text(s string) {
	if w.flexible {
		w.uvarint(len(s) + 1)
	} else {
		w.int16(int16(len(s)))
	}
	*w.buf = append(*w.buf, s...)
}

// tags writes an empty tag section where the version has one.
func (w writer) tags() {
	if w.flexible {
		w.uvarint(0)
	}
}

// byTopic holds what a request says per partition, flat so that its memory is
// reused: Produce, Fetch and ListOffsets group partitions by topic in the same
// way, in the request as in the response.
type byTopic[P any] struct {
	topics     []topicSpan
	partitions []P // in the order of the request
}

// topicSpan is one topic's name, which shares the frame's memory, and its share
// of the partitions.
type topicSpan struct {
	name       string
	partitions int
}

// leastTopicBytes is the smallest size of a topic in any request version: an
// empty name and an empty array, compact.
const leastTopicBytes = 2

// read decodes all topics; one decodes a partition's fields up to its tags,
// leastBytes is the least that they occupy.
func (t *byTopic[P]) read(r *reader, leastBytes int, one func(r *reader, p *P)) {
	for range r.array(leastTopicBytes) {
		name, first := r.text(), len(t.partitions)
		t.partitions = append(t.partitions, make([]P, max(r.array(leastBytes), 0))...)
		t.topics = append(t.topics, topicSpan{name, len(t.partitions) - first})
		for i := first; i < len(t.partitions) && r.Ok(); i++ {
			one(r, &t.partitions[i])
			r.tags()
		}
		r.tags()
		if !r.Ok() {
			return
		}
	}
}

// write encodes all topics; one encodes a partition's fields up to its tags.
func (t *byTopic[P]) write(w writer, one func(w writer, p *P)) {
	w.length(len(t.topics))
	next := 0
	for _, topic := range t.topics {
		w.text(topic.name)
		w.length(topic.partitions)
		for i := range topic.partitions {
			one(w, &t.partitions[next+i])
			w.tags()
		}
		next += topic.partitions
		w.tags()
	}
}

// each calls do for every partition with its topic's name.
func (t *byTopic[P]) each(do func(topic string, p *P)) {
	next := 0
	for _, topic := range t.topics {
		for i := range topic.partitions {
			do(topic.name, &t.partitions[next+i])
		}
		next += topic.partitions
	}
}

// reset empties it for reuse and lets go of what it referred to.
func (t *byTopic[P]) reset() {
	clear(t.topics)
	clear(t.partitions)
	t.topics, t.partitions = t.topics[:0], t.partitions[:0]
}
