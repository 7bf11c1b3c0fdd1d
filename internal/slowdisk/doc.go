// Package slowdisk emulates a disk of known speed: a true block device whose
// requests take as long as a disk model says, with a file system on it.
//
//	file system (ext4, xfs)      page cache, write-back, RWF_NOWAIT, fadvise
//	  loop device, direct I/O    /proc/diskstats, scheduler, write-back throttling
//	    one file in FUSE         each request waits as the model says
//	      image, O_DIRECT        sparse; perhaps over a read-only base
//
// The server is a process of its own: a process that waits for a disk which it
// serves itself would wait forever. It needs root, /dev/fuse and a loop device.
//
// Everything the kernel is left with after a kill lies under one state
// directory or names it, so that Clean finds it.
package slowdisk
