package storage

import (
	"errors"
	"fmt"
)

// Errors to test for with errors.Is; what is returned wraps them with the value
// at fault. Damaged batches come as *batch.Error.
var (
	ErrInvalidTopic            = errors.New("invalid topic name")
	ErrTopicExists             = errors.New("topic exists")
	ErrInvalidPartitions       = errors.New("invalid number of partitions")
	ErrUnknownTopicOrPartition = errors.New("unknown topic or partition")
	ErrOffsetOutOfRange        = errors.New("offset out of range")
	ErrBatchTooLarge           = errors.New("record batch too large")
	ErrDirLocked               = errors.New("log dir is in use by another store")
	ErrInvalidPlacement        = errors.New("log-dirs-for-new names no log dirs")
	ErrOtherLayout             = errors.New("log dir has another layout")
	ErrForeignDir              = errors.New("not a log dir of this layout")
	ErrCorruptSegment          = errors.New("corrupt log segment")
	ErrInvalidFlush            = errors.New("log-flush is none of the policies")
	ErrInvalidProducer         = errors.New("invalid idempotent batch")
	ErrOutOfOrderSequence      = errors.New("out of order sequence number")
	ErrStaleProducerEpoch      = errors.New("producer epoch is over")
	ErrUnknownFormat           = errors.New("written in a format version that is not known here")
	ErrLogFailed               = errors.New("partition refuses writes after an I/O error")
	ErrClosed                  = errors.New("store is closed")
	ErrNoCachestat             = errors.New("there is no cachestat(2) here, which Linux has since 6.5 and a container may forbid")
	ErrBacklogDiffers          = errors.New("topic exists and is not this backlog")
)

// OffsetRangeError says which offset was asked for and which there are. It is
// ErrOffsetOutOfRange.
type OffsetRangeError struct {
	Offset int64
	Start  int64 // first offset of the log
	End    int64 // the next offset to be written
}

func (e *OffsetRangeError) Error() string {
	return fmt.Sprintf("%v: %d is not in [%d, %d]", ErrOffsetOutOfRange, e.Offset, e.Start, e.End)
}

func (e *OffsetRangeError) Unwrap() error { return ErrOffsetOutOfRange }

// CorruptError says where a segment is damaged. It is ErrCorruptSegment.
type CorruptError struct {
	Path          string
	PositionBytes int64
	Offset        int64 // first one that cannot be trusted
	Reason        error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%v: %s at position %d, offset %d: %v", ErrCorruptSegment, e.Path, e.PositionBytes, e.Offset, e.Reason)
}

func (e *CorruptError) Unwrap() []error { return []error{ErrCorruptSegment, e.Reason} }
