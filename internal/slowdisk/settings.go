package slowdisk

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// setting is a kernel setting: as it was before we changed it, or as it is to become.
type setting struct {
	Path  string `json:"path"`
	Value string `json:"old"`
}

// readSetting reads a file of /sys or /proc; of a choice such as
// "[none] mq-deadline" it returns the one in force.
func readSetting(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read kernel setting: %w", err)
	}
	value := strings.TrimSpace(string(text))
	if _, rest, found := strings.Cut(value, "["); found {
		value, _, _ = strings.Cut(rest, "]")
	}
	return value, nil
}

func writeSetting(path, value string) error {
	if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
		return fmt.Errorf("set kernel setting to %s: %w", value, err)
	}
	return nil
}

func readSettings(paths []string) ([]setting, error) {
	var all []setting
	for _, path := range paths {
		old, err := readSetting(path)
		if err != nil {
			return nil, err
		}
		all = append(all, setting{path, old})
	}
	return all, nil
}

// restore puts settings back, the last first, and goes on after an error.
func restore(settings []setting) error {
	var errs []error
	for _, s := range slices.Backward(settings) {
		errs = append(errs, writeSetting(s.Path, s.Value))
	}
	return errors.Join(errs...)
}

func apply(changes []setting) error {
	for _, c := range changes {
		if err := writeSetting(c.Path, c.Value); err != nil {
			return err
		}
	}
	return nil
}

// applyTo changes a device's settings and checks that the kernel holds them:
// scheduler bfq, for one, may end write-back throttling without a word.
func applyTo(d loopDevice, c Config) error {
	changes := deviceSettings(d, c)
	if err := apply(changes); err != nil {
		return err
	}
	for _, change := range changes {
		if change.Path == d.maxBytes() {
			continue // kept as a share of the machine's limit, so only nearly
		}
		now, err := readSetting(change.Path)
		if err != nil {
			return err
		}
		if now != change.Value {
			return fmt.Errorf("kernel setting %s is %s after it was set to %s (scheduler %s)", change.Path, now, change.Value, c.Scheduler)
		}
	}
	return nil
}

func (d loopDevice) maxBytes() string { return d.sys() + "/bdi/max_bytes" }

// touchedSettings are the paths that a disk's settings change. A loop device
// keeps them when it is detached. max_bytes is a view of max_ratio_fine.
func touchedSettings(d loopDevice, c Config) []string {
	var paths []string
	for _, change := range deviceSettings(d, c) {
		if change.Path == d.maxBytes() {
			change.Path = d.sys() + "/bdi/max_ratio_fine"
		}
		paths = append(paths, change.Path)
	}
	return paths
}

// deviceSettings are all set explicitly, since a device may have kept any value
// from its last user. The scheduler comes first: it may change the throttling.
func deviceSettings(d loopDevice, c Config) []setting {
	kib := func(bytes int64) string { return strconv.FormatInt(bytes>>10, 10) }
	changes := []setting{
		{d.sys() + "/queue/scheduler", c.Scheduler},
		{d.sys() + "/queue/max_sectors_kb", kib(maxIOBytes)},
		{d.sys() + "/queue/read_ahead_kb", kib(c.ReadAheadBytes)},
		{d.sys() + "/queue/wbt_lat_usec", strconv.FormatInt(c.WriteBackThrottle.Microseconds(), 10)},
	}
	if c.DirtyLimitBytes == 0 {
		changes = append(changes, setting{d.sys() + "/bdi/max_ratio", "100"})
		if _, err := os.Stat(d.sys() + "/bdi/strict_limit"); err == nil { // since Linux 6.2; before, nobody can have set it
			changes = append(changes, setting{d.sys() + "/bdi/strict_limit", "0"})
		}
		return changes
	}
	return append(changes,
		setting{d.maxBytes(), strconv.FormatInt(c.DirtyLimitBytes, 10)},
		setting{d.sys() + "/bdi/strict_limit", "1"})
}
