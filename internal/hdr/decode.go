package hdr

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
	"github.com/klauspost/compress/zlib"
)

// The V2 encoding (HdrHistogram's AbstractHistogram.encodeIntoCompressedByteBuffer):
//
//	base64( cookie int32, length int32, zlib(
//	  cookie int32, payload length int32, normalizing offset int32, significant figures int32,
//	  lowest int64, highest int64, conversion ratio float64,
//	  payload: ZigZag LEB128 numbers in the order of buckets, a count, or minus a number of empty buckets ) )
const (
	compressedCookie = 0x1c849304
	plainCookie      = 0x1c849303
	cookieWordSize   = 0xf0 // bits that do not matter
	plainHeaderBytes = 40
)

var errEncoding = errors.New("not a compressed V2 histogram")

// decoder decodes histograms, and allocates nothing for those of this package's shape:
// reading thousands of trials is mostly that. One goroutine at a time may use it.
type decoder struct {
	compressed []byte
	plain      bytes.Buffer
	source     bytes.Reader
	inflater   io.ReadCloser // also a zlib.Resetter
	filled     []filled
}

// filled is a bucket that is not empty.
type filled struct {
	bucket int
	count  int64
}

// read decodes a histogram: its buckets that are not empty, ascending, which hold
// until the next call.
func (d *decoder) read(encoded []byte) ([]filled, error) {
	if err := d.inflate(encoded); err != nil {
		return nil, err
	}
	plain := d.plain.Bytes()
	if len(plain) < plainHeaderBytes || binary.BigEndian.Uint32(plain)&^cookieWordSize != plainCookie {
		return nil, errEncoding
	}
	if binary.BigEndian.Uint32(plain[12:]) != significantFigures || binary.BigEndian.Uint64(plain[16:]) != lowestNs ||
		binary.BigEndian.Uint64(plain[24:]) != uint64(highestNs) {
		return d.ofOtherShape(encoded)
	}
	payload := plain[plainHeaderBytes:]
	if int64(binary.BigEndian.Uint32(plain[4:])) != int64(len(payload)) {
		return nil, errEncoding
	}
	return d.buckets(payload)
}

// ofOtherShape decodes what another tool may have written.
func (d *decoder) ofOtherShape(encoded []byte) ([]filled, error) {
	other, err := hdrhistogram.Decode(encoded)
	if err != nil {
		return nil, err
	}
	h := NewHistogram()
	if n := h.inner.Merge(other); n > 0 {
		return nil, fmt.Errorf("%w: %d durations beyond 5 min", errEncoding, n)
	}
	return d.fill(h.inner.Export().Counts), nil
}

// fill lists the buckets that are not empty; the list holds as that of read.
func (d *decoder) fill(counts []int64) []filled {
	d.filled = d.filled[:0]
	for bucket, n := range counts {
		if n > 0 {
			d.filled = append(d.filled, filled{bucket, n})
		}
	}
	return d.filled
}

func (d *decoder) inflate(encoded []byte) error {
	if n := base64.StdEncoding.DecodedLen(len(encoded)); cap(d.compressed) < n {
		d.compressed = make([]byte, n)
	}
	n, err := base64.StdEncoding.Decode(d.compressed[:cap(d.compressed)], encoded)
	if err != nil {
		return err
	}
	raw := d.compressed[:n]
	if len(raw) < 8 || binary.BigEndian.Uint32(raw)&^cookieWordSize != compressedCookie {
		return errEncoding
	}
	length := int(binary.BigEndian.Uint32(raw[4:]))
	if length > len(raw)-8 {
		return errEncoding
	}
	d.source.Reset(raw[8 : 8+length])
	if d.inflater == nil {
		d.inflater, err = zlib.NewReader(&d.source)
	} else {
		err = d.inflater.(zlib.Resetter).Reset(&d.source, nil)
	}
	if err != nil {
		d.inflater = nil
		return err
	}
	d.plain.Reset()
	most := int64(plainHeaderBytes + bucketCount*binary.MaxVarintLen64)
	if _, err := io.Copy(&d.plain, io.LimitReader(d.inflater, most+1)); err != nil {
		return err
	}
	if int64(d.plain.Len()) > most {
		return errEncoding
	}
	return nil
}

func (d *decoder) buckets(payload []byte) ([]filled, error) {
	d.filled = d.filled[:0]
	bucket, total := 0, int64(0)
	for len(payload) > 0 {
		n, size := leb128(payload)
		if size == 0 {
			return nil, errEncoding
		}
		payload = payload[size:]
		if n < 0 {
			if n < -int64(bucketCount-bucket) {
				return nil, fmt.Errorf("%w: %d empty buckets at bucket %d", errEncoding, n, bucket)
			}
			bucket -= int(n)
			continue
		}
		if bucket >= bucketCount || total > math.MaxInt64-n {
			return nil, fmt.Errorf("%w: count %d in bucket %d", errEncoding, n, bucket)
		}
		if n > 0 {
			d.filled = append(d.filled, filled{bucket, n})
		}
		total += n
		bucket++
	}
	return d.filled, nil
}

// leb128 reads a ZigZag number of seven bits a byte, whose ninth byte has eight
// (HdrHistogram's ZigZagEncoding); size 0 if it is cut off.
func leb128(data []byte) (value int64, size int) {
	var bits uint64
	for i, b := range data {
		if i == 8 {
			bits |= uint64(b) << 56
			return int64(bits>>1) ^ -int64(bits&1), 9
		}
		bits |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return int64(bits>>1) ^ -int64(bits&1), i + 1
		}
	}
	return 0, 0
}
