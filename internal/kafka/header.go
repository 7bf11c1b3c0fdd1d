package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
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
	r := kbin.Reader{Src: frame}
	h.Key, h.Version, h.CorrelationID = r.Int16(), r.Int16(), r.Int32()
	if !known(h.Key, h.Version) {
		return h, nil, &UnsupportedError{h.Key, h.Version}
	}
	if h.Key == keyControlledShutdown && h.Version == 0 {
		return h, r.Src, nil // the one header without a client id
	}
	// A nullable string keeps its int16 length in flexible versions too.
	if n := r.Int16(); n != -1 {
		h.ClientID = kbin.UnsafeString(r.Span(int(n)))
		if !r.Ok() {
			return h, nil, fmt.Errorf("client id of %d bytes: %w", n, ErrTruncated)
		}
	}
	if Flexible(h.Key, h.Version) {
		err = SkipTags(&r)
	}
	return h, r.Src, err
}

// SkipTags passes over a tag section (KIP-482): a count, then tag, size and
// bytes of each.
func SkipTags(r *kbin.Reader) error {
	for count := r.Uvarint(); count > 0 && r.Ok(); count-- {
		r.Uvarint()
		r.Span(int(r.Uvarint()))
	}
	if !r.Ok() {
		return fmt.Errorf("tags: %w, or a number is longer than 32 bits", ErrTruncated)
	}
	return nil
}

// APIs whose headers are exceptions.
const (
	keyApiVersions        = int16(kmsg.ApiVersions)
	keyControlledShutdown = int16(kmsg.ControlledShutdown)
)

type versionRange struct {
	max           int16 // −1: there is no such API
	firstFlexible int16
}

// knownVersions is indexed by API key, so that a header costs no allocation.
var knownVersions = readVersions()

func readVersions() []versionRange {
	ranges := make([]versionRange, kmsg.MaxKey+1)
	for key := range ranges {
		req := kmsg.RequestForKey(int16(key))
		if req == nil {
			ranges[key].max = -1
			continue
		}
		ranges[key] = versionRange{max: req.MaxVersion(), firstFlexible: firstFlexible(req)}
	}
	return ranges
}

func firstFlexible(req kmsg.Request) int16 {
	for version := range req.MaxVersion() + 1 {
		req.SetVersion(version)
		if req.IsFlexible() {
			return version
		}
	}
	return math.MaxInt16
}

func known(key, version int16) bool {
	return key >= 0 && int(key) < len(knownVersions) && version >= 0 && version <= knownVersions[key].max
}

// Flexible reports whether a known version of an API has compact lengths and tags (KIP-482).
func Flexible(key, version int16) bool {
	return known(key, version) && version >= knownVersions[key].firstFlexible
}

// UnsupportedError is a request of an API or version that has no known layout.
type UnsupportedError struct{ Key, Version int16 }

func (e *UnsupportedError) Error() string {
	if name := kmsg.NameForKey(e.Key); name != "Unknown" {
		return fmt.Sprintf("version %d of %s (API key %d) is unknown", e.Version, name, e.Key)
	}
	return fmt.Sprintf("API key %d (version %d) is unknown", e.Key, e.Version)
}
