package storage

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"c10klab/internal/vfs"
)

// MaxPartitions is the most a topic may have: each keeps descriptors open.
const MaxPartitions = 10_000

const (
	maxTopicNameBytes = 249
	topicNameBytes    = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
)

// TopicID is a topic's Kafka Uuid.
type TopicID [16]byte

// String is the form that Kafka prints and stores.
func (id TopicID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

type TopicInfo struct {
	Name       string
	ID         TopicID
	Partitions int
	Configs    map[string]string // that it was given, by Kafka's names; not to be changed
}

// CheckTopicName applies Kafka's rules (org.apache.kafka.common.internals.Topic):
// 1 to 249 of a-z A-Z 0-9 . _ - and neither "." nor "..". It fails with
// ErrInvalidTopic.
func CheckTopicName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%w: %q", ErrInvalidTopic, name)
	case len(name) > maxTopicNameBytes:
		return fmt.Errorf("%w: %d characters, most is %d: %q…", ErrInvalidTopic, len(name), maxTopicNameBytes, name[:20])
	}
	if bad := strings.TrimLeft(name, topicNameBytes); bad != "" {
		return fmt.Errorf("%w: %q has %q at %d", ErrInvalidTopic, name, bad[0], len(name)-len(bad))
	}
	return nil
}

func partitionDirName(topic string, partition int) string {
	return topic + "-" + strconv.Itoa(partition)
}

// parsePartitionDirName is the inverse of partitionDirName; false for names that
// it does not make.
func parsePartitionDirName(name string) (topic string, partition int, ok bool) {
	dash := strings.LastIndexByte(name, '-')
	if dash < 0 {
		return "", 0, false
	}
	topic = name[:dash]
	partition, err := strconv.Atoi(name[dash+1:])
	if err != nil || partition < 0 || partition >= MaxPartitions || CheckTopicName(topic) != nil {
		return "", 0, false
	}
	return topic, partition, partitionDirName(topic, partition) == name
}

const (
	metadataFile   = "partition.metadata"
	metadataFormat = "version: 0\ntopic_id: %s"
)

// newTopicID draws a random (version 4) id. As in Kafka none starts with '-',
// which command lines would take for an option.
func newTopicID() TopicID {
	for {
		var id TopicID
		rand.Read(id[:])
		id[6] = id[6]&0x0f | 0x40
		id[8] = id[8]&0x3f | 0x80
		if id.String()[0] != '-' {
			return id
		}
	}
}

func writeMetadata(fsys vfs.FS, partitionDir string, id TopicID) error {
	content := fmt.Appendf(nil, metadataFormat, id)
	if err := vfs.WriteFile(fsys, filepath.Join(partitionDir, metadataFile), content); err != nil {
		return fmt.Errorf("writing topic id: %w", err)
	}
	return nil
}

// readMetadata returns the topic id of a partition; found is false where there
// is none yet: a crash came before it was written, or before it was on the device.
func readMetadata(fsys vfs.FS, partitionDir string) (id TopicID, found bool, err error) {
	path := filepath.Join(partitionDir, metadataFile)
	content, err := vfs.ReadFile(fsys, path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(content) == 0 {
		return id, false, nil
	}
	if err != nil {
		return id, false, fmt.Errorf("reading topic id: %w", err)
	}
	var version int
	if _, err := fmt.Sscanf(string(content), "version: %d\n", &version); err == nil && version > 0 {
		return id, false, fmt.Errorf("%s: %w: %d", path, ErrUnknownFormat, version)
	}
	var text string
	if _, err := fmt.Sscanf(string(content), metadataFormat, &text); err != nil {
		return id, false, fmt.Errorf("%s: %q is not %q", path, content, metadataFormat)
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) != len(id) {
		return id, false, fmt.Errorf("%s: %q is not a topic id", path, text)
	}
	return TopicID(raw), true, nil
}
