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
	ErrForeignDir              = errors.New("not a log dir of this layout")
	ErrCorruptSegment          = errors.New("corrupt log segment")
	ErrInvalidFlush            = errors.New("log-flush is none of the policies")
	ErrInvalidProducer         = errors.New("invalid idempotent batch")
	ErrOutOfOrderSequence      = errors.New("out of order sequence number")
	ErrStaleProducerEpoch      = errors.New("producer epoch is over")
	ErrLogFailed               = errors.New("partition refuses writes after an I/O error")
	ErrClosed                  = errors.New("store is closed")
	ErrNoCachestat             = errors.New("the kernel lacks cachestat(2), which Linux has since 6.5")
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

// Unwrap returns ErrOffsetOutOfRange.
func (e *OffsetRangeError) Unwrap() error { return ErrOffsetOutOfRange }
