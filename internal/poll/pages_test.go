package poll

import (
	"os"
	"path/filepath"
	"testing"

	"c10klab/internal/need"

	"golang.org/x/sys/unix"
)

// evicted makes a file of so many pages that the page cache does not hold.
func evicted(t testing.TB, pages int) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.Write(make([]byte, int64(pages)*pageBytes)); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM); err != nil { // no readahead
		t.Fatal(err)
	}
	return f
}

func TestPagesAreHeldOnceReadAndUpToTheFirstGap(t *testing.T) {
	f := evicted(t, 16)
	var p Pages
	held := func(offset int64, n int) int {
		t.Helper()
		got, err := p.Held(int(f.Fd()), offset, n)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	page := int(pageBytes)
	if held(0, 16*page) != 0 {
		need.Lacking(t, "a file system whose pages can be evicted")
	}
	if _, err := f.ReadAt(make([]byte, 2*page), 0); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		offset int64
		n      int
		want   int
	}{{0, page, page}, {0, 2 * page, 2 * page}, {0, 16 * page, 2 * page}, {100, page, page}, {100, 4 * page, 2*page - 100}, {8 * pageBytes, page, 0}} {
		if got := held(c.offset, c.n); got != c.want {
			t.Errorf("%d bytes at %d: %d held, want %d", c.n, c.offset, got, c.want)
		}
	}
}

func TestPagesBeyondATruncatedEndAreNotHeld(t *testing.T) {
	f := evicted(t, 4)
	if err := f.Truncate(pageBytes); err != nil {
		t.Fatal(err)
	}
	var p Pages
	if got, err := p.Held(int(f.Fd()), 2*pageBytes, int(pageBytes)); err != nil || got != 0 {
		t.Errorf("%d bytes held, %v", got, err)
	}
}

func TestPagesOfAClosedFileAreAnError(t *testing.T) {
	if _, err := new(Pages).Held(-1, 0, 4096); err == nil {
		t.Error("no error")
	}
}

func BenchmarkPagesHeld(b *testing.B) {
	const chunk = 256 << 10
	f := evicted(b, int(chunk/pageBytes))
	if _, err := f.ReadAt(make([]byte, chunk), 0); err != nil {
		b.Fatal(err)
	}
	var p Pages
	for b.Loop() {
		if _, err := p.Held(int(f.Fd()), 0, chunk); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPreadNoWait is the other right answer, for comparison: it copies the chunk.
func BenchmarkPreadNoWait(b *testing.B) {
	const chunk = 256 << 10
	f := evicted(b, int(chunk/pageBytes))
	buffer := make([]byte, chunk)
	if _, err := f.ReadAt(buffer, 0); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := unix.Preadv2(int(f.Fd()), [][]byte{buffer}, 0, unix.RWF_NOWAIT); err != nil {
			b.Fatal(err)
		}
	}
}
