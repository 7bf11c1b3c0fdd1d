package models

import (
	"os"
	"strings"
	"testing"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/need"
	"c10klab/internal/poll"
	"c10klab/internal/record"

	"golang.org/x/sys/unix"
)

// regionDir is a directory whose file system knows what is in the page cache, if
// there is one.
func regionDir(t testing.TB) string {
	t.Helper()
	for _, parent := range []string{os.TempDir(), "/var/tmp", "."} {
		dir, err := os.MkdirTemp(parent, "region-*")
		if err != nil {
			continue
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		if tryResidency(dir, probeNoWait) == nil {
			return dir
		}
	}
	return t.TempDir()
}

// needResidency ends a test of send=resident where nothing can answer it.
func needResidency(t *testing.T, c Config) {
	t.Helper()
	if err := CheckDirs(c, []string{regionDir(t)}); err != nil {
		need.Lacking(t, err.Error())
	}
}

// evict takes a file out of the page cache, or most of it: pages that a socket still
// holds, until the peer has acknowledged them, stay, and those of one folio together.
func (f *countedFile) evict(t *testing.T) {
	t.Helper()
	if err := f.os.Sync(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if err := unix.Fadvise(f.Fd(), 0, 0, unix.FADV_DONTNEED); err != nil {
			t.Fatal(err)
		}
		if cached, errno := poll.Cached(f.Fd(), 0, testFileBytes); errno != 0 || !cached.All() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the page cache keeps the whole file")
}

func TestResidentSendsHotChunksOnTheLoopAndColdOnesElsewhere(t *testing.T) {
	for _, probe := range []string{probeAdaptive, probeNoWait, probeCachestat} {
		t.Run(probe, func(t *testing.T) {
			config := defaultConfig(t, "send=resident", "residency-probe="+probe, "loops=1")
			needResidency(t, config)
			b := startBench(t, config)
			fetch := func() record.ResidencyProbes {
				c := b.dial()
				c.send(request(opFile, 1, number(0), number(testFileBytes)))
				c.expect(1, b.fileAnswer(0, testFileBytes))
				return *b.server.Residency()
			}
			// The kernel may be moving a page of the file just then (compaction), which is not
			// seen there meanwhile: such a chunk goes another way, and the next time it is hot.
			var before record.ResidencyProbes
			hot := fetch()
			for range 3 {
				if hot.Hot-before.Hot == hot.Probes-before.Probes {
					break
				}
				before, hot = hot, fetch()
			}
			if asked := hot.Probes - before.Probes; asked < testFileBytes/chunkBytes || hot.Hot-before.Hot != asked {
				t.Errorf("of a cached file %d chunks of %d were called hot", hot.Hot-before.Hot, asked)
			}
			b.service.file.evict(t)
			cold := fetch()
			if cold.Probes-hot.Probes == cold.Hot-hot.Hot {
				t.Errorf("of an evicted file all %d chunks were called hot", cold.Hot-hot.Hot)
			}
		})
	}
}

// memoryDir is a directory in a memory file system.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "region-*")
	if err != nil {
		need.Lacking(t, "a file system in memory at /dev/shm")
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if tryResidency(dir, probeNoWait) == nil {
		need.Lacking(t, "a file system at /dev/shm that cannot tell what is in the page cache")
	}
	return dir
}

func TestFileSystemsThatCannotTellAreRefused(t *testing.T) {
	dir := memoryDir(t)
	config := defaultConfig(t, "send=resident")
	if err := CheckDirs(config, []string{dir}); err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "cannot tell") {
		t.Errorf("error %v", err)
	}
	config.Send = "pool"
	if err := CheckDirs(config, []string{dir}); err != nil {
		t.Errorf("send=pool asks nothing, and gave %v", err)
	}
}

func TestRegionThatCannotBeAskedAboutEndsItsConnection(t *testing.T) {
	dir := memoryDir(t)
	b := startBenchOn(t, defaultConfig(t, "send=resident"), newCountedFileIn(t, dir, testFileBytes))
	c := b.dial()
	c.send(request(opFile, 1, number(0), number(100)))
	if _, _, err := c.receive(); err == nil {
		t.Error("the request was answered")
	}
	b.awaitNoConnections()
	if !strings.Contains(b.logs.text(), "cannot tell what is in the page cache") {
		t.Errorf("the log lacks the reason: %s", b.logs.text())
	}
}

func TestHotChunksThatSleepAreFalseHot(t *testing.T) {
	e := &env{config: defaultConfig(t), send: Send{probes: true, capBytes: chunkBytes}}
	r := e.newResidency()
	r.sent(0)
	r.sent(falseHotNs)
	r.sent(int64(30 * time.Millisecond))
	sum := (&Server{env: e}).Residency()
	if sum.FalseHot != 1 || sum.FalseHotBlockedNs != int64(30*time.Millisecond) {
		t.Errorf("counted %+v", sum)
	}
}

func TestOnlyATrustedFileIsSentWhole(t *testing.T) {
	needResidency(t, defaultConfig(t, "send=resident"))
	file := newCountedFileIn(t, regionDir(t), testFileBytes)
	decide := func(hotFor time.Duration, settings ...string) (hot bool, bytes int) {
		e := &env{config: defaultConfig(t, append(settings, "send=resident")...), send: Send{probes: true, capBytes: chunkBytes}}
		r := e.newResidency()
		if now := clock.Now(); hotFor > 0 {
			*r.heats.of(file, now) = heat{hotSinceNs: now - hotFor.Nanoseconds(), lastNs: now}
		}
		hot, errno := r.ask(file, 0, testFileBytes)
		if errno != 0 {
			t.Fatal(errno)
		}
		return hot, r.chunk
	}
	const long = 2 * time.Second
	for _, c := range []struct {
		hotFor   time.Duration
		settings []string
		bytes    int
	}{
		{0, nil, chunkBytes},
		{long / 1000, nil, chunkBytes},
		{long, nil, testFileBytes},
		{long, []string{"send-cap=64KiB"}, 64 << 10},
		{long, []string{"residency-probe=nowait"}, chunkBytes},
		{long, []string{"residency-probe=cachestat"}, chunkBytes},
	} {
		if hot, bytes := decide(c.hotFor, c.settings...); !hot || bytes != c.bytes {
			t.Errorf("hot for %v with %v: hot %v, a chunk of %d bytes, want %d", c.hotFor, c.settings, hot, bytes, c.bytes)
		}
	}
	file.evict(t)
	if hot, bytes := decide(long); hot || bytes != chunkBytes {
		t.Errorf("evicted: hot %v, a chunk of %d bytes", hot, bytes)
	}
}

// The rest of a region is asked about again once a send from its file has slept, and
// the blame goes to that file.
func TestSleepEndsTheBeliefInARegionsRest(t *testing.T) {
	e := &env{config: defaultConfig(t, "send=resident"), send: Send{probes: true, capBytes: chunkBytes}}
	r := e.newResidency()
	now := clock.Now()
	const file, other = namedFile(1), namedFile(2)
	for _, f := range []File{file, other} {
		*r.heats.of(f, now) = heat{hotSinceNs: now - 2*int64(time.Second), lastNs: now + int64(time.Minute)}
	}
	j := &Job{cursor: cursor{inRegion: true, restHotNs: now + int64(time.Minute)}} // this test may be held up
	r.asked = r.heats.of(other, now)
	if !r.restIsHot(j, file) {
		t.Fatal("the rest of a region just asked about is not hot")
	}
	r.sent(int64(30 * time.Millisecond))
	if r.restIsHot(j, file) {
		t.Error("still believed after a send that slept")
	}
	if !r.restIsHot(j, other) {
		t.Error("another file is blamed")
	}
	j.cursor.restHotNs = now - restHotForNs
	if r.restIsHot(j, other) {
		t.Error("believed for too long")
	}
}

type namedFile int

func (namedFile) Fd() int  { return -1 }
func (namedFile) Release() {}

const ms = int64(time.Millisecond)

func TestAFileIsTrustedOnceHotWithoutAGap(t *testing.T) {
	var h heat
	for now := int64(1); now < 900*ms; now += 100 * ms {
		if h.note(true, now); h.trusted(now) {
			t.Fatalf("trusted after %d ms", now/ms)
		}
	}
	h.note(true, 1100*ms)
	if !h.trusted(1101 * ms) {
		t.Error("not trusted after a hot second")
	}
	if h.trusted(3000 * ms) {
		t.Error("trusted after a pause")
	}
	h.note(true, 3000*ms)
	if h.trusted(3001 * ms) {
		t.Error("trusted at once after a pause")
	}
}

func TestAColdVerdictEndsTrust(t *testing.T) {
	var h heat
	h.note(true, 1)
	h.note(true, 900*ms)
	h.note(false, 1800*ms)
	h.note(true, 1900*ms)
	if h.trusted(1901 * ms) {
		t.Error("trusted soon after a cold verdict")
	}
}

func TestOnlySoManyFilesAreRemembered(t *testing.T) {
	var h heats
	for i := range 3 * mostHeats {
		h.of(namedFile(i), int64(i)).note(true, int64(i))
		if len(h) > mostHeats {
			t.Fatalf("%d files are remembered", len(h))
		}
	}
	last := h.of(namedFile(3*mostHeats-1), 0)
	if last.hotSinceNs == 0 {
		t.Error("the newest file was forgotten")
	}
}
