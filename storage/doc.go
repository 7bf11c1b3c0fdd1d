// Package storage keeps topic-partitions as segmented append logs, in the
// directory layout and file formats of Apache Kafka 3.x (LogManager, UnifiedLog,
// LogSegment, OffsetIndex, TimeIndex, ProducerStateManager), over one or more log
// dirs.
//
//	<log dir>/
//	    .lock                              flock(2)ed while a Store has the directory open
//	    .kafka_cleanshutdown               there only after a clean stop
//	    recovery-point-offset-checkpoint   records below are on the device
//	    log-start-offset-checkpoint        records below are deleted
//	    <topic>-<partition>/
//	        partition.metadata             "version: 0\ntopic_id: <base64url of 16 bytes>"
//	        leader-epoch-checkpoint        from which offset on each leader epoch wrote
//	        <20-digit base offset>.log         record batches back to back
//	        <20-digit base offset>.index       sparse index by offset
//	        <20-digit base offset>.timeindex   sparse index by time
//	        <20-digit offset>.snapshot         idempotent producers as of that offset
//
// All numbers are big endian; record batches are as in package batch.
//
// An index entry names one batch by its last offset and where it starts:
//
//	 0                        4                  8
//	+------------------------+------------------+
//	| last offset − base     | position bytes   |
//	+------------------------+------------------+
//
// A time index entry says the latest timestamp up to here, and the last offset of
// the batch that first had it; both rise from entry to entry:
//
//	 0                        8                    12
//	+------------------------+--------------------+
//	| timestamp ms           | last offset − base |
//	+------------------------+--------------------+
//
// One entry of each, if the latest timestamp rose, is added per index-interval-bytes
// of log, never for a segment's first batch; a sealed segment's time index ends with
// its latest timestamp. The active segment's indexes live in memory and are written
// when the segment rolls or the store closes. The log is the truth; an index can
// always be made again from it.
//
// A producer snapshot, whose CRC covers everything from the number of entries on:
//
//	 0         2         6         10
//	+---------+---------+---------+-----------------------
//	| version | CRC-32C | entries | 46 bytes for each
//	| 1       |         |         |
//	+---------+---------+---------+-----------------------
//	entry:
//	 0             8       10              14            22      26
//	+-------------+-------+---------------+-------------+-------+--------
//	| producer id | epoch | last sequence | last offset | last  |
//	|             |       |               |             | − base|
//	+-------------+-------+---------------+-------------+-------+--------
//	 26             34                  38                         46
//	+--------------+-------------------+--------------------------+
//	| timestamp ms | coordinator epoch | first offset of an open  |
//	|              | −1                | transaction: −1          |
//	+--------------+-------------------+--------------------------+
//
// A checkpoint is text: a line with the version 0, one with the number of lines that
// follow, and these: "<topic> <partition> <offset>", or "<epoch> <first offset>" in
// leader-epoch-checkpoint.
//
// In layout commit-log the segments' log files are views of one commit log for each log
// dir, and are not Kafka's (package commitlog); all other files are as above.
//
// A Store, its Logs and their Slices may be used from any thread. Appends to one
// partition exclude each other, also while one of them waits for the disk; reads
// take no lock and wait for nobody, only for the disk where index and page cache
// do not hold what they look up.
package storage
