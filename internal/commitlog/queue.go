package commitlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"path/filepath"
	"sort"
	"strings"

	"c10klab/internal/vfs"
)

// QueueSuffix ends the names of segments' queue files.
const QueueSuffix = ".queue"

const (
	logSuffix       = ".log"
	queueEntryBytes = 16
	crcBytes        = 4
)

func (v *View) queuePath() string {
	return filepath.Join(v.log.logDir, strings.TrimSuffix(v.name, logSuffix)+QueueSuffix)
}

// writeQueue puts the queue into its file, on the device.
func (v *View) writeQueue() error {
	var b []byte
	for _, e := range v.all() {
		b = binary.BigEndian.AppendUint64(b, uint64(e.file.base+e.position))
		b = binary.BigEndian.AppendUint32(b, uint32(e.at))
		b = binary.BigEndian.AppendUint32(b, uint32(e.length))
	}
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if err := vfs.ReplaceFile(v.log.fs, v.queuePath(), b); err != nil {
		return fmt.Errorf("writing queue: %w", err)
	}
	return nil
}

// errQueue is a queue file that cannot be the segment's; then the log is scanned.
var errQueue = errors.New("no queue of this commit log")

// readQueue fills an empty view from its file.
func (v *View) readQueue() error {
	b, err := vfs.ReadFile(v.log.fs, v.queuePath())
	if err != nil {
		return err
	}
	return v.takeQueue(b)
}

func (v *View) takeQueue(b []byte) error {
	end := len(b) - crcBytes
	if end < 0 || end%queueEntryBytes != 0 || crc32.Checksum(b[:end], castagnoli) != binary.BigEndian.Uint32(b[end:]) {
		return errQueue
	}
	for ; len(b) > crcBytes; b = b[queueEntryBytes:] {
		position, at, length := int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint32(b[8:])), int64(binary.BigEndian.Uint32(b[12:]))
		f := v.log.fileAt(position)
		if f == nil || at != v.sizeBytes || length == 0 || at+length > math.MaxInt32 || position+length > f.endPosition() {
			return errQueue
		}
		v.extend(extent{f, position - f.base, at, int(length)}, position+length)
		f.liveBytes += length
	}
	return nil
}

// fileAt is the commit file that a position lies in, nil if none does.
func (l *Log) fileAt(position int64) *File {
	above := sort.Search(len(l.files), func(i int) bool { return l.files[i].base > position })
	if above == 0 || position >= l.files[above-1].endPosition() {
		return nil
	}
	return l.files[above-1]
}
