package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// maxZstdWindowBytes bounds the memory that a frame may ask for before its first byte.
// It is what level 22 takes, the highest, and zstd's decoders allow unless told otherwise.
const maxZstdWindowBytes = 128 << 20

// Decompress appends the records of a whole compressed batch to dst. Beyond
// limitBytes it stops and fails with TooLarge, having used not much more memory than
// that; what is no compressed data fails with BadCompression. Any thread may call it.
func Decompress(dst, b []byte, limitBytes int64) ([]byte, error) {
	h, err := ReadHeader(b)
	if err != nil {
		return dst, err
	}
	if len(b) < h.SizeBytes() {
		return dst, newError(Truncated, "%d of %d bytes", len(b), h.SizeBytes())
	}
	body, limit := b[HeaderBytes:h.SizeBytes()], int64(len(dst))+limitBytes
	if h.Compression() == Snappy {
		dst, err = appendSnappy(dst, body, limit)
	} else {
		dst, err = appendStream(dst, h.Compression(), body, limit)
	}
	var ours *Error
	if err == nil || errors.As(err, &ours) {
		return dst, err
	}
	return dst, newError(BadCompression, "%v: %v", h.Compression(), err)
}

func tooLarge(codec Codec, limit int64) error {
	return newError(TooLarge, "%v: more than %d bytes", codec, limit)
}

// stream is a decoder that can be used again.
type stream interface {
	io.Reader
	Reset(io.Reader) error
}

// lz4Stream is an LZ4 frame decoder, whose Reset cannot fail.
type lz4Stream struct{ *lz4.Reader }

func (s lz4Stream) Reset(r io.Reader) error {
	s.Reader.Reset(r)
	return nil
}

// streams keeps decoders by codec, with what they have allocated.
var streams = map[Codec]*sync.Pool{
	Gzip: {New: func() any { return stream(new(gzip.Reader)) }},
	LZ4:  {New: func() any { return stream(lz4Stream{lz4.NewReader(nil)}) }},
	Zstd: {New: func() any {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindowBytes))
		if err != nil {
			panic(err) // the options are constant
		}
		return stream(d)
	}},
}

func appendStream(dst []byte, codec Codec, body []byte, limit int64) ([]byte, error) {
	pool := streams[codec]
	if pool == nil {
		return dst, newError(BadCompression, "%v", codec)
	}
	s := pool.Get().(stream)
	defer pool.Put(s)
	if err := s.Reset(bytes.NewReader(body)); err != nil {
		return dst, err
	}
	for {
		dst = slices.Grow(dst, max(512, len(body)))
		room := dst[len(dst):cap(dst)]
		n, err := s.Read(room)
		dst = dst[:len(dst)+n]
		switch {
		case int64(len(dst)) > limit:
			return dst, tooLarge(codec, limit)
		case err == io.EOF:
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}

// xerialMagic begins the framing that Java producers put around snappy blocks
// (snappy-java's SnappyOutputStream); librdkafka sends one bare block.
var xerialMagic = []byte("\x82SNAPPY\x00")

const xerialHeaderBytes = 8 + 4 + 4 // magic, version, compatible version

func appendSnappy(dst, body []byte, limit int64) ([]byte, error) {
	if !bytes.HasPrefix(body, xerialMagic) {
		return appendSnappyBlock(dst, body, limit)
	}
	if len(body) < xerialHeaderBytes {
		return dst, io.ErrUnexpectedEOF
	}
	for body = body[xerialHeaderBytes:]; len(body) > 0; {
		if len(body) < 4 {
			return dst, io.ErrUnexpectedEOF
		}
		size := int64(binary.BigEndian.Uint32(body))
		body = body[4:]
		if size > int64(len(body)) {
			return dst, io.ErrUnexpectedEOF
		}
		var err error
		if dst, err = appendSnappyBlock(dst, body[:size], limit); err != nil {
			return dst, err
		}
		body = body[size:]
	}
	return dst, nil
}

// appendSnappyBlock believes a block's size only below the limit.
func appendSnappyBlock(dst, block []byte, limit int64) ([]byte, error) {
	size, err := snappy.DecodedLen(block)
	if err != nil {
		return dst, err
	}
	if int64(len(dst))+int64(size) > limit {
		return dst, tooLarge(Snappy, limit)
	}
	dst = slices.Grow(dst, size)
	part, err := snappy.Decode(dst[len(dst):len(dst)+size], block)
	return dst[:len(dst)+len(part)], err
}
