package storage

import "time"

// Observer learns of the rare, slow events of a store. Its methods are called
// on the thread that did the work, inside an append, Flush, Open or Close and
// with the partition's lock held: they must be quick and must not call back.
type Observer interface {
	// SegmentRolled: a new active segment begins at baseOffset; took includes
	// writing the old segment's index.
	SegmentRolled(dir string, baseOffset int64, took time.Duration)
	// Fsynced: one file or directory was forced to the device.
	Fsynced(path string, took time.Duration)
	// IndexFlushed: an index file was written (not forced to the device).
	IndexFlushed(path string, took time.Duration)
	// Recovered: Open cut a damaged tail.
	Recovered(cut Cut)
	// Failed: the partition refuses writes from now on, with err.
	Failed(dir string, err error)
}

// Cut is what Open removed of a segment after an unclean stop: a damaged tail, or
// all of a segment that follows one.
type Cut struct {
	Path          string // the segment
	Offset        int64  // first offset lost
	PositionBytes int64  // where the segment now ends
	CutBytes      int64
	Reason        string
}

// silent is the observer of those who passed none.
type silent struct{}

func (silent) SegmentRolled(string, int64, time.Duration) {}
func (silent) Fsynced(string, time.Duration)              {}
func (silent) IndexFlushed(string, time.Duration)         {}
func (silent) Recovered(Cut)                              {}
func (silent) Failed(string, error)                       {}
