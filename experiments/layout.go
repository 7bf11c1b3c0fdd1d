package experiments

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"c10klab/internal/knob"
)

// backlogTopic is what lagging consumers read.
const backlogTopic = "backlog"

// layout is where the data of a cell lies, as its knobs say.
type layout struct {
	models  []string // of the emulated disks, one a log dir; empty: one directory on the run's own disk
	backlog backlog
}

// backlog is what the log holds before the load starts.
type backlog struct {
	storeLayout string // the server's knob; empty: its default
	bytes       int64
	batchBytes  int64
	partitions  int
	dirs        []int // positions of its log dirs
	hot         bool
}

// dirs is the number of log dirs.
func (l layout) dirs() int { return max(1, len(l.models)) }

// newLayout reads a cell's knobs. Whether a disk model exists is for the command
// that emulates it to say.
func newLayout(tables knobTables, knobs map[string]string) (layout, error) {
	v, err := tables.runner.Values(knobs)
	if err != nil {
		return layout{}, err
	}
	var l layout
	if text := v.Text(disksKnob); text != "" {
		l.models = strings.Split(text, ",")
	}
	l.backlog = backlog{
		bytes: v.Bytes(backlogBytesKnob), batchBytes: v.Bytes(backlogBatchKnob), partitions: v.Int(backlogPartitionsKnob),
		hot: v.Text(backlogPagesKnob) == pagesHot, storeLayout: knobs[storeLayoutKnob],
	}
	l.backlog.dirs, err = positions(v.Text(backlogDisksKnob), l.dirs())
	if err == nil {
		err = checkDiskModels(tables.disk, l.models)
	}
	return l, err
}

// positions reads "all" or a list such as "1,2" of positions below n.
func positions(text string, n int) ([]int, error) {
	if text == "all" {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return all, nil
	}
	var list []int
	for part := range strings.SplitSeq(text, ",") {
		i, err := strconv.Atoi(part)
		if err != nil || i < 0 || i >= n || slices.Contains(list, i) {
			return nil, fmt.Errorf("knob %s: %q is no list of different positions below %d", backlogDisksKnob, text, n)
		}
		list = append(list, i)
	}
	return list, nil
}

// diskModelKnob is the disk command's own.
const diskModelKnob = "disk-model"

func checkDiskModels(disks *knob.Table, models []string) error {
	if len(models) == 0 {
		return nil
	}
	model, err := disks.Lookup(diskModelKnob)
	if err != nil {
		return err
	}
	for _, m := range models {
		if err := model.Check(m); err != nil {
			return fmt.Errorf("knob %s: %w", disksKnob, err)
		}
	}
	return nil
}
