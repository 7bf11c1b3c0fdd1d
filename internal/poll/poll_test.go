package poll

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"c10klab/internal/clock"

	"golang.org/x/sys/unix"
)

// pair returns the descriptor of an accepted loopback connection and its peer.
func pair(t *testing.T) (fd int, peer net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	peer, err = net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	file, err := accepted.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	accepted.Close()
	t.Cleanup(func() { file.Close(); peer.Close() })
	return int(file.Fd()), peer
}

func TestRecvWithoutDataSaysAgainAndZeroAtTheEnd(t *testing.T) {
	fd, peer := pair(t)
	if _, errno := Recv(fd, make([]byte, 8)); errno != unix.EAGAIN {
		t.Errorf("empty socket: %v, want EAGAIN", errno)
	}
	peer.Close()
	if n, errno := RecvWait(fd, make([]byte, 8)); n != 0 || errno != 0 {
		t.Errorf("closed stream: %d, %v, want 0 and no error", n, errno)
	}
}

func TestReceiveStampIsTheArrivalNotTheRead(t *testing.T) {
	fd, peer := pair(t)
	if err := EnableReceiveStamps(fd); err != nil {
		t.Fatal(err)
	}
	var offset clock.Offset
	offset.Sample()
	var r StampedReceiver
	var n int
	var realNs int64
	var errno unix.Errno
	// What a busy kernel leaves to a thread of its own arrives somewhat after the write.
	const delay, delivery = 200 * time.Millisecond, int64(100 * time.Millisecond)
	before, arrived := clock.Now(), int64(0)
	for realNs == 0 { // the kernel switches its stamps on a moment after the first request for them
		if _, err := peer.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		arrived = clock.Now()
		time.Sleep(delay)
		n, realNs, errno = r.RecvWait(fd, make([]byte, 64))
	}
	if errno != 0 || n != 5 {
		t.Fatalf("%d bytes, %v", n, errno)
	}
	const clockErrorNs = int64(time.Millisecond)
	if got := offset.Monotonic(realNs); got < before-clockErrorNs || got > arrived+delivery {
		t.Errorf("stamp lies %v after the write returned, read %v later", time.Duration(got-arrived), delay)
	}
}

func TestSendfileBlocksOnNothingButReportsTheEndOfTheFile(t *testing.T) {
	fd, peer := pair(t)
	path := filepath.Join(t.TempDir(), "segment")
	content := bytes.Repeat([]byte("0123456789abcdef"), 256)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	n, errno := Sendfile(fd, int(file.Fd()), 16, len(content)-16)
	if errno != 0 {
		t.Fatal(errno)
	}
	got := make([]byte, n)
	if _, err := io.ReadFull(peer, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, content[16:16+n]) {
		t.Error("the peer got other bytes than the file holds")
	}
	if n, errno := Sendfile(fd, int(file.Fd()), int64(len(content)), 10); n != 0 || errno != 0 {
		t.Errorf("at the end of the file: %d, %v, want 0 and no error", n, errno)
	}
}

func TestEdgeIsReportedOnceAndWakeEndsAWait(t *testing.T) {
	fd, peer := pair(t)
	e, err := NewEpoll(8)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	wake, err := NewEventfd()
	if err != nil {
		t.Fatal(err)
	}
	defer wake.Close()
	if err := e.Add(fd, Readable|Edge); err != nil {
		t.Fatal(err)
	}
	if err := e.Add(wake.FD(), Readable); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if n, err := e.Wait(-1); n != 1 || err != nil || e.Event(0).FD != fd || e.Event(0).Flags&Readable == 0 {
		t.Fatalf("%d events, %v, first %+v", n, err, e.Event(0))
	}
	if n, err := e.Poll(); n != 0 || err != nil {
		t.Errorf("the same edge came again: %d, %v", n, err)
	}
	wake.Wake()
	wake.Wake()
	if n, _ := e.Wait(-1); n != 1 || e.Event(0).FD != wake.FD() {
		t.Errorf("a wake gave %d events", n)
	}
	wake.Clear()
	if n, _ := e.Poll(); n != 0 {
		t.Error("a cleared wake is still readable")
	}
}

func TestFutexHandsOver(t *testing.T) {
	var word atomic.Uint32
	done := make(chan struct{})
	go func() {
		for word.Load() == 0 {
			FutexWait(&word, 0)
		}
		close(done)
	}()
	word.Store(1)
	FutexWake(&word, 1)
	<-done
}

func TestMutexExcludes(t *testing.T) {
	const threads, each = 8, 5000
	var m Mutex
	var group sync.WaitGroup
	total := 0
	for range threads {
		group.Go(func() {
			for range each {
				m.Lock()
				total++
				m.Unlock()
			}
		})
	}
	group.Wait()
	if total != threads*each {
		t.Errorf("%d increments of %d survived", total, threads*each)
	}
}
