package experiments

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"c10klab/internal/knob"
)

// BacklogTopic is what lagging consumers read.
const BacklogTopic = "backlog"

// Data is where the data of a cell lies and what its log holds before the load
// starts, as its knobs say.
type Data struct {
	DiskModels []string // of the emulated disks, one a log dir; empty: one directory on the run's own disk
	Backlog    Backlog
}

// Backlog is what the log holds before the load starts.
type Backlog struct {
	StoreLayout string // the server's knob; empty: its default
	Bytes       int64
	BatchBytes  int64
	Partitions  int
	LogDirs     []int // their positions
	Hot         bool
}

// DataOf reads a cell's knobs.
func (k KnobTables) DataOf(knobs map[string]string) (Data, error) {
	v, err := runnerKnobs.Values(knobs)
	if err != nil {
		return Data{}, err
	}
	var d Data
	if text := v.Text(DisksKnob); text != "" {
		d.DiskModels = strings.Split(text, ",")
	}
	d.Backlog = Backlog{
		Bytes: v.Bytes(backlogBytesKnob), BatchBytes: v.Bytes(backlogBatchKnob), Partitions: v.Int(backlogPartitionsKnob),
		Hot: v.Text(backlogPagesKnob) == pagesHot, StoreLayout: knobs[StoreLayoutKnob],
	}
	d.Backlog.LogDirs, err = positions(v.Text(BacklogDisksKnob), max(1, len(d.DiskModels)))
	if err == nil {
		err = checkDiskModels(k.Disk, d.DiskModels)
	}
	return d, err
}

// positions reads "all" or a list such as "1,2" of positions below n.
func positions(text string, n int) ([]int, error) {
	var list []int
	if text == "all" {
		for i := range n {
			list = append(list, i)
		}
		return list, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		i, err := strconv.Atoi(part)
		if err != nil || i < 0 || i >= n || slices.Contains(list, i) {
			return nil, fmt.Errorf("knob %s: %q is no list of different positions below %d", BacklogDisksKnob, text, n)
		}
		list = append(list, i)
	}
	return list, nil
}

// DiskModelKnob is the disk command's own.
const DiskModelKnob = "disk-model"

func checkDiskModels(disks *knob.Table, models []string) error {
	for _, m := range models {
		model, err := disks.Lookup(DiskModelKnob)
		if err == nil {
			err = model.Check(m)
		}
		if err != nil {
			return fmt.Errorf("knob %s: %w", DisksKnob, err)
		}
	}
	return nil
}
