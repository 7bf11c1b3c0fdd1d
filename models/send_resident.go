package models

import (
	"fmt"
	"maps"
	"os"
	"sync/atomic"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/poll"
	"c10klab/internal/record"

	"golang.org/x/sys/unix"
)

var sendResident = Send{
	Name: "resident", Meaning: "chunk by chunk: in the page cache as inline, else as pool",
	Stage: "SendWait and Send", Blocks: "a send thread; the loop when the probe was wrong (false hot)",
	// The proof's fetches are of what was just produced, which the page cache holds.
	Calls: map[FileCall]string{AskPageCache: WritingThread, SendfileToSocket: WritingThread},
	mover: newSendfileMover, offload: startSendPool, threads: []threadGroup{{sendThreads, perSendThread}},
	capBytes: chunkBytes, chunked: true, probes: true, switches: true,
}

// falseHotNs is what the sending of a chunk called resident may sleep: a hot
// sendfile or a pure spin measures less.
const falseHotNs = int64(20 * time.Microsecond)

// Values of knob residency-probe.
const (
	probeAdaptive  = "adaptive"
	probeNoWait    = "nowait"
	probeCachestat = "cachestat"
)

// residency decides, for one network thread, which chunks it sends itself: those
// that the page cache holds whole. The others go to the send threads and come back
// for the next decision.
type residency struct {
	level   string
	scratch []byte // one chunk
	capped  bool   // by knob send-cap, which trust does not lift
	chunk   int    // bytes of the chunk last asked about
	trusts  bool   // that chunk's file
	trusted int    // chunks of trusted files so far
	heats   heats
	asked   *heat // of the file last asked about; nil unless adaptive
	counts  *residencyCounts
}

// residencyCounts are one network thread's; any thread may read them.
type residencyCounts struct{ probes, hot, falseHot, falseHotBlockedNs atomic.Int64 }

// newResidency returns nil for strategies that do not probe.
func (e *env) newResidency() *residency {
	if !e.send.probes {
		return nil
	}
	r := &residency{
		level: e.config.ResidencyProbe, scratch: make([]byte, e.sendCapBytes()),
		capped: e.config.SendCapBytes > 0, counts: new(residencyCounts),
	}
	e.residencies = append(e.residencies, r.counts)
	return r
}

// hot reports whether the network thread may send the response's next chunk. A
// response with nothing but memory left is hot.
func (r *residency) hot(j *Job) (bool, error) {
	if j.cursor.region == len(j.response.cuts) {
		return true, nil
	}
	region := j.response.cuts[j.cursor.region].region
	var done int64
	if j.cursor.inRegion {
		done = j.cursor.done
	}
	left := int(region.LengthBytes - done)
	if left == 0 {
		return true, nil
	}
	if r.restIsHot(j, region.File) {
		r.chunk, r.trusts = left, true
		return true, nil
	}
	resident, errno := r.ask(region.File, region.OffsetBytes+done, left)
	if resident && r.trusts && r.chunk == left {
		j.cursor.restHotNs = clock.Now()
	}
	switch {
	case errno == unix.EINTR:
		return false, nil
	case errno != 0:
		return false, fmt.Errorf("send=resident: %w", probeError(errno))
	case resident:
		r.counts.hot.Add(1)
	}
	return resident, nil
}

// restHotForNs is how long the rest of a region of a trusted file is not asked about
// again.
const restHotForNs = int64(10 * time.Millisecond)

// restIsHot reports whether the rest of the region need not be asked about: it was
// lately, and no send from the file has slept since.
func (r *residency) restIsHot(j *Job, file File) bool {
	now := clock.Now()
	if j.cursor.restHotNs == 0 || now-j.cursor.restHotNs >= restHotForNs {
		return false
	}
	r.asked = r.heats.of(file, now)
	return r.asked.trusted(now)
}

// ask chooses the chunk: all that is left of a region of a trusted file if the page
// cache holds that, as inline would send it; else the usual one.
func (r *residency) ask(file File, offset int64, left int) (bool, unix.Errno) {
	r.counts.probes.Add(1)
	r.chunk, r.trusts = left, false
	if left > len(r.scratch) {
		if r.level == probeAdaptive && !r.capped && r.trustedWhole(file, offset, left) {
			return true, 0
		}
		r.chunk = len(r.scratch)
	}
	switch r.level {
	case probeNoWait:
		return r.readNoWait(file, offset, r.chunk)
	case probeCachestat:
		pages, errno := poll.Cached(file.Fd(), offset, r.chunk)
		return pages.All(), errno
	}
	return r.adapt(file, offset, r.chunk)
}

// trustedWhole reports whether the file is trusted and the page cache holds all of a
// range of it.
func (r *residency) trustedWhole(file File, offset int64, n int) bool {
	now := clock.Now()
	r.asked = r.heats.of(file, now)
	if !r.asked.trusted(now) {
		return false
	}
	pages, errno := poll.Cached(file.Fd(), offset, n)
	if errno != 0 || !pages.All() {
		return false
	}
	r.asked.note(true, now)
	r.trusts = true
	return true
}

// verifyEvery is how many sends from trusted files one is watched for, unless all are.
const verifyEvery = 16

// unwatched reports whether the sending of the chunk at hand need not be watched for
// sleep.
func (r *residency) unwatched() bool {
	if !r.trusts {
		return false
	}
	r.trusted++
	return r.trusted%verifyEvery != 0
}

// readNoWait is right, and copies the chunk to be so.
func (r *residency) readNoWait(file File, offset int64, n int) (bool, unix.Errno) {
	resident, errno := poll.ResidentBytes(file.Fd(), r.scratch[:n], offset)
	return resident == n, errno
}

// adapt asks cachestat first. Where a page is missing, or all were written here and
// are not on the disk yet, as with tail reads, that is certain. Else pages may still be
// on their way from the disk: unless the file has been hot for a while, so that nobody
// reads it from there, the chunk is read without waiting.
func (r *residency) adapt(file File, offset int64, n int) (bool, unix.Errno) {
	pages, errno := poll.Cached(file.Fd(), offset, n)
	if errno != 0 {
		return false, errno
	}
	now := clock.Now()
	r.asked = r.heats.of(file, now)
	resident := pages.All()
	r.trusts = resident && r.asked.trusted(now)
	if resident && !pages.Written() && !r.trusts {
		if resident, errno = r.readNoWait(file, offset, n); errno != 0 {
			return false, errno
		}
	}
	r.asked.note(resident, now)
	return resident, 0
}

// sent accounts what the sending of a hot chunk slept, in nanoseconds.
func (r *residency) sent(blockedNs int64) {
	if blockedNs <= falseHotNs {
		return
	}
	r.counts.falseHot.Add(1)
	r.counts.falseHotBlockedNs.Add(blockedNs)
	if r.asked != nil {
		r.asked.note(false, clock.Now())
	}
}

func probeError(errno unix.Errno) error {
	if errno == unix.EOPNOTSUPP {
		return fmt.Errorf("the file system cannot tell what is in the page cache (preadv2 with RWF_NOWAIT), as tmpfs, overlayfs and FUSE cannot: %w", errno)
	}
	return fmt.Errorf("ask what is in the page cache: %w", errno)
}

// CheckDirs reports whether the files of the directories, which exist, can be sent
// as configured: send=resident needs file systems that know what is in the page
// cache. The error names the directory. It writes and removes a small file in each.
func CheckDirs(c Config, dirs []string) error {
	if _, s, err := check(c); err != nil || !s.probes {
		return err
	}
	for _, dir := range dirs {
		if err := tryResidency(dir, c.ResidencyProbe); err != nil {
			return fmt.Errorf("send=resident in %s: %w", dir, err)
		}
	}
	return nil
}

func tryResidency(dir, probe string) error {
	f, err := os.CreateTemp(dir, ".residency-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	text := []byte("what is in the page cache?")
	if _, err := f.Write(text); err != nil {
		return err
	}
	fd := int(f.Fd())
	if _, errno := poll.ResidentBytes(fd, text, 0); errno != 0 {
		return probeError(errno)
	}
	if probe == probeNoWait {
		return nil
	}
	if _, errno := poll.Cached(fd, 0, len(text)); errno != 0 {
		return fmt.Errorf("%w (residency-probe=%s does without cachestat)", probeError(errno), probeNoWait)
	}
	return nil
}

// Residency sums the network threads' decisions; nil under other strategies.
func (s *Server) Residency() *record.ResidencyProbes {
	if len(s.env.residencies) == 0 {
		return nil
	}
	sum := new(record.ResidencyProbes)
	for _, c := range s.env.residencies {
		sum.Probes += c.probes.Load()
		sum.Hot += c.hot.Load()
		sum.FalseHot += c.falseHot.Load()
		sum.FalseHotBlockedNs += c.falseHotBlockedNs.Load()
	}
	return sum
}

const (
	// trustAfterNs is how long a file must have been hot without a gap until cachestat
	// alone is believed: longer than any read of a disk that works takes.
	trustAfterNs = int64(time.Second)
	// mostHeats bounds how many files are remembered.
	mostHeats = 256
)

// heat is what one network thread lately found of one file in the page cache.
type heat struct {
	hotSinceNs int64 // since when every verdict was hot; 0: the last one was cold
	lastNs     int64 // when the last one was
}

// trusted reports whether the file was hot for so long that none of its pages can
// still be on their way from the disk.
func (h *heat) trusted(nowNs int64) bool {
	return h.hotSinceNs != 0 && nowNs-h.hotSinceNs > trustAfterNs && nowNs-h.lastNs < trustAfterNs
}

// note takes a verdict. One after a pause begins a new hot time, for meanwhile the
// pages may have gone and others may have begun to read them.
func (h *heat) note(hot bool, nowNs int64) {
	switch {
	case !hot:
		h.hotSinceNs = 0
	case h.hotSinceNs == 0 || nowNs-h.lastNs >= trustAfterNs:
		h.hotSinceNs = nowNs
	}
	h.lastNs = nowNs
}

// heats remembers files, by identity. It keeps closed ones from being collected until
// it forgets them.
type heats map[File]*heat

func (h *heats) of(file File, nowNs int64) *heat {
	if one := (*h)[file]; one != nil {
		return one
	}
	if *h == nil {
		*h = heats{}
	}
	if len(*h) >= mostHeats {
		h.forget(nowNs)
	}
	one := new(heat)
	(*h)[file] = one
	return one
}

// forget drops what trust can no longer rest on; if that is nothing, everything.
func (h *heats) forget(nowNs int64) {
	maps.DeleteFunc(*h, func(_ File, one *heat) bool { return nowNs-one.lastNs >= trustAfterNs })
	if len(*h) >= mostHeats {
		clear(*h)
	}
}
