package storage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"c10klab/internal/batch"
)

// Backlog describes a topic of equal record batches, for consumers that lag.
type Backlog struct {
	Topic       string
	Partitions  int
	Bytes       int64 // over all partitions; rounded up to as many whole batches in each
	BatchBytes  int   // of one record batch, header included
	RecordBytes int   // of one record's value
}

// Prepared says what a backlog holds.
type Prepared struct {
	Bytes   int64 // over all partitions
	Records int64
	Written bool // false: it was there already
}

// backlogRunBytes is what one partition gets in a row before the next one's turn,
// so that the files are laid out on the device as concurrent producers do it.
const backlogRunBytes = 1 << 20

// Prepare writes a backlog as real data, no hole and no unwritten extent, which
// would be read without the disk. It goes round robin over the partitions, with a
// goroutine for each log dir, and forces everything to the device. A topic that
// holds just this is left alone; any other of that name is ErrBacklogDiffers, also
// one whose preparation was cut short, as the end of ctx does.
func (s *Store) Prepare(ctx context.Context, b Backlog) (Prepared, error) {
	template, err := batch.TemplateForBytes(b.BatchBytes, b.RecordBytes, 1)
	if err != nil {
		return Prepared{}, fmt.Errorf("preparing topic %q: %w", b.Topic, err)
	}
	if b.Bytes < 1 {
		return Prepared{}, fmt.Errorf("preparing topic %q: %d bytes, least is 1", b.Topic, b.Bytes)
	}
	batches := (b.Bytes-1)/(int64(max(b.Partitions, 1))*int64(b.BatchBytes)) + 1
	if info, found := s.Topic(b.Topic); found {
		return s.checkBacklog(b, info, batches, template.Records())
	}
	if err := s.CreateTopic(b.Topic, b.Partitions); err != nil {
		return Prepared{}, err
	}
	if err := s.writeBacklog(ctx, b.Topic, template, batches); err != nil {
		return Prepared{}, fmt.Errorf("preparing topic %q: %w", b.Topic, err)
	}
	return b.holding(batches, template.Records(), true), nil
}

// holding says what the backlog is with that many batches in each partition.
func (b Backlog) holding(batches int64, records int, written bool) Prepared {
	all := batches * int64(b.Partitions)
	return Prepared{Bytes: all * int64(b.BatchBytes), Records: all * int64(records), Written: written}
}

func (s *Store) checkBacklog(b Backlog, info TopicInfo, batches int64, records int) (Prepared, error) {
	if info.Partitions != b.Partitions {
		return Prepared{}, fmt.Errorf("%w: %q has %d partitions, wanted are %d", ErrBacklogDiffers, b.Topic, info.Partitions, b.Partitions)
	}
	wantBytes, wantRecords := batches*int64(b.BatchBytes), batches*int64(records)
	logs, err := s.logs(b.Topic)
	if err != nil {
		return Prepared{}, err
	}
	for partition, log := range logs {
		hasBytes, hasRecords := log.committedBytes(), log.EndOffset()-log.StartOffset()
		if hasBytes != wantBytes || hasRecords != wantRecords {
			return Prepared{}, fmt.Errorf("%w: %q partition %d has %d bytes in %d records, wanted are %d in %d",
				ErrBacklogDiffers, b.Topic, partition, hasBytes, hasRecords, wantBytes, wantRecords)
		}
	}
	return b.holding(batches, records, false), nil
}

// committedBytes is the size of what readers see of the log.
func (l *Log) committedBytes() (sum int64) {
	for _, seg := range *l.segments.Load() {
		sum += seg.committedBytes.Load()
	}
	return sum
}

// writeBacklog fills the logs of each log dir side by side.
func (s *Store) writeBacklog(ctx context.Context, topic string, template *batch.Template, batches int64) error {
	topicLogs, err := s.logs(topic)
	if err != nil {
		return err
	}
	byDir := map[string][]*Log{}
	for _, log := range topicLogs {
		dir := filepath.Dir(log.dir)
		byDir[dir] = append(byDir[dir], log)
	}
	errs := make(chan error)
	for _, logs := range byDir {
		go func() { errs <- fillInTurn(ctx, logs, template, batches) }()
	}
	var all []error
	for range byDir {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// fillInTurn gives each log its batches, a run at a time, and flushes them all.
func fillInTurn(ctx context.Context, logs []*Log, template *batch.Template, batches int64) error {
	one := template.AppendTo(nil)
	template.Stamp(one, 0, time.Now().UnixMilli())
	perRun := min(batches, max(1, int64(backlogRunBytes/len(one))))
	if logs[0].cfg.Layout == LayoutCommitLog {
		perRun = 1 // there the layout is the order of the requests
	}
	run := make([]byte, 0, perRun*int64(len(one)))
	for range perRun {
		run = append(run, one...)
	}
	for left := batches; left > 0; left -= perRun {
		part := run[:min(left, perRun)*int64(len(one))]
		for _, log := range logs {
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := log.Append(part, 0); err != nil {
				return err
			}
		}
	}
	for _, log := range logs {
		if err := log.Flush(); err != nil {
			return err
		}
	}
	return nil
}
