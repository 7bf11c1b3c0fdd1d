// Package storage keeps topic-partitions as segmented append logs, in the
// directory layout and file formats of Apache Kafka (LogManager, UnifiedLog,
// LogSegment, OffsetIndex), over one or more log dirs.
//
//	<log dir>/
//	    .lock                          flock(2)ed while a Store has the directory open
//	    .kafka_cleanshutdown           there only after a clean stop
//	    <topic>-<partition>/
//	        partition.metadata         "version: 0\ntopic_id: <base64url of 16 bytes>"
//	        <20-digit base offset>.log     v2 record batches (package batch) back to back
//	        <20-digit base offset>.index   sparse offset index of that segment
//
// The log is the truth; an index can always be made again from it. An index
// entry names one batch by its last offset and where it starts:
//
//	 0                        4                  8
//	+------------------------+------------------+
//	| last offset − base     | position bytes   |   big endian int32 each
//	+------------------------+------------------+
//
// One entry is added per index-interval-bytes of log, never for a segment's
// first batch. The active segment's index lives in memory and is written when
// the segment rolls or the store closes.
//
// A Store, its Logs and their Slices may be used from any thread. Appends to one
// partition exclude each other, also while one of them waits for the disk; reads
// take no lock and wait for nobody, only for the disk where index and page cache
// do not hold what they look up.
package storage
