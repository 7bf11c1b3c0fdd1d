package models

import (
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/osthread"
	"c10klab/internal/record"
	"c10klab/internal/stage"

	"golang.org/x/sys/unix"
)

// awaitLoopTimes returns the only loop's times once they satisfy a condition.
func (b *bench) awaitLoopTimes(enough func(record.LoopTimes) bool) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		all := b.server.LoopTimes()
		if len(all) != 1 || all[0].Name != "net-0" {
			b.t.Fatalf("loops %+v, want net-0", all)
		}
		if enough(all[0]) {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("times %+v", all[0])
		}
	}
}

const slept = 50 * time.Millisecond

func TestBusyLoopShowsIOAndLag(t *testing.T) {
	b := startBench(t, defaultConfig(t, "model=reactor", "poll-timeout=1ms"))
	c := b.dial()
	c.send(request(opSleep, 1, number(int(slept/time.Millisecond))))
	c.expect(1, nil)
	b.awaitLoopTimes(func(l record.LoopTimes) bool {
		return l.IONs >= int64(slept) && l.IOWaitNs > 0 && l.IONs+l.IOWaitNs == l.WallNs
	})
	recorded, _ := b.stages.Snapshot()
	if h := recorded[hdr.Key{Stage: "LoopLag", API: measure.AllLoops}]; h == nil || h.MaxNs() < int64(slept)*99/100 {
		t.Errorf("LoopLag does not show that the loop was busy for %v", slept)
	}
}

func TestWaitForTheRequestQueueIsNeitherIONorIOWait(t *testing.T) {
	b := startBench(t, defaultConfig(t, "model=reactor-pool", "handlers=1", "request-queue=1", "poll-timeout=1ms"))
	var clients []client
	for range 3 { // one is handled, one waits in the queue, one waits for room
		c := b.dial()
		c.send(request(opGate, 1))
		clients = append(clients, c)
	}
	for b.server.QueueFull().Waits == 0 {
		runtime.Gosched()
	}
	time.Sleep(slept)
	close(b.service.gate)
	for _, c := range clients {
		c.expect(1, nil)
	}
	b.awaitLoopTimes(func(l record.LoopTimes) bool { return l.WallNs-l.IOWaitNs-l.IONs >= int64(slept)*9/10 })
}

func TestNoStagesNoLoopTimes(t *testing.T) {
	server, err := Start(defaultConfig(t), "127.0.0.1:0", &testService{}, nil, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop(t.Context())
	if all := server.LoopTimes(); all != nil {
		t.Errorf("%+v without stages", all)
	}
}

// sleepingMover is a disk that takes a known time.
type sleepingMover struct{ delay time.Duration }

func (m sleepingMover) move(_ socket, _ int, _ int64, n int) (int, unix.Errno) {
	ts := unix.NsecToTimespec(int64(m.delay))
	unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &ts, nil)
	return n, 0
}

// spinningMover is a page cache that takes as long.
type spinningMover struct{ duration time.Duration }

func (m spinningMover) move(_ socket, _ int, _ int64, n int) (int, unix.Errno) {
	for end := clock.Now() + int64(m.duration); clock.Now() < end; {
	}
	return n, 0
}

// blockedBy sends regions through a mover and returns the BlockedOnDisk histogram.
func blockedBy(t *testing.T, m mover) *hdr.Histogram {
	t.Helper()
	e := &env{config: defaultConfig(t, "blocked-time=on"), service: &testService{}, stages: stage.NewRecorder(testAPIs),
		send: Send{mover: func() mover { return m }}}
	threads := osthread.NewRegistry(osthread.Options{})
	err := threads.Start("sender-0", func(*osthread.Thread) {
		transmit := e.newTurnTransmitter(new(threadCounters))
		defer transmit.close()
		for range 15 {
			j := newJob(new(conn).open(e, &scripted{}, -1, "test", nil, loopManner, new(freeJobs)))
			j.class = 1
			j.response.AddRegion(Region{File: &countedFile{os: nullFile(t)}, LengthBytes: 1000})
			if transmit.send(j) != sentAll {
				t.Error("not sent")
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	threads.Wait()
	recorded, _ := e.stages.Snapshot()
	h := recorded[hdr.Key{Stage: "BlockedOnDisk", API: "file"}]
	if h == nil || h.Count() != 15 {
		t.Fatalf("not every send call was measured")
	}
	return h
}

func TestSlowDiskIsTimeBlocked(t *testing.T) {
	const delay = 20 * time.Millisecond
	median := time.Duration(blockedBy(t, sleepingMover{delay}).ValueNs(0.5))
	if median < delay*95/100 || median > delay*105/100 {
		t.Errorf("a disk of %v was measured as %v", delay, median)
	}
}

func TestBusySendIsNoTimeBlocked(t *testing.T) {
	if median := time.Duration(blockedBy(t, spinningMover{time.Millisecond}).ValueNs(0.5)); median >= 20*time.Microsecond {
		t.Errorf("a send that computes was blocked for %v", median)
	}
}

func TestHotSendsAreRecordedAndNotBlocked(t *testing.T) {
	everyCombination(t, func(t *testing.T, b *bench) {
		c := b.dial()
		for tag := range uint32(20) {
			c.send(request(opFile, tag, number(0), number(60_000)))
			c.expect(tag, b.fileAnswer(0, 60_000))
		}
		b.stop()
		recorded, _ := b.stages.Snapshot()
		h := recorded[hdr.Key{Stage: "BlockedOnDisk", API: "file"}]
		perConnection := slices.Contains([]string{"thread-per-connection", "goroutine-per-connection"}, b.config.Model)
		switch {
		case perConnection != (h == nil):
			t.Errorf("recorded: %v", h != nil)
		case h != nil && h.ValueNs(0.5) >= int64(20*time.Microsecond):
			t.Errorf("cached bytes were blocked for %v", time.Duration(h.ValueNs(0.5)))
		}
	}, "blocked-time=on")
}

func nullFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
