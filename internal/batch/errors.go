package batch

import "fmt"

// Kind says what is wrong with a batch. It is itself an error, so that callers
// write errors.Is(err, batch.BadCRC).
type Kind string

const (
	Truncated      Kind = "truncated"         // bytes end before the batch does
	BadLength      Kind = "bad batch length"  // smaller than a header
	BadMagic       Kind = "unsupported magic" // a format version other than 2
	BadCRC         Kind = "CRC mismatch"
	BadCount       Kind = "bad record count"       // impossible
	BadRecord      Kind = "malformed record"       // in its own fields
	Compressed     Kind = "compressed records"     // which cannot be read without decompression
	BadCompression Kind = "bad compressed data"    // damaged, or of no codec known
	TooLarge       Kind = "too large decompressed" // beyond the limit
	BadOffset      Kind = "bad offset"             // within the batch they do not follow each other
	BadTimestamp   Kind = "bad timestamp"          // one that no record can have
)

func (k Kind) Error() string { return string(k) }

// Error is a damaged or unreadable batch.
type Error struct {
	Kind   Kind
	Detail string // the values at fault
}

func (e *Error) Error() string { return "record batch: " + e.Kind.Error() + ": " + e.Detail }

func (e *Error) Unwrap() error { return e.Kind }

func newError(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Detail: fmt.Sprintf(format, args...)}
}
