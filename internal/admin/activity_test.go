package admin

import (
	"strings"
	"testing"
	"time"

	"c10klab/internal/batch"
	"c10klab/internal/clock"
	"c10klab/internal/knob"
	"c10klab/internal/record"
	"c10klab/storage"
)

func TestActivityKeepsTheStoresEventsSinceTheMark(t *testing.T) {
	a := NewActivity()
	config := storage.ConfigFrom(knob.NewTable(storage.Knobs).Defaults())
	config.SegmentBytes = 1000
	store, err := storage.Open([]string{t.TempDir()}, config, a)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Abandon()
	if err := store.CreateTopic("t", 1); err != nil {
		t.Fatal(err)
	}
	log, err := store.Log("t", 0)
	if err != nil {
		t.Fatal(err)
	}
	template, err := batch.NewTemplate(1, 600, 1)
	if err != nil {
		t.Fatal(err)
	}
	beganNs := clock.Now()
	for range 3 {
		if _, err := log.Append(template.AppendTo(nil), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Flush(); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, e := range a.Snapshot().Events {
		counts[e.Kind]++
		if e.AtNs < beganNs || e.AtNs > clock.Now() || e.TookNs < 0 || e.TookNs > e.AtNs-beganNs || !strings.Contains(e.Path, "t-0") && e.Kind != record.EventFsync {
			t.Errorf("event %+v", e)
		}
	}
	if counts[record.EventRoll] != 2 || counts[record.EventIndexFlush] != 2 || counts[record.EventFsync] < 3 {
		t.Errorf("events %v", counts)
	}
	a.Mark()
	if s := a.Snapshot(); len(s.Events) != 0 || s.Appends != 0 {
		t.Errorf("after the mark: %+v", s)
	}
}

func TestActivityKeepsTheLastEventsAndCountsTheOthers(t *testing.T) {
	a := NewActivity()
	for i := range maxStoreEvents + 10 {
		a.SegmentRolled("d", 0, time.Duration(i))
	}
	s := a.Snapshot()
	if len(s.Events) != maxStoreEvents || s.LostEvents != 10 || s.Events[0].TookNs != 10 || s.Events[maxStoreEvents-1].TookNs != maxStoreEvents+9 {
		t.Errorf("%d events, %d lost", len(s.Events), s.LostEvents)
	}
}

func TestSlowestAppendsAreKept(t *testing.T) {
	var s slowest
	const appends = 1000
	for i := range int64(appends) {
		s.offer(record.SlowAppend{AtNs: i, TookNs: i*389%appends + 1}) // every duration from 1 to 1000 once
	}
	kept := s.sorted()
	if len(kept) != maxSlowest {
		t.Fatalf("%d are kept", len(kept))
	}
	for i, k := range kept {
		if k.TookNs != int64(appends-i) || k.AtNs*389%appends+1 != k.TookNs {
			t.Errorf("number %d is %+v", i, k)
		}
	}
	s.forget()
	s.offer(record.SlowAppend{TookNs: 1})
	if kept := s.sorted(); len(kept) != 1 {
		t.Errorf("after forgetting: %v", kept)
	}
}

func TestOfferingAFastAppendDoesNotAllocate(t *testing.T) {
	a := NewActivity()
	for i := range int64(2 * maxSlowest) {
		a.slowest.offer(record.SlowAppend{TookNs: 1e12 + i})
	}
	if n := testing.AllocsPerRun(100, func() { a.Appended(clock.Now()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

const someVMStat = `nr_free_pages 1
nr_dirty 10
nr_writeback 3
nr_dirtied 100
nr_written 90
nr_dirty_threshold 4000
nr_dirty_background_threshold 2000
pgpgin 5
pgpgout 800
`

func TestVMStatIsReadByName(t *testing.T) {
	before, err := parseVMStat([]byte(someVMStat))
	if err != nil {
		t.Fatal(err)
	}
	now, err := parseVMStat([]byte(strings.NewReplacer("nr_dirtied 100", "nr_dirtied 160", "nr_written 90", "nr_written 95", "pgpgout 800", "pgpgout 820").Replace(someVMStat)))
	if err != nil {
		t.Fatal(err)
	}
	want := record.WriteBackSample{
		AtNs: 7, DirtyPages: 10, WritebackPages: 3, DirtyLimitPages: 4000, BackgroundPages: 2000,
		DirtiedPages: 60, WrittenPages: 5, PagedOutKiB: 20,
	}
	now.AtNs = 7
	if got := record.Since(now, before); got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	for damage, part := range map[string]string{"nr_written 90": "nr_written", "pgpgout 800": "pgpgout"} {
		if _, err := parseVMStat([]byte(strings.Replace(someVMStat, damage, "", 1))); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("without %q: %v", damage, err)
		}
	}
	if _, err := parseVMStat([]byte(strings.Replace(someVMStat, "nr_dirty 10", "nr_dirty x", 1))); err == nil {
		t.Error("x is taken for a number")
	}
}

func TestWriteBackIsSampled(t *testing.T) {
	a := NewActivity()
	if err := a.SampleWriteBack(); err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if s := a.Snapshot().WriteBack; len(s) >= 2 {
			if s[0].AtNs >= s[1].AtNs || s[0].DirtyLimitPages <= 0 {
				t.Errorf("samples %+v", s[:2])
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no two samples")
		}
	}
}
