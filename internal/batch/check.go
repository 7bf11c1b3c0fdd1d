package batch

import (
	"encoding/binary"
	"hash/crc32"
	"sync"
)

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
// is below −1. It opens the batch for that, and returns the latest timestamp, which may
// be another than the header's: see SetMaxTimestamp.
func CheckRecords(b []byte, limitBytes int64) (latestMs int64, err error) {
	h, err := ReadHeader(b)
	if err != nil {
		return 0, err
	}
	if h.Attributes&attributeLogAppendTime != 0 {
		return 0, newError(BadTimestamp, "a producer sets log append time")
	}
	return Open(h, b, limitBytes, checkRecords)
}

// SetMaxTimestamp writes a whole batch's latest timestamp into its header, and the CRC that
// this asks for, where it has another: some clients leave −1 there, or count only the
// timestamps that their users gave, and Kafka makes it right.
func SetMaxTimestamp(b []byte, ms int64) {
	if int64(binary.BigEndian.Uint64(b[atMaxTimestamp:])) == ms {
		return
	}
	binary.BigEndian.PutUint64(b[atMaxTimestamp:], uint64(ms))
	binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], castagnoli))
}

// Open returns what use does with the records of a whole batch, those of a compressed one
// decompressed, up to limitBytes. They are use's until it returns. Any thread may call
// it; it does not allocate once its buffers have grown.
func Open[T any](h Header, b []byte, limitBytes int64, use func(h Header, records []byte) (T, error)) (result T, err error) {
	if h.Compression() == Uncompressed {
		return use(h, b[HeaderBytes:h.SizeBytes()])
	}
	buffer := decompressed.Get().(*[]byte)
	records, err := Decompress((*buffer)[:0], b, limitBytes)
	if err == nil {
		result, err = use(h, records)
	}
	if cap(records) <= maxKeptBytes {
		*buffer = records[:0]
	}
	decompressed.Put(buffer)
	return result, err
}

func checkRecords(h Header, records []byte) (latest int64, err error) {
	it := RecordsIn(h, records)
	latest = noTimestamp
	for {
		latest = it.skim(h.BaseTimestampMs, latest)
		want := it.seen
		r, ok := it.Next()
		if !ok {
			break
		}
		if r.OffsetDelta != want {
			return 0, newError(BadOffset, "record %d has offset delta %d", want, r.OffsetDelta)
		}
		at := h.BaseTimestampMs + r.TimestampDeltaMs
		if at < noTimestamp {
			return 0, newError(BadTimestamp, "record %d is at %d ms", want, at)
		}
		latest = max(latest, at)
	}
	return latest, it.Err()
}
