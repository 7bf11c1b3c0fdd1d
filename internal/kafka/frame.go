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

// FrameError is a length that no frame may have. The stream cannot be followed
// after it: Kafka closes the connection.
type FrameError struct{ LengthBytes int }

func (e *FrameError) Error() string {
	if e.LengthBytes < 0 {
		return fmt.Sprintf("frame length %d is negative", e.LengthBytes)
	}
	return fmt.Sprintf("frame length %d is above the limit of %d bytes", e.LengthBytes, MaxFrameBytes)
}

// FrameLength reads the payload's size in bytes from a frame's first
// PrefixBytes, which must be there. Its error is a *FrameError.
func FrameLength(prefix []byte) (int, error) {
	n := int(int32(binary.BigEndian.Uint32(prefix)))
	if n < 0 || n > MaxFrameBytes {
		return 0, &FrameError{LengthBytes: n}
	}
	return n, nil
}

// finishFrame writes the length of the frame that begins at start and ends with
// dst.
func finishFrame(dst []byte, start int) []byte {
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-PrefixBytes))
	return dst
}
