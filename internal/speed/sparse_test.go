package speed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"c10klab/internal/batch"
)

const sparseSegmentBytes = 1 << 30

// sparseLog is a partition of equal batches whose indexes are real and whose segment
// files are holes, but for the batches that look-ups touch: 100 GiB of it fit on any
// disk. A batch's timestamps are its number in the log, in milliseconds.
type sparseLog struct {
	dir           string // the partition's
	segments      int
	intervalBytes int64
	template      *batch.Template
}

// newSparseLog writes the log into a log dir that was cleanly stopped, with topic "t".
func newSparseLog(b *testing.B, logDir string, bytes, intervalBytes int64, batchBytes int) *sparseLog {
	b.Helper()
	l := &sparseLog{
		dir: filepath.Join(logDir, "t-0"), segments: int((bytes + sparseSegmentBytes - 1) / sparseSegmentBytes),
		intervalBytes: intervalBytes, template: must(batch.TemplateForBytes(batchBytes, appendRecordBytes, 1))(b),
	}
	err := os.MkdirAll(l.dir, 0o755)
	for i := range l.segments {
		first := int64(i) * l.perSegmentRecords()
		next := first + l.perSegmentRecords()
		// Of each segment the store looks at the first batch, and walks from the last
		// index entry to the end.
		err = errors.Join(err, l.writeSegment(i), l.touch(first), l.touch(next-1))
	}
	metadata := []byte("version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ\n")
	// Of no producers: version, CRC-32C of what follows, number of entries.
	noProducers := []byte{0, 1, 0x48, 0x67, 0x4b, 0xc7, 0, 0, 0, 0}
	snapshot := filepath.Join(l.dir, fmt.Sprintf("%020d.snapshot", l.records()))
	err = errors.Join(err, os.WriteFile(filepath.Join(l.dir, "partition.metadata"), metadata, 0o644), os.WriteFile(snapshot, noProducers, 0o644),
		os.WriteFile(filepath.Join(logDir, ".kafka_cleanshutdown"), nil, 0o644))
	if err != nil {
		b.Fatal(err)
	}
	return l
}

func (l *sparseLog) perSegment() int64 { return sparseSegmentBytes / int64(l.template.SizeBytes()) }

func (l *sparseLog) perSegmentRecords() int64 { return l.perSegment() * int64(l.template.Records()) }

// records is the log's end offset.
func (l *sparseLog) records() int64 {
	return int64(l.segments) * l.perSegmentRecords()
}

func (l *sparseLog) path(segment int, suffix string) string {
	base := int64(segment) * l.perSegmentRecords()
	return filepath.Join(l.dir, fmt.Sprintf("%020d%s", base, suffix))
}

// perEntry is how many batches an index entry stands for: the store adds one once more
// than the interval was written since the last.
func (l *sparseLog) perEntry() int64 { return l.intervalBytes/int64(l.template.SizeBytes()) + 1 }

func (l *sparseLog) writeSegment(segment int) error {
	size, records := int64(l.template.SizeBytes()), int64(l.template.Records())
	var index, times []byte
	addTime := func(i int64) {
		times = binary.BigEndian.AppendUint64(times, uint64(int64(segment)*l.perSegment()+i))
		times = binary.BigEndian.AppendUint32(times, uint32((i+1)*records-1))
	}
	for i := l.perEntry(); i < l.perSegment(); i += l.perEntry() {
		index = binary.BigEndian.AppendUint32(index, uint32((i+1)*records-1))
		index = binary.BigEndian.AppendUint32(index, uint32(i*size))
		addTime(i)
	}
	if last := l.perSegment() - 1; last%l.perEntry() != 0 {
		addTime(last)
	}
	log, err := os.Create(l.path(segment, ".log"))
	if err != nil {
		return err
	}
	return errors.Join(log.Truncate(l.perSegment()*size), log.Close(),
		os.WriteFile(l.path(segment, ".index"), index, 0o644), os.WriteFile(l.path(segment, ".timeindex"), times, 0o644))
}

// touch makes the batch real that holds an offset, and the headers of those before it that
// a look-up walks over, from the index entry on, and of that of the next index entry.
func (l *sparseLog) touch(offset int64) error {
	number := offset / int64(l.template.Records())
	segment, at := int(number/l.perSegment()), number%l.perSegment()
	log, err := os.OpenFile(l.path(segment, ".log"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	one := l.template.AppendTo(nil)
	entry := at / l.perEntry() * l.perEntry()
	touched := []int64{min(entry+l.perEntry(), l.perSegment()-1)}
	for i := max(0, entry-l.perEntry()); i <= at; i++ {
		touched = append(touched, i)
	}
	for _, i := range touched {
		of := int64(segment)*l.perSegment() + i
		l.template.Stamp(one, 0, of)
		batch.AssignOffset(one, of*int64(l.template.Records()), 0)
		real := one
		if i != at {
			real = one[:batch.HeaderBytes]
		}
		if _, writeErr := log.WriteAt(real, i*int64(len(one))); writeErr != nil {
			err = errors.Join(err, writeErr)
		}
	}
	return errors.Join(err, log.Close())
}

// indexBytes is the size of all index files.
func (l *sparseLog) indexBytes() (sum int64, err error) {
	for i := range l.segments {
		info, statErr := os.Stat(l.path(i, ".index"))
		if statErr != nil {
			return 0, statErr
		}
		sum += info.Size()
	}
	return sum, nil
}
