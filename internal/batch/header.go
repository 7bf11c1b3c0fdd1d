// Package batch reads, checks and builds Kafka's v2 record batches, the unit in
// which records travel, are stored and are checksummed (Kafka's
// DefaultRecordBatch and DefaultRecord). All numbers are big endian; varints
// are zigzag coded.
//
//	 0        8           12     16    17    21           23                27
//	+--------+-----------+------+-----+-----+------------+-----------------+
//	| base   | batch     |leader|magic| CRC | attributes | last offset     |
//	| offset | length    |epoch | = 2 |     |            | delta           |
//	+--------+-----------+------+-----+-----+------------+-----------------+
//	 27             35            43         51             53         57       61
//	+--------------+-------------+----------+--------------+----------+--------+--------
//	| base         | max         | producer | producer     | base     | record | records
//	| timestamp ms | timestamp ms| id       | epoch        | sequence | count  | ...
//	+--------------+-------------+----------+--------------+----------+--------+--------
//
// The batch length counts what follows it. The CRC is CRC-32C over everything
// from the attributes on, so a broker may set base offset and leader epoch
// without touching it. The low three bits of the attributes name the codec that
// the records as a whole are compressed with.
//
//	record: length varint | attributes int8 | timestamp delta varint | offset delta varint |
//	        key length varint, key | value length varint, value | headers varint, headers
//
// A key or value length of -1 is null. Functions of this package keep no state;
// they may be called from any thread and never block.
package batch

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// HeaderBytes is the size of everything before the first record.
const HeaderBytes = 61

// Magic is the only batch format version handled here.
const Magic = 2

const (
	lengthCountsFrom = 12 // batch length does not count itself and the base offset
	leastRecordBytes = 7  // length, attributes, two deltas, null key, null value, no headers
)

// Where the header's fields lie.
const (
	atBaseOffset      = 0
	atLength          = 8
	atLeaderEpoch     = 12
	atMagic           = 16
	atCRC             = 17
	atAttributes      = 21
	atLastOffsetDelta = 23
	atBaseTimestamp   = 27
	atMaxTimestamp    = 35
	atProducerID      = 43
	atProducerEpoch   = 51
	atBaseSequence    = 53
	atRecordCount     = 57
)

// Header is a batch's fixed part.
type Header struct {
	BaseOffset      int64
	LengthBytes     int32 // as on the wire: counts the bytes after this field
	LeaderEpoch     int32
	Magic           int8
	CRC             uint32
	Attributes      int16
	LastOffsetDelta int32
	BaseTimestampMs int64
	MaxTimestampMs  int64
	ProducerID      int64
	ProducerEpoch   int16
	BaseSequence    int32
	RecordCount     int32
}

func (h Header) SizeBytes() int { return lengthCountsFrom + int(h.LengthBytes) }

func (h Header) LastOffset() int64 { return h.BaseOffset + int64(h.LastOffsetDelta) }

func (h Header) Compression() Codec { return Codec(h.Attributes & 7) }

// Codec numbers are those of the attributes' low three bits.
type Codec int8

const (
	Uncompressed Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

func (c Codec) String() string {
	names := [...]string{"none", "gzip", "snappy", "lz4", "zstd"}
	if c < 0 || int(c) >= len(names) {
		return fmt.Sprintf("codec %d", int8(c))
	}
	return names[c]
}

// ReadHeader decodes the header at the start of b, of which HeaderBytes must be
// there; the batch itself need not be. It fails with Truncated, BadMagic or
// BadLength, so a header it returns has a size of at least HeaderBytes.
func ReadHeader(b []byte) (Header, error) {
	if len(b) > atMagic && b[atMagic] != Magic {
		return Header{}, newError(BadMagic, "%d, want %d", int8(b[atMagic]), Magic)
	}
	if len(b) < HeaderBytes {
		return Header{}, newError(Truncated, "%d bytes, a header takes %d", len(b), HeaderBytes)
	}
	h := Header{
		BaseOffset:      int64(binary.BigEndian.Uint64(b[atBaseOffset:])),
		LengthBytes:     int32(binary.BigEndian.Uint32(b[atLength:])),
		LeaderEpoch:     int32(binary.BigEndian.Uint32(b[atLeaderEpoch:])),
		Magic:           int8(b[atMagic]),
		CRC:             binary.BigEndian.Uint32(b[atCRC:]),
		Attributes:      int16(binary.BigEndian.Uint16(b[atAttributes:])),
		LastOffsetDelta: int32(binary.BigEndian.Uint32(b[atLastOffsetDelta:])),
		BaseTimestampMs: int64(binary.BigEndian.Uint64(b[atBaseTimestamp:])),
		MaxTimestampMs:  int64(binary.BigEndian.Uint64(b[atMaxTimestamp:])),
		ProducerID:      int64(binary.BigEndian.Uint64(b[atProducerID:])),
		ProducerEpoch:   int16(binary.BigEndian.Uint16(b[atProducerEpoch:])),
		BaseSequence:    int32(binary.BigEndian.Uint32(b[atBaseSequence:])),
		RecordCount:     int32(binary.BigEndian.Uint32(b[atRecordCount:])),
	}
	if h.SizeBytes() < HeaderBytes {
		return Header{}, newError(BadLength, "%d, least is %d", h.LengthBytes, HeaderBytes-lengthCountsFrom)
	}
	return h, nil
}

// IsOtherVersion reports that b begins with what looks like a batch, or a message of
// the versions before, at that offset and within leftBytes: in all versions offset,
// length and magic are in the same places. It tells another program's data from
// damage, which seldom has the right offset.
func IsOtherVersion(b []byte, offset, leftBytes int64) bool {
	const leastMessageBytes, mostMagic = 14, 9
	if len(b) <= atMagic || b[atMagic] == Magic || b[atMagic] > mostMagic {
		return false
	}
	length := int64(int32(binary.BigEndian.Uint32(b[atLength:])))
	return int64(binary.BigEndian.Uint64(b)) == offset && length >= leastMessageBytes && lengthCountsFrom+length <= leftBytes
}

// checksum is the CRC of exactly one whole batch.
func checksum(batch []byte) uint32 { return crc32.Checksum(batch[atAttributes:], castagnoli) }

// Check verifies the first batch in b as a producer sends it: as CheckStored, and with a record
// for each of its offsets.
func Check(b []byte) (Header, error) {
	h, err := CheckStored(b)
	if err == nil && int64(h.RecordCount) != int64(h.LastOffsetDelta)+1 {
		return Header{}, newError(BadCount, "%d records with last offset delta %d", h.RecordCount, h.LastOffsetDelta)
	}
	return h, err
}

// CheckStored verifies the first batch in b as it may lie in a log: whole, version 2, CRC-32C
// right, and a record count that its offsets and, when the records are not compressed, its bytes
// have room for. Kafka's cleaner takes records out of a batch, down to none, and leaves its
// offsets (RecordBatch.lastOffset). The records themselves are not decoded.
func CheckStored(b []byte) (Header, error) {
	h, err := ReadHeader(b)
	if err != nil {
		return Header{}, err
	}
	if len(b) < h.SizeBytes() {
		return Header{}, newError(Truncated, "%d of %d bytes", len(b), h.SizeBytes())
	}
	if crc := checksum(b[:h.SizeBytes()]); crc != h.CRC {
		return Header{}, newError(BadCRC, "%08x is stored, %08x computed", h.CRC, crc)
	}
	if h.RecordCount < 0 || h.LastOffsetDelta < 0 || int64(h.RecordCount) > int64(h.LastOffsetDelta)+1 {
		return Header{}, newError(BadCount, "%d records with last offset delta %d", h.RecordCount, h.LastOffsetDelta)
	}
	if body := h.SizeBytes() - HeaderBytes; h.Compression() == Uncompressed && int(h.RecordCount) > body/leastRecordBytes {
		return Header{}, newError(BadCount, "%d records in %d bytes", h.RecordCount, body)
	}
	return h, nil
}

// Walk calls fn for each whole batch of b in turn and returns what is left: a
// partial batch, as a fetch response may end with, or nothing. It reads headers
// only; fn calls Check where the bytes may be damaged. It stops at the first
// error, fn's or a header's, and then the tail starts with the batch at fault.
func Walk(b []byte, fn func(h Header, batch []byte) error) (tail []byte, err error) {
	for len(b) >= HeaderBytes {
		h, err := ReadHeader(b)
		if err != nil {
			return b, err
		}
		if len(b) < h.SizeBytes() {
			break
		}
		if err := fn(h, b[:h.SizeBytes():h.SizeBytes()]); err != nil {
			return b, err
		}
		b = b[h.SizeBytes():]
	}
	return b, nil
}

// AssignOffset sets the base offset and leader epoch of the batch at the start
// of b in place. Neither is under the CRC.
func AssignOffset(b []byte, base int64, leaderEpoch int32) {
	binary.BigEndian.PutUint64(b[atBaseOffset:], uint64(base))
	binary.BigEndian.PutUint32(b[atLeaderEpoch:], uint32(leaderEpoch))
}
