//go:build !race

package storage_test

import (
	"testing"

	"c10klab/storage"
)

func TestAppendsAndLookupsOfACommitLogDoNotAllocate(t *testing.T) {
	underCommitLog(t, TestAppendReadAndLookupDoNotAllocate)
}

// The race detector's own bookkeeping moves the read window to the heap, so this
// is asserted without it.
func TestAppendReadAndLookupDoNotAllocate(t *testing.T) {
	s, l := openWith(t, defaults(), nil, t.TempDir())
	var regions []storage.Region
	b := append(numbered(t, 100, 1), numbered(t, 100, 2)...)
	for name, f := range map[string]func(){
		"Append": func() { mustAppend(t, l, b) },
		"Read": func() {
			slice, err := l.Read(50, 1<<20, true)
			if err != nil || slice.Empty() {
				t.Fatal(err)
			}
			regions = slice.AppendRegions(regions[:0])
			for _, r := range regions {
				r.File.Release()
			}
		},
		"OffsetForTimestamp": func() {
			if _, _, found, err := l.OffsetForTimestamp(2); err != nil || !found {
				t.Fatal(err)
			}
		},
		"Read at the end": func() { l.Read(l.EndOffset(), 1<<20, true) },
		"Log":             func() { s.Log("t", 0) },
	} {
		mustAppend(t, l, b)
		if n := testing.AllocsPerRun(200, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
