package loadgen

import (
	"encoding/binary"
	"errors"
)

var errShort = errors.New("the response ends too early")

// fields walks a response in Kafka's non-flexible encoding. After the first
// field that does not fit, all further ones read as zero and err is set.
type fields struct {
	rest []byte
	err  error
}

// take returns the next n bytes, nil when there are not so many.
func (f *fields) take(n int) []byte {
	if f.err != nil || n < 0 || n > len(f.rest) {
		f.err = errShort
		return nil
	}
	taken := f.rest[:n]
	f.rest = f.rest[n:]
	return taken
}

func (f *fields) int16() int16 {
	if b := f.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (f *fields) int32() int32 {
	if b := f.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (f *fields) int64() int64 {
	if b := f.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// text reads a string with an int16 length.
func (f *fields) text() []byte { return f.take(int(f.int16())) }

// bytes reads nullable bytes with an int32 length; null is empty.
func (f *fields) bytes() []byte { return f.take(max(0, int(f.int32()))) }

// count reads an array's length; a null array has none.
func (f *fields) count() int { return max(0, int(f.int32())) }
