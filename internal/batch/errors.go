package batch

import "fmt"

// Kind says what is wrong with a batch. It is itself an error, so that callers
// write errors.Is(err, batch.BadCRC).
type Kind int

const (
	Truncated      Kind = iota + 1 // bytes end before the batch does
	BadLength                      // batch length smaller than a header
	BadMagic                       // a format version other than 2
	BadCRC                         // checksum differs
	BadCount                       // record count impossible
	BadRecord                      // a record's own fields are malformed
	Compressed                     // records cannot be read without decompression
	BadCompression                 // compressed data is damaged, or of no codec known
	TooLarge                       // decompressed records exceed the limit
	BadOffset                      // offsets within the batch do not follow each other
	BadTimestamp                   // a timestamp that no record can have
)

func (k Kind) Error() string {
	switch k {
	case Truncated:
		return "truncated"
	case BadLength:
		return "bad batch length"
	case BadMagic:
		return "unsupported magic"
	case BadCRC:
		return "CRC mismatch"
	case BadCount:
		return "bad record count"
	case BadRecord:
		return "malformed record"
	case Compressed:
		return "compressed records"
	case BadCompression:
		return "bad compressed data"
	case TooLarge:
		return "too large decompressed"
	case BadOffset:
		return "bad offset"
	case BadTimestamp:
		return "bad timestamp"
	}
	return fmt.Sprintf("kind %d", int(k))
}

// Error is a damaged or unreadable batch.
type Error struct {
	Kind   Kind
	Detail string // the values at fault
}

func (e *Error) Error() string { return "record batch: " + e.Kind.Error() + ": " + e.Detail }

// Unwrap returns the Kind.
func (e *Error) Unwrap() error { return e.Kind }

func newError(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Detail: fmt.Sprintf(format, args...)}
}
