package loadgen

import (
	"encoding/binary"
	"fmt"

	"c10klab/internal/kafka"
	"c10klab/internal/measure"
)

// correlationBytes is the size of the id that an echo payload begins with.
const correlationBytes = 4

// echo is the protocol of the echo and synthetic services: a 4-byte length and a
// payload, answered by a frame of the same kind. The payload's first 4 bytes are
// the correlation id and come back first.
type echo struct{ payloadBytes int }

func (e echo) api() string { return measure.Echo }

func (e echo) newFrame() []byte {
	frame := make([]byte, kafka.PrefixBytes+e.payloadBytes)
	binary.BigEndian.PutUint32(frame, uint32(e.payloadBytes))
	return frame
}

func (e echo) stamp(frame []byte, _ int, id int32, _ int64) {
	binary.BigEndian.PutUint32(frame[kafka.PrefixBytes:], uint32(id))
}

func (e echo) parse(_ int, payload []byte) (answer, error) {
	if len(payload) < correlationBytes {
		return answer{}, fmt.Errorf("an answer of %d bytes has no correlation id", len(payload))
	}
	return answer{id: int32(binary.BigEndian.Uint32(payload))}, nil
}

func (e echo) maxAnswerBytes() int         { return e.payloadBytes }
func (e echo) answers() bool               { return true }
func (e echo) batch() (bytes, records int) { return 0, 0 }
