package slowdisk

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"c10klab/internal/knob"
)

const (
	Ext4        = "ext4" // without a journal: its commits would stall writes by themselves
	Ext4Journal = "ext4-journal"
	XFS         = "xfs"
)

// Knobs are what an emulated disk can be tuned by.
var Knobs = slices.Concat(diskKnobs, customKnobs, dirtyKnobs)

var diskKnobs = []knob.Knob{
	{Name: "disk-model", Kind: knob.Choice, Choices: []string{HDD, SSDSATA, NoDelay, Custom}, Default: HDD,
		Meaning: "how long the emulated disk takes: 125 MB/s with 8 ms seeks, 500/450 MB/s with 80 µs, no delay, or the custom knobs"},
	{Name: "disk-fs", Kind: knob.Choice, Choices: []string{Ext4, Ext4Journal, XFS}, Default: Ext4,
		Meaning: "file system of the emulated disk; ext4 is without a journal"},
	{Name: "disk-size", Kind: knob.Bytes, Default: "8GiB", Min: 64 << 20,
		Meaning: "size of a new image; one that exists, or a base, keeps its own"},
	{Name: "disk-read-ahead", Kind: knob.Bytes, Default: "1MiB",
		Meaning: "the device's readahead (read_ahead_kb)"},
	{Name: "disk-scheduler", Kind: knob.Choice, Choices: []string{"mq-deadline", "none", "kyber", "bfq"}, Default: "mq-deadline",
		Meaning: "the device's I/O scheduler; under bfq the kernel may refuse a disk-wbt"},
	{Name: "disk-wbt", Kind: knob.Duration, Default: "2ms",
		Meaning: "target latency of write-back throttling (wbt_lat_usec), 0: none; the kernel takes 75ms for rotating disks, 2ms for others"},
}

// customKnobs are parameters of disk-model=custom; their defaults are those of hdd.
var customKnobs = []knob.Knob{
	{Name: "disk-bandwidth", Kind: knob.Float, Unit: "MB/s", Default: "125", Min: 0.001,
		Meaning: "transfer rate of disk-model=custom"},
	{Name: "disk-write-bandwidth", Kind: knob.Float, Unit: "MB/s", Default: "0",
		Meaning: "transfer rate of writes of disk-model=custom, 0: as disk-bandwidth"},
	{Name: "disk-seek", Kind: knob.Duration, Default: "8ms",
		Meaning: "mean seek of disk-model=custom, 0: no moving head"},
	{Name: "disk-latency", Kind: knob.Duration, Default: "0s",
		Meaning: "time before each transfer of disk-model=custom"},
	{Name: "disk-channels", Kind: knob.Int, Unit: "requests", Default: "1", Min: 1, Max: 64,
		Meaning: "requests at once of disk-model=custom; a moving head takes one"},
	{Name: "disk-slack", Kind: knob.Duration, Default: "500us",
		Meaning: "time between an answer and the next request that disk-model=custom makes up for; later answers count as late"},
}

var dirtyKnobs = []knob.Knob{
	{Name: "disk-dirty-limit", Kind: knob.Bytes, Default: "0",
		Meaning: "strict cap of the device's dirty memory (bdi max_bytes), the deliberate write overload; 0: none"},
	{Name: "dirty-background-bytes", Kind: knob.Bytes, Default: "64MiB",
		Meaning: "vm.dirty_background_bytes while an emulated disk is up, 0: as it is"},
	{Name: "dirty-bytes", Kind: knob.Bytes, Default: "4GiB",
		Meaning: "vm.dirty_bytes while an emulated disk is up, 0: as it is"},
}

// Config is an emulated disk. Sizes and times as in Knobs.
type Config struct {
	Name      string // of the disk: a directory under StateDir
	StateDir  string
	Mount     string // where its file system goes; made if absent
	Image     string // file that holds the blocks; empty: a scratch file
	Base      string // read-only image underneath; the image is scratch then
	DelayOff  bool   // start without delay
	Model     Model
	FS        string `knob:"disk-fs"`
	SizeBytes int64  `knob:"disk-size"`

	ReadAheadBytes       int64         `knob:"disk-read-ahead"`
	Scheduler            string        `knob:"disk-scheduler"`
	WriteBackThrottle    time.Duration `knob:"disk-wbt"`
	DirtyLimitBytes      int64         `knob:"disk-dirty-limit"`
	DirtyBackgroundBytes int64         `knob:"dirty-background-bytes"`
	DirtyBytes           int64         `knob:"dirty-bytes"`

	KnobTexts map[string]string // for the status
}

// ConfigFrom reads the knobs; names and paths are the caller's to fill in.
func ConfigFrom(v *knob.Values) (Config, error) {
	model, err := modelFrom(v)
	if err != nil {
		return Config{}, err
	}
	c := Config{Model: model, KnobTexts: map[string]string{}}
	v.Fill(&c)
	for _, k := range Knobs {
		c.KnobTexts[k.Name] = v.Text(k.Name)
	}
	if c.ReadAheadBytes%1024 != 0 {
		return Config{}, fmt.Errorf("knob disk-read-ahead: %d is no multiple of 1024", c.ReadAheadBytes)
	}
	if c.SizeBytes%blockBytes != 0 {
		return Config{}, fmt.Errorf("knob disk-size: %d is no multiple of %d", c.SizeBytes, blockBytes)
	}
	return c, nil
}

// Check reports what is wrong with the name and the paths.
func (c Config) Check() error {
	if c.Mount == "" {
		return errors.New("a disk needs a directory to be mounted on: --mount DIR")
	}
	if c.Base != "" && c.Base == c.Image {
		return fmt.Errorf("base and image are one file, %s: the base is never written", c.Base)
	}
	control := placesOf(c.StateDir, c.Name).control()
	switch {
	case !validName.MatchString(c.Name):
		return fmt.Errorf("disk name %q: 1 to 32 letters, digits, dots, dashes and underscores", c.Name)
	case !filepath.IsAbs(c.StateDir):
		return fmt.Errorf("state directory %q is not absolute", c.StateDir)
	case len(control) > maxSocketPath:
		return fmt.Errorf("state directory %q: the control socket's path %q has %d bytes, a socket's may have %d",
			c.StateDir, control, len(control), maxSocketPath)
	}
	return nil
}

func modelFrom(v *knob.Values) (Model, error) {
	name := v.Text("disk-model")
	if name != Custom {
		for _, k := range customKnobs {
			if v.Text(k.Name) != k.Default {
				return Model{}, fmt.Errorf("knob %s=%s needs disk-model=custom; disk-model is %s", k.Name, v.Text(k.Name), name)
			}
		}
		return ModelNamed(name)
	}
	var m Model
	v.Fill(&m)
	m.WriteMBps = cmp.Or(m.WriteMBps, m.ReadMBps)
	if m.Seek > 0 && m.Channels > 1 {
		return Model{}, fmt.Errorf("knob disk-channels=%d: a disk that seeks (disk-seek=%v) has one head", m.Channels, m.Seek)
	}
	return m, nil
}
