package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"c10klab/internal/vfs"
)

// deletingFile, in each log dir, names the topics that are being deleted, a line each with id and
// name. What a crash leaves of them goes at the next start: half of a topic is none.
const deletingFile = ".deleting"

// deletion is a line of it.
type deletion struct{ id, topic string }

// DeleteTopic removes a topic with its records and files. Whoever still has one of its logs
// finds it ended: appends, reads and flushes fail with ErrUnknownTopicOrPartition; regions being
// sent stay readable until they are released. It fails with ErrUnknownTopicOrPartition if there is no
// such topic. After an error of the disk the topic is gone for clients, and its files go at
// the next start.
func (s *Store) DeleteTopic(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, found := (*s.topics.Load())[name]
	if s.closed {
		return fmt.Errorf("deleting topic %q: %w", name, ErrClosed)
	} else if !found {
		return fmt.Errorf("%w: %q", ErrUnknownTopicOrPartition, name)
	}
	earlier := slices.Clone(s.deletions)
	s.deletions = append(s.deletions, deletion{t.info.ID.String(), name})
	if err := s.noteDeletions(); err != nil {
		s.deletions = earlier
		return errors.Join(fmt.Errorf("deleting topic %q: %w", name, err), s.noteDeletions())
	}
	topics := maps.Clone(*s.topics.Load())
	delete(topics, name)
	s.topics.Store(&topics)
	s.keeper.chore.Lock() // no chore changes the files meanwhile
	defer s.keeper.chore.Unlock()
	for _, log := range t.logs {
		log.endDeleted()
	}
	for _, dir := range s.dirs {
		if err := s.removePartitions(dir, t); err != nil {
			return fmt.Errorf("deleting topic %q: %w", name, err)
		}
	}
	return s.endDeletion(earlier)
}

// noteDeletions writes which topics are being deleted, to every log dir before any of their files goes.
func (s *Store) noteDeletions() error {
	var text []byte
	for _, d := range s.deletions {
		text = fmt.Appendf(text, "%s %s\n", d.id, d.topic)
	}
	for _, dir := range s.dirs {
		path := filepath.Join(dir.path, deletingFile)
		var err error
		if len(text) > 0 {
			err = vfs.ReplaceFile(s.fs, path, text)
		} else if err = s.fs.Remove(path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readDeletions reads which topics were being deleted in a log dir.
func readDeletions(fsys vfs.FS, dir string) (all []deletion, err error) {
	text, err := vfs.ReadFile(fsys, filepath.Join(dir, deletingFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("looking for topics that were being deleted: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if id, topic, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " "); ok {
			all = append(all, deletion{id, topic})
		}
	}
	return all, nil
}

// removePartitions removes a topic's directories in a log dir, and the log dir's knowledge
// of them.
func (s *Store) removePartitions(dir *logDir, t *topic) error {
	var errs []error
	dir.mu.Lock()
	dir.logs = slices.DeleteFunc(dir.logs, func(log *Log) bool {
		own := slices.Contains(t.logs, log)
		if own {
			errs = append(errs, s.fs.RemoveAll(log.dir))
		}
		return own
	})
	dir.mu.Unlock()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return dir.checkpoint()
}

// endDeletion forgets which topics were being deleted, but for those left, once nothing of them can
// come back.
func (s *Store) endDeletion(left []deletion) error {
	for _, dir := range s.dirs {
		if err := s.fs.SyncDir(dir.path); err != nil {
			return fmt.Errorf("deleting a topic: %w", err)
		}
	}
	s.deletions = left
	if err := s.noteDeletions(); err != nil {
		return fmt.Errorf("deleting a topic: %w", err)
	}
	return nil
}

// findDeleted parts partitions from what a crash, or a disk that failed, has left of topics that were
// being deleted.
func (s *Store) findDeleted(places []partitionDir) (kept, deleted []partitionDir, err error) {
	for _, dir := range s.dirs {
		noted, err := readDeletions(s.fs, dir.path)
		if err != nil {
			return nil, nil, err
		}
		s.deletions = append(s.deletions, noted...)
	}
	if len(s.deletions) == 0 {
		return places, nil, nil
	}
	for _, place := range places {
		own, found, err := readMetadata(s.fs, place.path())
		if err != nil {
			return nil, nil, err
		}
		gone := slices.ContainsFunc(s.deletions, func(d deletion) bool {
			return found && d.id == own.String() || !found && d.topic == place.topic // which has lost its id already
		})
		if gone {
			deleted = append(deleted, place)
		} else {
			kept = append(kept, place)
		}
	}
	return kept, deleted, nil
}

// goOnDeleting removes it.
func (s *Store) goOnDeleting(deleted []partitionDir) error {
	if len(s.deletions) == 0 {
		return nil
	}
	for _, place := range deleted {
		if err := s.fs.RemoveAll(place.path()); err != nil {
			return fmt.Errorf("removing a deleted topic's partition: %w", err)
		}
	}
	return s.endDeletion(nil)
}

// Deleted reports whether the log's topic was deleted.
func (l *Log) Deleted() bool { return l.deleted.Load() }

// endDeleted ends the log of a deleted topic, after a flush under way.
func (l *Log) endDeleted() {
	l.deleted.Store(true)
	l.flushing.mu.Lock()
	defer l.flushing.mu.Unlock()
	l.abandon()
}

// ended is why a log that was closed or abandoned does nothing any more.
func (l *Log) ended() error {
	if l.deleted.Load() {
		return fmt.Errorf("%w: %s was deleted", ErrUnknownTopicOrPartition, filepath.Base(l.dir))
	}
	return ErrClosed
}
