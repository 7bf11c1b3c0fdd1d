package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"
)

// fixedHeaderBytes are the key, version and correlation id.
const fixedHeaderBytes = 8

// RequestHeader is what comes before a request's body.
type RequestHeader struct {
	Key, Version  int16
	CorrelationID int32
	// ClientID shares memory with the frame it was read from and is valid as
	// long as those bytes are; clone it to keep it. A null id reads as "".
	ClientID string
}

// ErrTruncated says that a payload ends inside its header.
var ErrTruncated = errors.New("the frame ends inside its header")

// PeekKey returns the API key of a request payload, false when it is too short
// to have one.
func PeekKey(frame []byte) (key int16, ok bool) {
	if len(frame) < 2 {
		return 0, false
	}
	return int16(binary.BigEndian.Uint16(frame)), true
}

// PeekCorrelationID returns the correlation id of a request payload, false when it
// is too short to have one.
func PeekCorrelationID(frame []byte) (id int32, ok bool) {
	if len(frame) < fixedHeaderBytes {
		return 0, false
	}
	return int32(binary.BigEndian.Uint32(frame[fixedHeaderBytes-4:])), true
}

// ParseRequestHeader splits a request payload (without length prefix) into
// header and body. It allocates nothing; both results share frame's memory.
//
// The error is ErrTruncated or one about the field at fault when the header is
// damaged, and an *UnsupportedError when the API or version is unknown: then
// key, version and correlation id are still valid, so the server can answer as
// Kafka does (ApiVersions with error 35, otherwise by closing).
func ParseRequestHeader(frame []byte) (h RequestHeader, body []byte, err error) {
	if len(frame) < fixedHeaderBytes {
		return h, nil, fmt.Errorf("request of %d bytes: %w", len(frame), ErrTruncated)
	}
	h.Key = int16(binary.BigEndian.Uint16(frame))
	h.Version = int16(binary.BigEndian.Uint16(frame[2:]))
	h.CorrelationID = int32(binary.BigEndian.Uint32(frame[4:]))
	body = frame[fixedHeaderBytes:]
	if !known(h.Key, h.Version) {
		return h, nil, &UnsupportedError{h.Key, h.Version}
	}
	if h.Key == keyControlledShutdown && h.Version == 0 {
		return h, body, nil // the one header without a client id
	}
	if h.ClientID, body, err = readClientID(body); err != nil {
		return h, nil, err
	}
	if flexible(h.Key, h.Version) {
		if body, err = skipTags(body); err != nil {
			return h, nil, err
		}
	}
	return h, body, nil
}

// readClientID reads a nullable string with an int16 length: the header keeps
// this form in flexible versions too.
func readClientID(b []byte) (id string, rest []byte, err error) {
	if len(b) < 2 {
		return "", nil, fmt.Errorf("client id: %w", ErrTruncated)
	}
	n, b := int(int16(binary.BigEndian.Uint16(b))), b[2:]
	switch {
	case n == -1:
		return "", b, nil
	case n < -1:
		return "", nil, fmt.Errorf("client id: length %d is negative", n)
	case n > len(b):
		return "", nil, fmt.Errorf("client id of %d bytes: %w", n, ErrTruncated)
	}
	return unsafe.String(unsafe.SliceData(b), n), b[n:], nil
}

// skipTags passes over a tag section (KIP-482): a count, then tag, size and
// bytes of each.
func skipTags(b []byte) ([]byte, error) {
	count, b, err := readUvarint(b)
	for ; err == nil && count > 0; count-- {
		var size uint32
		if _, b, err = readUvarint(b); err != nil {
			break
		}
		if size, b, err = readUvarint(b); err != nil {
			break
		}
		if uint64(size) > uint64(len(b)) {
			return nil, fmt.Errorf("tag of %d bytes: %w", size, ErrTruncated)
		}
		b = b[size:]
	}
	return b, err
}

func readUvarint(b []byte) (uint32, []byte, error) {
	value, n := binary.Uvarint(b)
	switch {
	case n == 0:
		return 0, nil, fmt.Errorf("tags: %w", ErrTruncated)
	case n < 0 || value > 1<<32-1:
		return 0, nil, errors.New("tags: a number is longer than 32 bits")
	}
	return uint32(value), b[n:], nil
}
