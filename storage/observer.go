package storage

import "time"

// Observer learns of the rare, slow events of a store. Its methods are called
// on the thread that did the work, inside an append, Flush, Open, Close or on the
// store's housekeeping goroutine, some with the partition's lock held: they must be
// quick and must not call back.
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
	// SegmentDeleted: a segment's files were removed, for its age, the log's size or
	// DeleteRecords.
	SegmentDeleted(path string, sizeBytes int64)
	// HousekeepingFailed: retention or a checkpoint; it is tried again at the next time.
	HousekeepingFailed(err error)
	// DiskFull: an append found no room on its log dir's disk; the first one since retention last
	// looked.
	DiskFull(dir string, err error)
	// Failed: the partition refuses writes from now on, with err.
	Failed(dir string, err error)
}

// Cut is what Open removed of a segment after an unclean stop: a damaged tail, or
// all of a segment that follows one.
type Cut struct {
	Path          string // the segment
	Offset        int64  // first offset lost; -1 in a commit log, where it is not one partition's
	PositionBytes int64  // where the segment now ends
	CutBytes      int64
	Reason        string
}

// Silent is an observer that does nothing, that of those who pass none.
type Silent struct{}

func (Silent) SegmentRolled(string, int64, time.Duration) {}
func (Silent) Fsynced(string, time.Duration)              {}
func (Silent) IndexFlushed(string, time.Duration)         {}
func (Silent) Recovered(Cut)                              {}
func (Silent) SegmentDeleted(string, int64)               {}
func (Silent) HousekeepingFailed(error)                   {}
func (Silent) DiskFull(string, error)                     {}
func (Silent) Failed(string, error)                       {}
