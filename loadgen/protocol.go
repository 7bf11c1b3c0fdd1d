package loadgen

import (
	"encoding/binary"
	"fmt"

	"c10klab/internal/kafka"
)

// protocol is the language of a target: how a request looks and what an answer
// says. All threads call its methods at once; they change nothing but the frame they
// are given, and allocate nothing except in newFrame.
type protocol interface {
	// newFrame returns a whole frame with all that requests have in common.
	newFrame() []byte
	// stamp turns a frame into one connection's request.
	stamp(frame []byte, connection int, id int32, dueNs int64)
	// parse reads the payload of an answer; an error: the target speaks otherwise.
	parse(connection int, payload []byte) (answer, error)
	// maxAnswerBytes is the largest payload that an answer may have.
	maxAnswerBytes() int
	// batch is the size of the record batch that a request carries; zeros: none.
	batch() (bytes, records int)
}

// answer is what a target said to one request.
type answer struct {
	id        int32 // correlation id
	errorCode int16 // Kafka's; 0: none
}

const correlationBytes = 4 // of the id

// echo is the protocol of the echo and synthetic services: a 4-byte length and a
// payload, which begins with the correlation id, answered by a frame of the same kind.
type echo struct{ payloadBytes int }

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
func (e echo) batch() (bytes, records int) { return 0, 0 }
