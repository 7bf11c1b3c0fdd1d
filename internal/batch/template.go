package batch

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// DueBytes is the size of the due time that a template's values begin with,
// hence the least value size.
const DueBytes = 8

// Template is one batch made ahead of time for load generation:
// null keys, no headers, no producer id, every value a due time (big endian
// int64, ns) and then seeded filler. It is immutable and
// may be shared by threads; each stamps copies of its own.
type Template struct {
	bytes   []byte
	dueAt   []int // where in bytes each record's due time lies; of a compressed one the first record's
	records int

	// Of one in gzip, whose content has a checksum: where what is not compressed lies, and the content
	// of the rest.
	plainAt, plainBytes int
	rest                []byte
}

// NewTemplate makes a batch of equal records. The same arguments give the same
// bytes. It fails if records is below 1 or valueBytes below DueBytes.
func NewTemplate(records, valueBytes int, seed uint64) (*Template, error) {
	if records < 1 {
		return nil, fmt.Errorf("batch template: %d records, least is 1", records)
	}
	return newTemplate(slices.Repeat([]int{valueBytes}, records), seed)
}

// TemplateForBytes makes a batch of exactly batchBytes, header included, out of
// records with values of valueBytes; the last record takes up the remainder
// (and the first may be a few bytes longer where the length prefixes leave no
// other way). It fails if not even one record fits.
func TemplateForBytes(batchBytes, valueBytes int, seed uint64) (*Template, error) {
	if valueBytes < DueBytes {
		return nil, fmt.Errorf("batch template: values of %d bytes, least is %d", valueBytes, DueBytes)
	}
	// A length prefix that grows by a byte makes some sizes unreachable; another
	// byte in the first record moves the last one off such a size.
	for extra := range 4 {
		if sizes, ok := fill(batchBytes-HeaderBytes, valueBytes, extra); ok {
			return newTemplate(sizes, seed)
		}
	}
	return nil, fmt.Errorf("batch template: no records with values of at least %d bytes make a batch of %d bytes", DueBytes, batchBytes)
}

// fill divides space over records of valueBytes, the first longer by extra, and
// gives the rest to a last record; false if no last record takes exactly that.
func fill(space, valueBytes, extra int) (sizes []int, ok bool) {
	for {
		next := valueBytes
		if len(sizes) == 0 {
			next += extra
		}
		taken := recordBytes(len(sizes), next)
		if space < taken+recordBytes(len(sizes)+1, DueBytes) {
			break
		}
		sizes = append(sizes, next)
		space -= taken
	}
	last := len(sizes)
	for value := max(DueBytes, space-recordBytes(last, 0)-8); value <= space; value++ {
		if recordBytes(last, value) == space {
			return append(sizes, value), true
		}
	}
	return nil, false
}

func recordBytes(offsetDelta, valueBytes int) int {
	body := recordBodyBytes(offsetDelta, valueBytes)
	return varintBytes(body) + body
}

func recordBodyBytes(offsetDelta, valueBytes int) int {
	const attributesTimestampKeyHeaders = 4
	return attributesTimestampKeyHeaders + varintBytes(offsetDelta) + varintBytes(valueBytes) + valueBytes
}

func varintBytes(v int) int {
	var scratch [binary.MaxVarintLen64]byte
	return binary.PutVarint(scratch[:], int64(v))
}

func newTemplate(valueSizes []int, seed uint64) (*Template, error) {
	total := HeaderBytes
	for i, size := range valueSizes {
		if size < DueBytes {
			return nil, fmt.Errorf("batch template: a value of %d bytes, least is %d", size, DueBytes)
		}
		total += recordBytes(i, size)
	}
	if total > math.MaxInt32 {
		return nil, fmt.Errorf("batch template: %d bytes, most is %d", total, math.MaxInt32)
	}
	t := &Template{bytes: make([]byte, HeaderBytes, total), dueAt: make([]int, len(valueSizes)), records: len(valueSizes)}
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	filler := rand.NewChaCha8(key)
	for i, size := range valueSizes {
		t.appendRecord(i, size, filler)
	}
	t.writeHeader()
	return t, nil
}

func (t *Template) appendRecord(offsetDelta, valueBytes int, filler *rand.ChaCha8) {
	b := binary.AppendVarint(t.bytes, int64(recordBodyBytes(offsetDelta, valueBytes)))
	b = append(b, 0)              // attributes
	b = binary.AppendVarint(b, 0) // timestamp delta
	b = binary.AppendVarint(b, int64(offsetDelta))
	b = binary.AppendVarint(b, -1) // null key
	b = binary.AppendVarint(b, int64(valueBytes))
	t.dueAt[offsetDelta] = len(b)
	b = append(b, make([]byte, valueBytes)...)
	filler.Read(b[len(b)-valueBytes:])
	t.bytes = binary.AppendVarint(b, 0) // no headers
}

func (t *Template) writeHeader() {
	b, records := t.bytes, len(t.dueAt)
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-lengthCountsFrom))
	binary.BigEndian.PutUint32(b[atLeaderEpoch:], math.MaxUint32) // -1: not known to a producer
	b[atMagic] = Magic
	binary.BigEndian.PutUint32(b[atLastOffsetDelta:], uint32(records-1))
	binary.BigEndian.PutUint64(b[atProducerID:], math.MaxUint64) // -1: not idempotent
	binary.BigEndian.PutUint16(b[atProducerEpoch:], math.MaxUint16)
	binary.BigEndian.PutUint32(b[atBaseSequence:], math.MaxUint32)
	binary.BigEndian.PutUint32(b[atRecordCount:], uint32(records))
	t.Stamp(b, 0, 0)
}

func (t *Template) SizeBytes() int { return len(t.bytes) }

func (t *Template) Records() int { return t.records }

func (t *Template) AppendTo(dst []byte) []byte { return append(dst, t.bytes...) }

// Stamp rewrites a copy of the batch in place: the due time in every record, of a compressed one in the first,
// base and max timestamp, and the CRC. It does not allocate. dst must be exactly
// a copy made by AppendTo.
func (t *Template) Stamp(dst []byte, dueNs, timestampMs int64) {
	if len(dst) != len(t.bytes) {
		panic(fmt.Sprintf("batch: stamping %d bytes with a template of %d", len(dst), len(t.bytes)))
	}
	for _, at := range t.dueAt {
		binary.BigEndian.PutUint64(dst[at:], uint64(dueNs))
	}
	binary.BigEndian.PutUint64(dst[atBaseTimestamp:], uint64(timestampMs))
	binary.BigEndian.PutUint64(dst[atMaxTimestamp:], uint64(timestampMs))
	if t.rest != nil {
		t.stampGzip(dst)
	}
	binary.BigEndian.PutUint32(dst[atCRC:], checksum(dst))
}

// Compressible makes a copy of which a share of each value, its end, is zeros.
func (t *Template) Compressible(share float64) *Template {
	made := *t
	made.bytes = slices.Clone(t.bytes)
	for i, at := range t.dueAt {
		end := len(t.bytes)
		if i+1 < len(t.dueAt) {
			end = t.dueAt[i+1]
		}
		const untilNextValue = 24 // more than what lies between the values of two records
		filler := made.bytes[at+DueBytes : max(at+DueBytes, end-untilNextValue)]
		clear(filler[int((1-share)*float64(len(filler))):])
	}
	made.Stamp(made.bytes, 0, 0)
	return &made
}

// DueNs is the due time that a template's value begins with, 0 for a value too
// short to hold one.
func DueNs(value []byte) int64 {
	if len(value) < DueBytes {
		return 0
	}
	return int64(binary.BigEndian.Uint64(value))
}
