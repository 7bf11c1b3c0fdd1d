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
	}
	return RecordsIn(h, b[HeaderBytes:h.SizeBytes()])
}

// RecordsIn iterates over the records of a batch with that header: its body, or what
// Decompress made of it.
func RecordsIn(h Header, records []byte) Iter {
	if h.RecordCount < 0 {
		return Iter{err: newError(BadCount, "%d records", h.RecordCount)}
	}
	return Iter{rest: records, left: h.RecordCount}
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
	length, at := varint(it.rest, 0)
	if at < 0 || length < 0 || length > int64(len(it.rest)-at) {
		return it.malformed()
	}
	record, ok := parseRecord(it.rest[at : at+int(length)])
	if !ok {
		return it.malformed()
	}
	it.rest = it.rest[at+int(length):]
	it.left--
	it.seen++
	return record, true
}

func (it *Iter) malformed() (Record, bool) {
	it.err = newError(BadRecord, "record %d of %d", it.seen, it.seen+it.left)
	return Record{}, false
}

// parseRecord decodes what follows a record's length, to its last byte. Positions
// are −1 from the first failure on.
func parseRecord(b []byte) (r Record, ok bool) {
	const afterAttributes = 1 // unused in v2
	timestampDelta, at := varint(b, afterAttributes)
	offsetDelta, at := varint(b, at)
	r.TimestampDeltaMs, r.OffsetDelta = timestampDelta, int32(offsetDelta)
	r.Key, at = nullable(b, at)
	r.Value, at = nullable(b, at)
	headers, at := varint(b, at)
	for ; headers > 0 && at >= 0; headers-- {
		_, at = nullable(b, at)
		_, at = nullable(b, at)
	}
	return r, at == len(b) && headers == 0 && int64(r.OffsetDelta) == offsetDelta
}

// varint reads a zigzag number at a position and returns the position behind it, −1
// where there is none.
func varint(b []byte, at int) (v int64, next int) {
	if uint(at) < uint(len(b)) && b[at] < 0x80 {
		return int64(b[at]>>1) ^ -int64(b[at]&1), at + 1
	}
	return longVarint(b, at)
}

func longVarint(b []byte, at int) (v int64, next int) {
	if at < 0 || at > len(b) {
		return 0, -1
	}
	v, n := binary.Varint(b[at:])
	if n <= 0 {
		return 0, -1
	}
	return v, at + n
}

// nullable reads a length and that many bytes; −1 is null.
func nullable(b []byte, at int) (taken []byte, next int) {
	n, at := varint(b, at)
	switch {
	case at < 0:
		return nil, -1
	case n == -1:
		return nil, at
	case n < 0 || n > int64(len(b)-at):
		return nil, -1
	}
	end := at + int(n)
	return b[at:end:end], end
}
