package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"c10klab/internal/vfs"
)

const (
	recoveryPointFile = "recovery-point-offset-checkpoint"
	startOffsetFile   = "log-start-offset-checkpoint"
)

// errDamagedCheckpoint is never told: the file is done without, as a missing one is.
var errDamagedCheckpoint = errors.New("damaged checkpoint")

func isMissingOrDamaged(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errDamagedCheckpoint)
}

// formatCheckpoint lays out lines as Kafka's CheckpointFile: a version, their
// number, and each.
func formatCheckpoint(lines []string) []byte {
	b := fmt.Appendf(nil, "0\n%d\n", len(lines))
	for _, line := range lines {
		b = fmt.Appendln(b, line)
	}
	return b
}

// readCheckpoint is the inverse; it fails with ErrUnknownFormat on another version and
// with errDamagedCheckpoint on anything else.
func readCheckpoint(fsys vfs.FS, path string) ([]string, error) {
	content, err := vfs.ReadFile(fsys, path)
	if err != nil {
		return nil, err
	}
	return parseCheckpoint(path, string(content))
}

func parseCheckpoint(path, content string) ([]string, error) {
	version, rest, _ := strings.Cut(content, "\n")
	if n, err := strconv.Atoi(version); err == nil && n > 0 {
		return nil, fmt.Errorf("checkpoint %s: %w: %d", path, ErrUnknownFormat, n)
	}
	if version != "0" {
		return nil, errDamagedCheckpoint
	}
	count, rest, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(count)
	if err != nil || n != strings.Count(rest, "\n") || rest != "" && !strings.HasSuffix(rest, "\n") {
		return nil, errDamagedCheckpoint
	}
	if n == 0 {
		return nil, nil
	}
	return strings.Split(strings.TrimSuffix(rest, "\n"), "\n"), nil
}

// partitionOffsets is a checkpoint of a log dir: an offset for each directory name
// of a partition.
type partitionOffsets map[string]int64

// readPartitionOffsets reads a log dir's checkpoint. One that is missing or damaged
// is empty, as in Kafka's LogManager: it only means more work.
func readPartitionOffsets(fsys vfs.FS, path string) (partitionOffsets, error) {
	lines, err := readCheckpoint(fsys, path)
	if isMissingOrDamaged(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading checkpoint: %w", err)
	}
	offsets := make(partitionOffsets, len(lines))
	for _, line := range lines {
		var topic string
		var partition int
		var offset int64
		if n, err := fmt.Sscanf(line, "%s %d %d", &topic, &partition, &offset); n != 3 || err != nil || offset < 0 {
			return nil, nil
		}
		offsets[partitionDirName(topic, partition)] = offset
	}
	return offsets, nil
}

func (d *logDir) readCheckpoints() (err error) {
	if d.recoveryPoints, err = readPartitionOffsets(d.fs, filepath.Join(d.path, recoveryPointFile)); err != nil {
		return err
	}
	d.startOffsets, err = readPartitionOffsets(d.fs, filepath.Join(d.path, startOffsetFile))
	return err
}

// standing is what the log dir's files say of a partition.
func (p partitionDir) standing() standing {
	name := partitionDirName(p.topic, p.partition)
	return standing{clean: p.dir.clean, recoveryPoint: p.dir.recoveryPoints[name], startOffset: p.dir.startOffsets[name]}
}

func checkpointLine(partitionDir string, offset int64) string {
	topic, partition, _ := parsePartitionDirName(partitionDir)
	return fmt.Sprintf("%s %d %d", topic, partition, offset)
}

// checkpoint writes down how far each partition is on the device and where it
// starts: the next Open need not scan what is, nor read what was deleted.
func (d *logDir) checkpoint() error {
	d.checkpointing.Lock()
	defer d.checkpointing.Unlock()
	var points, starts []string
	for _, log := range d.partitions() {
		name := filepath.Base(log.dir)
		points = append(points, checkpointLine(name, log.recoveryPoint.Load()))
		if start := log.start.Load(); start > 0 {
			starts = append(starts, checkpointLine(name, start))
		}
	}
	for _, file := range []struct {
		name  string
		lines []string
	}{{recoveryPointFile, points}, {startOffsetFile, starts}} {
		if err := vfs.ReplaceFile(d.fs, filepath.Join(d.path, file.name), formatCheckpoint(file.lines)); err != nil {
			return fmt.Errorf("writing checkpoint: %w", err)
		}
	}
	return nil
}
