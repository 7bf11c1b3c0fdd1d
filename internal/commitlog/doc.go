// Package commitlog keeps the segments of all partitions of a log dir in one log, in
// the order in which they were written, as RocketMQ's CommitLog does, with a queue for
// each segment that says where its bytes are, as RocketMQ's ConsumeQueue. To the log
// store it is a file system (FS) whose segment files are views: each is appended to and
// read like a file of its own.
//
//	<log dir>/
//	    .commitlog/
//	        <20-digit position>.commit     frames back to back; named by the position of
//	                                       the first in the whole log
//	    <topic>-<partition>/
//	        <20-digit base offset>.queue   where the segment's bytes are
//
// A frame is one write, cut (which also makes it), or removal of a segment:
//
//	 0        4        8      9      10         12          16            24
//	+--------+--------+------+------+----------+-----------+-------------+------+---------
//	| magic  | CRC    | kind | zero | name     | payload   | position in | name | payload
//	|        |        |      |      | length   | length    | the segment |      |
//	+--------+--------+------+------+----------+-----------+-------------+------+---------
//
// Numbers are big endian. The CRC is CRC-32C over everything from the kind to the
// name's end; the payload, record batches, has checksums of its own. The name is that
// of the partition's directory and the segment's file. A queue file has an entry for
// each write, and ends with the CRC-32C of them:
//
//	+------------------------+-------------------------+----------------+
//	| position in the        | position in the         | length int32   |
//	| commit log int64       | segment int32           |                |
//	+------------------------+-------------------------+----------------+
//
// The commit log is the truth. Queue files are written at a clean stop and read after
// it; while the store is open they only say which segments there are, and after an
// unclean stop the queues are made again from all frames. The first damaged frame ends
// the log there: whatever was forced to the device lies before it, since a sync covers
// all that was written before.
//
// Space is given back by whole commit files, the oldest first, once all segments with
// bytes in them are removed.
package commitlog
