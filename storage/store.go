package storage

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"c10klab/internal/vfs"
)

// Store is a set of topic-partitions over one or more log dirs.
type Store struct {
	cfg      Config
	fs       vfs.FS
	observer Observer
	cuts     []Cut

	topics atomic.Pointer[map[string]*topic] // replaced, never changed

	mu     sync.Mutex // one change of topics, or Close, at a time
	dirs   []*logDir
	forNew []*logDir // those of dirs that new partitions go to
	closed bool

	deletions []deletion // of topics, under way or never finished

	keeper *housekeeper
}

type topic struct {
	info TopicInfo
	logs []*Log
}

// Open makes and locks the log dirs and loads what is in them. Where the last
// stop was not clean it checks the last segment of each partition and cuts off a
// damaged tail; Cuts and observer (which may be nil) say what. It fails with
// ErrDirLocked if another store, here or in another process, has a directory
// open, and with ErrForeignDir if one holds something else.
// An index in Config.LogDirsForNew that no dir has is ErrInvalidPlacement, and a
// Config.LogFlush that is no policy ErrInvalidFlush.
func Open(dirs []string, cfg Config, observer Observer) (_ *Store, err error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if len(dirs) == 0 {
		return nil, errors.New("storage: no log dir was given")
	}
	places, err := parsePlaces(cfg.LogDirsForNew, len(dirs))
	if err != nil {
		return nil, err
	}
	if cfg.flush, err = parseFlushPolicy(cfg.LogFlush); err != nil {
		return nil, err
	}
	if observer == nil {
		observer = Silent{}
	}
	if cfg.FS == nil {
		cfg.FS = vfs.OS
	}
	s := &Store{cfg: cfg, fs: cfg.FS, observer: observer}
	s.topics.Store(&map[string]*topic{})
	s.keeper = newHousekeeper(s)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Abandon())
		}
	}()
	for _, path := range dirs {
		dir, err := openDir(s.fs, path)
		if err != nil {
			return nil, err
		}
		s.dirs = append(s.dirs, dir)
	}
	if err := s.layOut(); err != nil {
		return nil, err
	}
	for _, i := range places {
		s.forNew = append(s.forNew, s.dirs[i])
	}
	if err := s.load(); err != nil {
		return nil, err
	}
	for _, dir := range s.dirs {
		// Where a log was cut, its recovery point has gone back, and must not come forward
		// again while there are other records.
		if len(s.cuts) > 0 {
			err = dir.checkpoint()
		}
		if err == nil {
			err = dir.setClean(false)
		}
		if err != nil {
			return nil, err
		}
	}
	s.keeper.done.Go(s.keeper.run)
	return s, nil
}

// Cuts are the damaged tails that Open removed.
func (s *Store) Cuts() []Cut { return s.cuts }

// Topics lists the topics by name.
func (s *Store) Topics() []TopicInfo {
	var infos []TopicInfo
	for _, t := range *s.topics.Load() {
		infos = append(infos, t.info)
	}
	slices.SortFunc(infos, func(a, b TopicInfo) int { return strings.Compare(a.Name, b.Name) })
	return infos
}

// Topic describes one topic; false if there is none of that name.
func (s *Store) Topic(name string) (TopicInfo, bool) {
	if t, found := (*s.topics.Load())[name]; found {
		return t.info, true
	}
	return TopicInfo{}, false
}

// Log returns a topic-partition's log, valid until Close, or
// ErrUnknownTopicOrPartition. It takes no lock and does not allocate.
func (s *Store) Log(topic string, partition int32) (*Log, error) {
	if t, found := (*s.topics.Load())[topic]; found && partition >= 0 && int(partition) < len(t.logs) {
		return t.logs[partition], nil
	}
	return nil, fmt.Errorf("%w: %q partition %d", ErrUnknownTopicOrPartition, topic, partition)
}

// CreateTopic makes a topic without configurations of its own; see CreateTopicWith.
func (s *Store) CreateTopic(name string, partitions int) error {
	return s.CreateTopicWith(name, partitions, nil)
}

// CheckTopic reports what CreateTopicWith would fail with, unless the disk fails.
func (s *Store) CheckTopic(name string, partitions int, configs map[string]string) error {
	if err := CheckTopicName(name); err != nil {
		return err
	}
	if partitions < 1 || partitions > MaxPartitions {
		return fmt.Errorf("%w: %d for topic %q, want 1 to %d", ErrInvalidPartitions, partitions, name, MaxPartitions)
	}
	if _, found := s.Topic(name); found {
		return fmt.Errorf("%w: %q", ErrTopicExists, name)
	}
	for other := range *s.topics.Load() {
		if strings.ReplaceAll(other, ".", "_") == strings.ReplaceAll(name, ".", "_") {
			return fmt.Errorf("%w: %q collides with topic %q", ErrInvalidTopic, name, other)
		}
	}
	_, err := s.cfg.withTopicConfigs(configs)
	return err
}

// CreateTopicWith makes a topic, its partitions spread over the log dirs, with configurations by
// Kafka's names; see TopicConfigs. It fails with ErrInvalidTopicConfig, ErrInvalidTopic, ErrTopicExists or ErrInvalidPartitions; on any failure
// nothing of the topic is left. A name that differs from another topic's in dots and
// underscores only is invalid, as in Kafka, whose metrics write the one as the other.
func (s *Store) CreateTopicWith(name string, partitions int, configs map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("creating topic %q: %w", name, ErrClosed)
	}
	if err := s.CheckTopic(name, partitions, configs); err != nil {
		return err
	}
	t := &topic{info: TopicInfo{Name: name, ID: newTopicID(), Partitions: partitions, Configs: maps.Clone(configs)}, logs: make([]*Log, partitions)}
	if err := s.createPartitions(t, s.place(name, partitions)); err != nil {
		return fmt.Errorf("creating topic %q: %w", name, err)
	}
	topics := maps.Clone(*s.topics.Load())
	topics[name] = t
	s.topics.Store(&topics)
	return nil
}

// Close ends the store's life cleanly: appends are refused from now on, what was
// appended is forced to the device, indexes are written, directories marked as
// cleanly stopped and unlocked. A directory with a partition that failed is not
// marked, so that the next Open checks it. Slices stay readable until released.
func (s *Store) Close() error {
	logs, _ := s.logs("")
	for _, log := range logs {
		log.refuse() // nothing may be added to what has to be forced out
	}
	return s.end(true, func(dir *logDir) error {
		var errs []error
		for _, log := range dir.partitions() {
			errs = append(errs, log.close())
		}
		errs = append(errs, dir.checkpoint())
		if dir.commits != nil {
			errs = append(errs, dir.commits.Close())
		}
		if err := errors.Join(errs...); err != nil {
			return fmt.Errorf("closing log dir %s: %w", dir.path, err)
		}
		return dir.setClean(true)
	})
}

// Abandon ends the store's life as kill -9 would: descriptors are closed and
// directories unlocked, nothing is flushed or marked. It is for data that nobody
// will read again, where Close would wait for the disk, and for crash tests.
func (s *Store) Abandon() error {
	return s.end(false, func(dir *logDir) error {
		for _, log := range dir.partitions() {
			log.abandon()
		}
		if dir.commits != nil {
			dir.commits.Abandon()
		}
		return nil
	})
}

// end stops each directory by the given means, after the flushes under way or beside
// them; the second end does nothing.
func (s *Store) end(waitForFlushes bool, stop func(*logDir) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.keeper.end(waitForFlushes)
	var errs []error
	for _, dir := range s.dirs {
		errs = append(errs, stop(dir))
		if err := dir.lock.Close(); err != nil {
			errs = append(errs, fmt.Errorf("unlocking log dir: %w", err))
		}
	}
	return errors.Join(errs...)
}
