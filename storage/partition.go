package storage

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
)

// createPartitions makes a topic's directories and logs at their places, the
// highest partition first: the number of partitions can be read off what a
// crash in between leaves. On failure it takes back what it made.
func (s *Store) createPartitions(t *topic, places []partitionDir) error {
	for i, place := range slices.Backward(places) {
		log, err := s.createPartition(place, t.info)
		if err != nil {
			for _, made := range places[i+1:] {
				t.logs[made.partition].abandon()
				s.fs.RemoveAll(made.path())
			}
			return err
		}
		t.logs[place.partition] = log
	}
	for _, place := range places {
		place.dir.add(t.logs[place.partition])
	}
	return nil
}

// createPartition makes one partition; its directory appears under its name
// only together with its metadata, by which Open knows it for one of ours.
func (s *Store) createPartition(place partitionDir, t TopicInfo) (*Log, error) {
	making, path := filepath.Join(place.dir.path, makingDir), place.path()
	if err := s.fs.RemoveAll(making); err != nil {
		return nil, fmt.Errorf("removing what a crash left: %w", err)
	}
	if err := s.fs.MkdirAll(making); err != nil {
		return nil, fmt.Errorf("making partition: %w", err)
	}
	if err := cmp.Or(writeMetadata(s.fs, making, t.ID), writeTopicConfigs(s.fs, making, t.Configs)); err != nil {
		return nil, err
	}
	// A name that outlived what it leads to would be that of a foreign directory.
	if err := s.fs.SyncDir(making); err != nil {
		return nil, fmt.Errorf("making partition: %w", err)
	}
	if err := s.fs.Rename(making, path); err != nil {
		return nil, fmt.Errorf("making partition: %w", err)
	}
	log, _, err := s.openLog(place, standing{}, t.Configs)
	if err != nil {
		s.fs.RemoveAll(path)
		return nil, err
	}
	return log, nil
}

// openLog loads a partition, and returns what recovery had to cut.
func (s *Store) openLog(place partitionDir, known standing, configs map[string]string) (*Log, []Cut, error) {
	cfg, err := s.cfg.withTopicConfigs(configs)
	cfg.foreign = place.foreign
	if err != nil {
		return nil, nil, fmt.Errorf("loading %s: %w", place.path(), err)
	}
	log := &Log{dir: place.path(), fs: s.fs, cfg: cfg, observer: s.observer, checkpoint: place.dir.checkpoint, noteRoll: s.keeper.noteRoll, full: &place.dir.full}
	log.publish(nil)
	cuts, err := log.load(known)
	if err != nil {
		log.abandon()
		return nil, nil, fmt.Errorf("loading %s: %w", log.dir, err)
	}
	return log, cuts, nil
}

// load finds and opens all partitions. The store is not shared yet.
func (s *Store) load() error {
	var places []partitionDir
	for _, dir := range s.dirs {
		if err := dir.readCheckpoints(); err != nil {
			return err
		}
		own, err := dir.list()
		if err != nil {
			return err
		}
		places = append(places, own...)
	}
	places, deleted, err := s.findDeleted(places)
	if err == nil {
		err = s.checkForeign(places)
	}
	if err == nil {
		err = s.goOnDeleting(deleted)
	}
	if err != nil {
		return err
	}
	found := map[string]map[int]partitionDir{}
	for _, place := range places {
		if found[place.topic] == nil {
			found[place.topic] = map[int]partitionDir{}
		}
		if twin, twice := found[place.topic][place.partition]; twice {
			return fmt.Errorf("partition is in two log dirs: %s and %s", twin.path(), place.path())
		}
		found[place.topic][place.partition] = place
	}
	topics := make(map[string]*topic, len(found))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		t, err := s.loadTopic(name, found[name])
		if err != nil {
			return fmt.Errorf("loading topic %q: %w", name, err)
		}
		topics[name] = t
	}
	s.topics.Store(&topics)
	return nil
}

func (s *Store) loadTopic(name string, places map[int]partitionDir) (*topic, error) {
	partitions := slices.Max(slices.Collect(maps.Keys(places))) + 1
	t := &topic{info: TopicInfo{Name: name, Partitions: partitions}, logs: make([]*Log, partitions)}
	id, err := topicID(places)
	if err != nil {
		return nil, err
	}
	t.info.ID = id
	for _, place := range places {
		t.info.Configs = place.configs // all have the same
	}
	empty := true
	for _, i := range slices.Sorted(maps.Keys(places)) {
		place := places[i]
		log, cuts, err := s.openLog(place, place.standing(), t.info.Configs)
		if err != nil {
			return nil, err
		}
		s.cuts = append(s.cuts, cuts...)
		t.logs[i] = log
		place.dir.add(log)
		empty = empty && log.EndOffset() == 0
	}
	return t, s.complete(t, empty)
}

// complete makes the partitions that an interrupted CreateTopic did not get to.
// Nothing can have been written to such a topic; in one with records, a missing
// partition is a missing log dir.
func (s *Store) complete(t *topic, empty bool) error {
	var missing []partitionDir
	for i, place := range s.place(t.info.Name, t.info.Partitions) {
		if t.logs[i] == nil {
			missing = append(missing, place)
		}
	}
	if len(missing) > 0 && !empty {
		return fmt.Errorf("partition %d is in none of the log dirs", missing[0].partition)
	}
	return s.createPartitions(t, missing)
}

// topicID reads the id that all of a topic's partitions share and gives it, or a
// new one, to those that have none.
func topicID(places map[int]partitionDir) (TopicID, error) {
	var shared TopicID
	var owner string
	var without []partitionDir
	for _, place := range places {
		id, found, err := readMetadata(place.dir.fs, place.path())
		switch {
		case err != nil:
			return shared, err
		case !found:
			without = append(without, place)
		case owner != "" && id != shared:
			return shared, fmt.Errorf("%s has topic id %v, %s has %v", owner, shared, place.path(), id)
		default:
			shared, owner = id, place.path()
		}
	}
	if owner == "" {
		shared = newTopicID()
	}
	for _, place := range without {
		if err := writeMetadata(place.dir.fs, place.path(), shared); err != nil {
			return shared, err
		}
	}
	return shared, nil
}
