package batch

import "sync"

// attributeLogAppendTime in a batch's attributes says that its timestamps are the
// broker's, which a producer does not know.
const attributeLogAppendTime = 1 << 3

// noTimestamp is that of a record without one.
const noTimestamp = -1

// maxKeptBytes is how large a buffer for decompressed records stays for the next.
const maxKeptBytes = 1 << 20

var decompressed = sync.Pool{New: func() any { return new([]byte) }}

// CheckRecords verifies the records of a whole batch that Check accepts, as Kafka's
// LogValidator does before it appends: they are well-formed, as many as the header
// says, and no more; their offsets follow each other from the first on; no timestamp
// is below −1, and the latest is the header's. It opens the batch for that.
func CheckRecords(b []byte, limitBytes int64) error {
	h, err := ReadHeader(b)
	if err != nil {
		return err
	}
	if h.Attributes&attributeLogAppendTime != 0 {
		return newError(BadTimestamp, "a producer sets log append time")
	}
	return Open(h, b, limitBytes, checkRecords)
}

// Open calls use with the records of a whole batch, those of a compressed one
// decompressed, up to limitBytes. They are use's until it returns. Any thread may call
// it; it does not allocate once its buffers have grown.
func Open(h Header, b []byte, limitBytes int64, use func(h Header, records []byte) error) error {
	if h.Compression() == Uncompressed {
		return use(h, b[HeaderBytes:h.SizeBytes()])
	}
	buffer := decompressed.Get().(*[]byte)
	records, err := Decompress((*buffer)[:0], b, limitBytes)
	if err == nil {
		err = use(h, records)
	}
	if cap(records) <= maxKeptBytes {
		*buffer = records[:0]
	}
	decompressed.Put(buffer)
	return err
}

func checkRecords(h Header, records []byte) error {
	it := RecordsIn(h, records)
	latest := int64(noTimestamp)
	for {
		latest = it.skim(h.BaseTimestampMs, latest)
		want := it.seen
		r, ok := it.Next()
		if !ok {
			break
		}
		if r.OffsetDelta != want {
			return newError(BadOffset, "record %d has offset delta %d", want, r.OffsetDelta)
		}
		at := h.BaseTimestampMs + r.TimestampDeltaMs
		if at < noTimestamp {
			return newError(BadTimestamp, "record %d is at %d ms", want, at)
		}
		latest = max(latest, at)
	}
	if it.Err() != nil {
		return it.Err()
	}
	if latest != h.MaxTimestampMs {
		return newError(BadTimestamp, "the header says %d ms for the latest, which is %d", h.MaxTimestampMs, latest)
	}
	return nil
}
