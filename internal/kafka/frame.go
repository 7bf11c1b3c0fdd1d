// Package kafka is Kafka's wire framing, for servers and for clients. A frame is
// a length and a payload; a payload is a header and a message body, whose
// structs are those of twmb/franz-go's kmsg:
//
//	┌───────────────┬─────────────────────────────────────────────────┐
//	│ length: int32 │ payload (length bytes)                          │
//	└───────────────┴─────────────────────────────────────────────────┘
//	request payload:  key int16 · version int16 · correlation id int32 ·
//	                  client id (nullable string, int16 length) · [tags] · body
//	response payload: correlation id int32 · [tags] · body
//
// Numbers are big endian. Tags (KIP-482) are there in flexible versions only,
// and never in the header of an ApiVersions response. The source is Kafka's
// NetworkReceive, RequestHeader and ResponseHeader.
package kafka

import (
	"encoding/binary"
	"fmt"
)

const (
	// PrefixBytes is the size of a frame's length.
	PrefixBytes = 4
	// MaxFrameBytes is the largest payload (Kafka's socket.request.max.bytes).
	MaxFrameBytes = 100 << 20
)

// FrameLength reads the payload's size in bytes from a frame's first
// PrefixBytes, which must be there. A stream cannot be followed after a length that
// no frame may have: Kafka closes the connection.
func FrameLength(prefix []byte) (int, error) {
	n := int(int32(binary.BigEndian.Uint32(prefix)))
	switch {
	case n < 0:
		return 0, fmt.Errorf("frame length %d is negative", n)
	case n > MaxFrameBytes:
		return 0, fmt.Errorf("frame length %d is above the limit of %d bytes", n, MaxFrameBytes)
	}
	return n, nil
}
