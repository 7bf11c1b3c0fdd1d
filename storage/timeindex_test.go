package storage_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"c10klab/internal/batch"
)

// backwards appends batches whose timestamps go up and down, and returns the
// timestamp of each record.
func backwards(t *testing.T, appendBatch func([]byte)) (timestamps []int64) {
	t.Helper()
	for i := range int64(120) {
		ms := 1000 + 10*i
		if i%7 == 3 {
			ms -= 400 // the clock was set back
		}
		tmpl, err := batch.NewTemplate(2, 40, 1)
		if err != nil {
			t.Fatal(err)
		}
		b := tmpl.AppendTo(nil)
		tmpl.Stamp(b, i, ms)
		appendBatch(b)
		timestamps = append(timestamps, ms, ms)
	}
	return timestamps
}

// TestLookupsByTimeEqualASearch asks for every time before and after a reopen, by
// the files and by a recovery scan, on a log whose clock goes backwards.
func TestLookupsByTimeEqualASearch(t *testing.T) {
	dir := t.TempDir()
	s, l := openWith(t, small(), nil, dir)
	timestamps := backwards(t, func(b []byte) { mustAppend(t, l, b) })
	for _, life := range []string{"as written", "after a clean stop", "after a crash"} {
		for ms := int64(500); ms < 2300; ms += 5 {
			want := int64(-1)
			for offset, at := range timestamps {
				if at >= ms {
					want = int64(offset)
					break
				}
			}
			offset, at, found, err := l.OffsetForTimestamp(ms)
			if !found {
				offset = -1
			}
			if err != nil || offset != want || found && at != timestamps[want] {
				t.Fatalf("%s: time %d is at %d (%d), want %d, %v", life, ms, offset, at, want, err)
			}
		}
		if life == "as written" {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		} else {
			s.Abandon()
			os.Remove(filepath.Join(dir, ".kafka_cleanshutdown"))
		}
		s, l = openWith(t, small(), nil, dir)
	}
}

// TestTimeIndexFilesAreKafkas reads the files by the published format: 12 bytes an
// entry, rising, and the batch with an entry's last offset has its timestamp.
func TestTimeIndexFilesAreKafkas(t *testing.T) {
	dir := t.TempDir()
	s, l := openWith(t, small(), nil, dir)
	backwards(t, func(b []byte) { mustAppend(t, l, b) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	entries := 0
	for _, path := range files(t, dir, "t-0", "*.timeindex") {
		raw, err := os.ReadFile(path)
		if err != nil || len(raw)%12 != 0 || len(raw) == 0 {
			t.Fatalf("%s has %d bytes, %v", path, len(raw), err)
		}
		log, err := os.ReadFile(strings.TrimSuffix(path, ".timeindex") + ".log")
		if err != nil {
			t.Fatal(err)
		}
		first, _ := batch.ReadHeader(log)
		latest := map[int64]int64{} // by last offset
		most := int64(math.MinInt64)
		batch.Walk(log, func(h batch.Header, _ []byte) error {
			latest[h.LastOffset()] = h.MaxTimestampMs
			most = max(most, h.MaxTimestampMs)
			return nil
		})
		last := int64(-1)
		for ; len(raw) > 0; raw = raw[12:] {
			entries++
			ms, offset := int64(binary.BigEndian.Uint64(raw)), first.BaseOffset+int64(binary.BigEndian.Uint32(raw[8:]))
			if at, there := latest[offset]; !there || at != ms || ms <= last {
				t.Errorf("%s: entry (%d, %d) after %d; that batch has %d", path, ms, offset, last, at)
			}
			last = ms
		}
		if last != most {
			t.Errorf("%s ends with %d, the segment's latest is %d", path, last, most)
		}
	}
	if entries < 15 {
		t.Errorf("%d entries", entries)
	}
}
