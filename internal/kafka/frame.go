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
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// PrefixBytes is the size of a frame's length.
	PrefixBytes = 4
	// MaxFrameBytes is the largest payload (Kafka's socket.request.max.bytes).
	MaxFrameBytes = 100 << 20
)

// ErrTLS says that a peer speaks TLS, by the first bytes of a record of it (RFC 8446, 5.1).
var ErrTLS = errors.New("the other side speaks TLS, which is not supported")

// FrameLength reads the payload's size in bytes from a frame's first
// PrefixBytes, which must be there. A stream cannot be followed after a length that
// no frame may have: Kafka closes the connection. It fails with ErrTLS where that is why.
func FrameLength(prefix []byte) (int, error) {
	n := int(int32(binary.BigEndian.Uint32(prefix)))
	switch {
	case n < 0:
		return 0, fmt.Errorf("frame length %d is negative", n)
	case (prefix[0] == 0x15 || prefix[0] == 0x16) && prefix[1] == 3: // an alert or a handshake
		return 0, ErrTLS
	case n > MaxFrameBytes:
		return 0, fmt.Errorf("frame length %d is above the limit of %d bytes", n, MaxFrameBytes)
	}
	return n, nil
}

// AppendResponseHeader appends the header of a response (no length prefix).
func AppendResponseHeader(dst []byte, key, version int16, correlationID int32) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(correlationID))
	if responseHasTags(key, version) {
		dst = append(dst, 0)
	}
	return dst
}

// responseHasTags reports whether a response header ends in tags. Those of
// ApiVersions never do: a client reads them before it knows the server's versions.
func responseHasTags(key, version int16) bool {
	return key != keyApiVersions && Flexible(key, version)
}

// AppendRequest appends a request as a whole frame, length prefix included. The
// version is the one set in req.
func AppendRequest(dst []byte, correlationID int32, clientID string, req kmsg.Request) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = AppendRequestHeader(dst, RequestHeader{req.Key(), req.GetVersion(), correlationID, clientID})
	dst = req.AppendTo(dst)
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-PrefixBytes))
	return dst
}

// AppendRequestHeader appends the header of a request (no length prefix).
func AppendRequestHeader(dst []byte, h RequestHeader) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(h.Key))
	dst = binary.BigEndian.AppendUint16(dst, uint16(h.Version))
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.CorrelationID))
	if h.Key == keyControlledShutdown && h.Version == 0 {
		return dst
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(h.ClientID)))
	dst = append(dst, h.ClientID...)
	if Flexible(h.Key, h.Version) {
		dst = append(dst, 0)
	}
	return dst
}

// SplitResponse splits a response payload (without length prefix) into its
// correlation id and its body, which shares frame's memory.
func SplitResponse(frame []byte, key, version int16) (correlationID int32, body []byte, err error) {
	if len(frame) < 4 {
		return 0, nil, fmt.Errorf("response of %d bytes: %w", len(frame), ErrTruncated)
	}
	r := kbin.Reader{Src: frame}
	correlationID = r.Int32()
	if responseHasTags(key, version) {
		err = SkipTags(&r)
	}
	return correlationID, r.Src, err
}

// ParseResponse decodes a response payload (without length prefix) as the answer
// to req. When the body is damaged the correlation id is still valid.
func ParseResponse(frame []byte, req kmsg.Request) (correlationID int32, resp kmsg.Response, err error) {
	name := kmsg.NameForKey(req.Key())
	correlationID, body, err := SplitResponse(frame, req.Key(), req.GetVersion())
	if err != nil {
		return correlationID, nil, fmt.Errorf("%s response: %w", name, err)
	}
	resp = req.ResponseKind()
	if err := resp.ReadFrom(body); err != nil {
		return correlationID, nil, fmt.Errorf("decode %s response version %d: %w", name, req.GetVersion(), err)
	}
	return correlationID, resp, nil
}
