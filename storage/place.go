package storage

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// allDirs is the value of log-dirs-for-new by which all log dirs get new partitions.
const allDirs = "all"

// parsePlaces reads log-dirs-for-new: positions among that many log dirs,
// ascending and each once. It fails with ErrInvalidPlacement.
func parsePlaces(text string, dirs int) ([]int, error) {
	var places []int
	if text == "" || text == allDirs {
		for i := range dirs {
			places = append(places, i)
		}
		return places, nil
	}
	for field := range strings.SplitSeq(text, ",") {
		i, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil {
			return nil, fmt.Errorf("%w: %q in %q is neither %q nor a position such as 0", ErrInvalidPlacement, field, text, allDirs)
		}
		if i < 0 || i >= dirs {
			return nil, fmt.Errorf("%w: %d in %q, positions of the %d log dirs are 0 to %d", ErrInvalidPlacement, i, text, dirs, dirs-1)
		}
		places = append(places, i)
	}
	slices.Sort(places)
	return slices.Compact(places), nil
}

// place gives each new partition to the log dir with the fewest of those that
// new ones go to, ties in order: Kafka's LogManager.nextLogDirs.
func (s *Store) place(name string, partitions int) []partitionDir {
	holds := make(map[*logDir]int, len(s.forNew))
	for _, dir := range s.forNew {
		holds[dir] = len(dir.partitions())
	}
	places := make([]partitionDir, partitions)
	for i := range places {
		dir := slices.MinFunc(s.forNew, func(a, b *logDir) int { return holds[a] - holds[b] })
		holds[dir]++
		places[i] = partitionDir{dir: dir, topic: name, partition: i}
	}
	return places
}
