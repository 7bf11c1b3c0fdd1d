package broker

import (
	"encoding/binary"
	"errors"
	"unsafe"
)

// errMalformed is a request body that does not follow its version's layout.
// Kafka closes the connection of whoever sends one.
var errMalformed = errors.New("the body ends early or has an impossible length")

// reader decodes a request body of one API version. After the first field that
// does not fit, all further fields read as zero and err reports it.
//
// It stands in for kmsg's decoders on the server side because those trust the
// counts in a frame (five bytes can ask for four billion tags) and because it
// makes decoding free of allocation.
type reader struct {
	rest     []byte
	version  int16
	flexible bool // compact lengths and tag sections (KIP-482)
	bad      bool
}

func (r *reader) err() error {
	if r.bad {
		return errMalformed
	}
	return nil
}

// take returns the next n bytes, nil when there are not as many.
func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.bad, r.rest = true, nil
		return nil
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) int8() int8 {
	if b := r.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (r *reader) bool() bool { return r.int8() != 0 }

func (r *reader) int16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) int32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) int64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (r *reader) uuid() (id [16]byte) {
	copy(id[:], r.take(len(id)))
	return id
}

func (r *reader) uvarint() int {
	value, n := binary.Uvarint(r.rest)
	if n <= 0 || value > 1<<32-1 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return int(value)
}

// compactLength reads a length that is coded one higher; −1 is null.
func (r *reader) compactLength() int { return r.uvarint() - 1 }

// nullableText reads a string that shares the frame's memory: it is valid until
// the response is complete.
func (r *reader) nullableText() (text string, present bool) {
	n := 0
	if r.flexible {
		n = r.compactLength()
	} else {
		n = int(r.int16())
	}
	if r.bad || n == -1 {
		return "", false
	}
	b := r.take(n)
	return unsafe.String(unsafe.SliceData(b), len(b)), true
}

// text reads a string that must not be null; see nullableText.
func (r *reader) text() string {
	text, present := r.nullableText()
	if !present {
		r.bad, r.rest = true, nil
	}
	return text
}

// bytes reads nullable bytes that share the frame's memory.
func (r *reader) bytes() []byte {
	n := 0
	if r.flexible {
		n = r.compactLength()
	} else {
		n = int(r.int32())
	}
	if r.bad || n == -1 {
		return nil
	}
	return r.take(n)
}

// array reads an element count, −1 for null. leastBytes is the smallest size of
// an element; a count that the rest cannot hold is malformed, so callers may
// size memory by it.
func (r *reader) array(leastBytes int) int {
	n := 0
	if r.flexible {
		n = r.compactLength()
	} else {
		n = int(r.int32())
	}
	if n < -1 || n > len(r.rest)/leastBytes {
		r.bad, r.rest = true, nil
	}
	if r.bad {
		return 0
	}
	return n
}

// tags passes over a tag section, which only flexible versions have.
func (r *reader) tags() {
	if !r.flexible {
		return
	}
	for count := r.uvarint(); count > 0 && !r.bad; count-- {
		r.uvarint()
		r.take(r.uvarint())
	}
}
