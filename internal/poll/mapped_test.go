package poll

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// connected returns the two ends of a stream.
func connected(t *testing.T) (ours, theirs int) {
	t.Helper()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(ends[0]); unix.Close(ends[1]) })
	return ends[0], ends[1]
}

func fileOf(t *testing.T, content []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestMappedPartIsSentFromAnyOffset(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 1000)
	f := fileOf(t, content)
	ours, theirs := connected(t)
	const offset, n = 4099, 500
	m, errno := Map(int(f.Fd()), offset, n)
	if errno != 0 {
		t.Fatal(errno)
	}
	defer m.Unmap()
	if sent, errno := SendMapped(ours, m, false); sent != n || errno != 0 {
		t.Fatalf("sent %d bytes of %d: %v", sent, n, errno)
	}
	got := make([]byte, 2*n)
	if received, _ := Recv(theirs, got); !bytes.Equal(got[:received], content[offset:offset+n]) {
		t.Errorf("received %q", got[:received])
	}
}

// A file cut while it is mapped is an error of the call, and no signal.
func TestMappingOfATruncatedFileIsAnError(t *testing.T) {
	f := fileOf(t, make([]byte, 3*pageBytes))
	ours, _ := connected(t)
	m, errno := Map(int(f.Fd()), 0, int(3*pageBytes))
	if errno != 0 {
		t.Fatal(errno)
	}
	defer m.Unmap()
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if n, errno := SendMapped(ours, m, false); errno != unix.EFAULT {
		t.Errorf("sent %d bytes: %v, want EFAULT", n, errno)
	}
}
