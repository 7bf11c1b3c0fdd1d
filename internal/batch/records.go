package batch

import "encoding/binary"

// Record is one record of a batch. Key and Value alias the batch's bytes and
// are nil when null.
type Record struct {
	OffsetDelta      int32
	TimestampDeltaMs int64
	Key, Value       []byte
}

// Iter steps through the records of one uncompressed batch. Use by one thread.
type Iter struct {
	rest []byte
	left int32
	seen int32
	err  error
}

// Records iterates over the records of the whole batch at the start of b. On a
// compressed or malformed batch Next returns false at once and Err says why.
func Records(b []byte) Iter {
	h, err := ReadHeader(b)
	switch {
	case err != nil:
		return Iter{err: err}
	case len(b) < h.SizeBytes():
		return Iter{err: newError(Truncated, "%d of %d bytes", len(b), h.SizeBytes())}
	case h.Compression() != Uncompressed:
		return Iter{err: newError(Compressed, "%v", h.Compression())}
	case h.RecordCount < 0:
		return Iter{err: newError(BadCount, "%d records", h.RecordCount)}
	}
	return Iter{rest: b[HeaderBytes:h.SizeBytes()], left: h.RecordCount}
}

// Err is the first malformation met, nil after a complete pass.
func (it *Iter) Err() error { return it.err }

// Next returns the next record, or false after the last one or at an error.
func (it *Iter) Next() (Record, bool) {
	if it.err != nil {
		return Record{}, false
	}
	if it.left == 0 {
		if len(it.rest) > 0 {
			it.err = newError(BadRecord, "%d bytes after the last record", len(it.rest))
		}
		return Record{}, false
	}
	length, n := binary.Varint(it.rest)
	if n <= 0 || length < 0 || length > int64(len(it.rest)-n) {
		return it.malformed()
	}
	record, ok := parseRecord(it.rest[n : n+int(length)])
	if !ok {
		return it.malformed()
	}
	it.rest = it.rest[n+int(length):]
	it.left--
	it.seen++
	return record, true
}

func (it *Iter) malformed() (Record, bool) {
	it.err = newError(BadRecord, "record %d of %d", it.seen, it.seen+it.left)
	return Record{}, false
}

// parseRecord decodes what follows a record's length, to its last byte.
func parseRecord(b []byte) (r Record, ok bool) {
	f := fields{rest: b}
	f.take(1) // attributes: unused in v2
	r.TimestampDeltaMs = f.varint()
	r.OffsetDelta = int32(f.varint())
	r.Key = f.nullable()
	r.Value = f.nullable()
	for headers := f.varint(); headers > 0 && !f.bad; headers-- {
		f.nullable()
		f.nullable()
	}
	return r, !f.bad && len(f.rest) == 0
}

// fields reads from the front of rest; after the first failure it stays bad and
// yields zero values.
type fields struct {
	rest []byte
	bad  bool
}

func (f *fields) varint() int64 {
	v, n := binary.Varint(f.rest)
	if n <= 0 || f.bad {
		f.bad = true
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

func (f *fields) take(n int64) []byte {
	if f.bad || n < 0 || n > int64(len(f.rest)) {
		f.bad = true
		return nil
	}
	taken := f.rest[:n:n]
	f.rest = f.rest[n:]
	return taken
}

// nullable reads a length and that many bytes; -1 is null.
func (f *fields) nullable() []byte {
	n := f.varint()
	if n == -1 {
		return nil
	}
	return f.take(n)
}
