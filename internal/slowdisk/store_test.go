package slowdisk

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const testBlocks = 64

// newImage makes a file of random bytes.
func newImage(t *testing.T, random *rand.ChaCha8) (path string, content []byte) {
	t.Helper()
	content = make([]byte, testBlocks*blockBytes)
	_, _ = random.Read(content) // never fails
	path = filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, content
}

func openOverlay(t *testing.T, basePath string) *overlay {
	t.Helper()
	base, sizeBytes, err := openDirect(basePath, unix.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	top, err := openScratch(basePath+".scratch", sizeBytes, func(string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	s := newOverlay(base, top, sizeBytes)
	t.Cleanup(func() { s.close() })
	return s
}

func TestStoreReadsWhatWasWritten(t *testing.T) {
	const seed = "slowdisk-store-1----------------"
	random := rand.NewChaCha8([32]byte([]byte(seed)))
	numbers := rand.New(random)
	path, want := newImage(t, random)
	before := sha256.Sum256(want)
	s := openOverlay(t, path)
	for step := range 2000 {
		offset := numbers.Int64N(testBlocks) * blockBytes
		length := min((1+numbers.IntN(5))*blockBytes, len(want)-int(offset))
		buffer := make([]byte, length+1)[numbers.IntN(2):][:length] // aligned or not
		if numbers.IntN(2) == 0 {
			_, _ = random.Read(buffer)
			if err := s.writeBlocks(buffer, offset); err != nil {
				t.Fatal(err)
			}
			copy(want[offset:], buffer)
		} else if err := s.readBlocks(buffer, offset); err != nil {
			t.Fatal(err)
		} else if !bytes.Equal(buffer, want[offset:][:length]) {
			t.Fatalf("step %d: %d bytes at %d differ from what was written", step, length, offset)
		}
	}
	base, err := os.ReadFile(path)
	if err != nil || sha256.Sum256(base) != before {
		t.Errorf("the base has changed (%v)", err)
	}
	if left, _ := filepath.Glob(path + ".*"); left != nil {
		t.Errorf("the scratch image has a name: %v", left)
	}
}

func TestBadImagesAreRefused(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, bytes int) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, make([]byte, bytes), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	held, _, err := openDirect(write("held", blockBytes), unix.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	defer held.close()
	for path, want := range map[string]string{
		write("odd", 5000):           "5000 bytes",
		write("empty", 0):            "0 bytes",
		filepath.Join(dir, "absent"): "no such file",
		filepath.Join(dir, "held"):   "in use by another disk",
	} {
		if _, _, err := openDirect(path, unix.O_RDWR); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %q and the path", path, err, want)
		}
	}
	if err := checkFormat(write("blank", 1<<16), Ext4); err == nil || !strings.Contains(err.Error(), "no known file system") {
		t.Errorf("an unformatted image: %v", err)
	}
}
