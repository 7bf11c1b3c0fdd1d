package commitlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

const (
	frameMagic     = 0x63_6c_6f_67 // "clog"
	frameHeadBytes = 24
	crcCoversFrom  = 8
	mostHeadBytes  = 512 // with the name, which Kafka's rules keep below 300
	mostFrameBytes = math.MaxInt32
)

// kind says what a frame does.
type kind uint8

const (
	kindWrite  kind = iota + 1 // appends its payload to the segment
	kindCut                    // cuts the segment at its position; at 0 it makes one that is not there
	kindRemove                 // removes the segment
)

// frameHead is a frame without its payload.
type frameHead struct {
	kind         kind
	payloadBytes int
	at           int64 // position in the segment
	name         string
}

func (h frameHead) sizeBytes() int { return frameHeadBytes + len(h.name) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendTo appends the head's bytes to dst.
func (h frameHead) appendTo(dst []byte) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, frameMagic)
	dst = append(dst, 0, 0, 0, 0, byte(h.kind), 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(h.name)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.payloadBytes))
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.at))
	dst = append(dst, h.name...)
	crc := crc32.Checksum(dst[start+crcCoversFrom:], castagnoli)
	binary.BigEndian.PutUint32(dst[start+4:], crc)
	return dst
}

// errFrame is a head that is damaged or not whole.
var errFrame = errors.New("no frame")

// readFrameHead decodes the head at the start of b. It fails with errFrame.
func readFrameHead(b []byte) (frameHead, error) {
	if len(b) < frameHeadBytes {
		return frameHead{}, fmt.Errorf("%w: %d bytes, a head takes %d", errFrame, len(b), frameHeadBytes)
	}
	if magic := binary.BigEndian.Uint32(b); magic != frameMagic {
		return frameHead{}, fmt.Errorf("%w: magic %08x, want %08x", errFrame, magic, uint32(frameMagic))
	}
	end := frameHeadBytes + int(binary.BigEndian.Uint16(b[10:]))
	if len(b) < end {
		return frameHead{}, fmt.Errorf("%w: %d bytes, head and name take %d", errFrame, len(b), end)
	}
	if stored, crc := binary.BigEndian.Uint32(b[4:]), crc32.Checksum(b[crcCoversFrom:end], castagnoli); stored != crc {
		return frameHead{}, fmt.Errorf("%w: CRC %08x is stored, %08x computed", errFrame, stored, crc)
	}
	h := frameHead{
		kind: kind(b[8]), payloadBytes: int(int32(binary.BigEndian.Uint32(b[12:]))),
		at: int64(binary.BigEndian.Uint64(b[16:])), name: string(b[frameHeadBytes:end]),
	}
	if h.kind < kindWrite || h.kind > kindRemove || h.payloadBytes < 0 || h.at < 0 || h.at > math.MaxInt32 {
		return frameHead{}, fmt.Errorf("%w: kind %d, %d bytes at %d", errFrame, h.kind, h.payloadBytes, h.at)
	}
	return h, nil
}
