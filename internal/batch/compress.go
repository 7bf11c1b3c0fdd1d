package batch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codecs are those that a producer may choose, by the names that Kafka has for them
// (compression.type).
var Codecs = map[string]Codec{"none": Uncompressed, "gzip": Gzip, "snappy": Snappy, "lz4": LZ4, "zstd": Zstd}

// Compressed makes a template of the same records, compressed once and for all: the part up to the first
// record's due time lies there as it is, in a block of its own that every codec allows, so that the
// due time is stamped into it as into an uncompressed one. Later records keep the due time of the template.
func (t *Template) Compressed(codec Codec) (*Template, error) {
	if codec == Uncompressed {
		return t, nil
	}
	split := t.dueAt[0] + DueBytes
	plain, rest := t.bytes[HeaderBytes:split], t.bytes[split:]
	pack := map[Codec]func(dst, plain, rest []byte) (packed []byte, plainAt int, err error){
		Gzip: packGzip, Snappy: packSnappy, LZ4: packLZ4, Zstd: packZstd,
	}[codec]
	if pack == nil {
		return nil, fmt.Errorf("batch template: no codec %v", codec)
	}
	packed, plainAt, err := pack(slices.Clone(t.bytes[:HeaderBytes]), plain, rest)
	if err != nil {
		return nil, fmt.Errorf("batch template: %v: %w", codec, err)
	}
	made := &Template{bytes: packed, dueAt: []int{plainAt + len(plain) - DueBytes}, records: t.records}
	if codec == Gzip {
		made.plainAt, made.plainBytes, made.rest = plainAt, len(plain), rest
	}
	binary.BigEndian.PutUint32(packed[atLength:], uint32(len(packed)-lengthCountsFrom))
	binary.BigEndian.PutUint16(packed[atAttributes:], uint16(codec))
	made.Stamp(packed, 0, 0)
	return made, nil
}

// stampGzip writes the checksum of the content, which gzip ends with, before its size (RFC 1952).
func (t *Template) stampGzip(dst []byte) {
	sum := crc32.Update(crc32.ChecksumIEEE(dst[t.plainAt:t.plainAt+t.plainBytes]), crc32.IEEETable, t.rest)
	binary.LittleEndian.PutUint32(dst[len(dst)-8:], sum)
}

// packGzip writes one member: a stored block, then those of the rest, whose references stay within it
// (RFC 1951).
func packGzip(dst, plain, rest []byte) ([]byte, int, error) {
	const noName, unknownSystem, stored = 0, 255, 0
	dst = append(dst, 0x1f, 0x8b, 8, noName, 0, 0, 0, 0, 0, unknownSystem, stored)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(plain)))
	dst = binary.LittleEndian.AppendUint16(dst, ^uint16(len(plain)))
	at := len(dst)
	var blocks bytes.Buffer
	w, err := flate.NewWriter(&blocks, flate.DefaultCompression)
	if err == nil {
		_, err = w.Write(rest)
	}
	if err == nil {
		err = w.Close()
	}
	dst = append(append(dst, plain...), blocks.Bytes()...)
	dst = binary.LittleEndian.AppendUint32(dst, 0) // the checksum, which Stamp writes
	return binary.LittleEndian.AppendUint32(dst, uint32(len(plain)+len(rest))), at, err
}

// packSnappy writes one bare block: a literal, then the elements of the rest
// (github.com/google/snappy, format_description.txt).
func packSnappy(dst, plain, rest []byte) ([]byte, int, error) {
	const longestShort = 60
	if len(plain) > longestShort {
		return nil, 0, fmt.Errorf("the first %d bytes are no short literal", len(plain))
	}
	dst = binary.AppendUvarint(dst, uint64(len(plain)+len(rest)))
	dst = append(dst, byte(len(plain)-1)<<2)
	at := len(dst)
	block := snappy.Encode(nil, rest)
	_, sizeBytes := binary.Uvarint(block)
	return append(append(dst, plain...), block[sizeBytes:]...), at, nil
}

// packLZ4 writes a frame of independent blocks, the first as it is (lz4_Frame_format.md). A frame's header
// is that which the library writes.
func packLZ4(dst, plain, rest []byte) ([]byte, int, error) {
	const headerBytes, blockBytes, asItIs = 7, 4 << 20, 1 << 31
	var header bytes.Buffer
	w := lz4.NewWriter(&header)
	err := w.Apply(lz4.BlockSizeOption(lz4.Block4Mb), lz4.ChecksumOption(false), lz4.ConcurrencyOption(1))
	if err == nil {
		_, err = w.Write([]byte{0})
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, 0, err
	}
	dst = append(dst, header.Bytes()[:headerBytes]...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(plain))|asItIs)
	at := len(dst)
	dst = append(dst, plain...)
	for block := range slices.Chunk(rest, blockBytes) {
		packed := make([]byte, lz4.CompressBlockBound(len(block)))
		n, err := lz4.CompressBlock(block, packed, nil)
		if err != nil {
			return nil, 0, err
		}
		if n == 0 || n >= len(block) { // it does not compress
			dst = append(binary.LittleEndian.AppendUint32(dst, uint32(len(block))|asItIs), block...)
		} else {
			dst = append(binary.LittleEndian.AppendUint32(dst, uint32(n)), packed[:n]...)
		}
	}
	return binary.LittleEndian.AppendUint32(dst, 0), at, nil // the end mark
}

// packZstd writes a frame whose first block is raw, then those of the rest's own frame, whose references
// stay within it (RFC 8878).
func packZstd(dst, plain, rest []byte) ([]byte, int, error) {
	const windowLog, leastLog = 23, 10
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(false), zstd.WithSingleSegment(false), zstd.WithWindowSize(1<<windowLog), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, 0, err
	}
	defer encoder.Close()
	frame := encoder.EncodeAll(rest, nil)
	var header zstd.Header
	if err := header.Decode(frame); err != nil {
		return nil, 0, err
	}
	dst = append(dst, 0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog-leastLog)<<3) // magic; nothing but a window is told
	size := uint32(len(plain)) << 3                                       // not the last block, raw
	dst = append(dst, byte(size), byte(size>>8), byte(size>>16))
	at := len(dst)
	return append(append(dst, plain...), frame[header.HeaderSize:]...), at, nil
}
