package broker

import "encoding/binary"

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
