package stage

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

func TestStagesNeitherOverlapNorLeaveGaps(t *testing.T) {
	var st Stamps
	for b := range st {
		st[b] = int64(b+1) * int64(b+1) * 100
	}
	var sum int64
	for s := SocketQueue; s <= Reap; s++ {
		ns, known := st.span(s)
		if !known {
			t.Fatalf("%s unknown", s)
		}
		sum += ns
	}
	if sum != st[Reaped]-st[Arrived] {
		t.Errorf("stages add up to %d, the request took %d", sum, st[Reaped]-st[Arrived])
	}
	send, _ := st.span(ResponseSend)
	if want := st[Reaped] - st[ResponseDequeued]; send != want {
		t.Errorf("ResponseSend %d, want %d", send, want)
	}
}

func TestUnstampedArrivalLeavesSocketQueueUnrecorded(t *testing.T) {
	r := NewRecorder([]string{"other", "Produce"})
	st := Stamps{0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100}
	r.Finished(0, 1, &st)
	b, _ := r.Snapshot()
	for _, name := range []string{"SocketQueue", "SocketQueue+Dispatch"} {
		if b[hdr.Key{Stage: name, API: "Produce"}] != nil {
			t.Errorf("%s was recorded without an arrival stamp", name)
		}
	}
	if h := b[hdr.Key{Stage: "Total", API: "Produce"}]; h == nil || h.MaxNs() != 70 {
		t.Error("Total is not reaped − enqueueStart")
	}
}

func TestMeasuresBesideTheStagesHaveKeysOfTheirOwn(t *testing.T) {
	r := NewRecorder([]string{"other", "Fetch"})
	r.Blocked(0, 1, 500)
	r.Lags(0, []int64{70, 80, 90})
	b, _ := r.Snapshot()
	if h := b[hdr.Key{Stage: "BlockedOnDisk", API: "Fetch"}]; len(b) != 2 || h == nil || h.MaxNs() != 500 {
		t.Error("BlockedOnDisk of Fetch was not recorded")
	}
	if h := b[hdr.Key{Stage: "LoopLag", API: measure.AllLoops}]; h == nil || h.Count() != 3 || h.MaxNs() != 90 {
		t.Error("LoopLag was not recorded")
	}
}

// Spans have series within the window that was begun, of requests by when they were handed on;
// who records meanwhile disturbs nothing.
func TestSpansHaveSeriesWithinAWindow(t *testing.T) {
	r := NewRecorder([]string{"other", "Produce"})
	finish := func(hint int, handedOnNs, localNs int64) {
		var st Stamps
		for b := range Boundaries {
			if st[b] = handedOnNs + int64(b) - int64(EnqueueStart); b > Dequeued {
				st[b] += localNs - 1
			}
		}
		r.Finished(hint, 1, &st)
	}
	finish(0, clock.Now(), 1e6) // before: no series
	r.BeginSeries(time.Second)
	startNs := clock.Now()
	finish(0, startNs-1e9, 1e6) // begun before the window
	finish(0, startNs, 1e6)
	finish(1, startNs, 1e6)
	finish(0, startNs+250e6, 80e6)
	finish(0, startNs+2e9, 1e6) // after its end
	r.Lags(0, []int64{70e3})
	bytes := r.MemoryBytes()
	series := map[hdr.Key]record.TimeSeries{}
	for _, s := range r.Series() {
		series[s.Key()] = s
	}
	local := series[measure.LocalTime.Key(measure.Produce)]
	if len(local.Steps) != 10 || local.StepNs != 100e6 || local.StartNs > startNs {
		t.Fatalf("series %+v", local)
	}
	short, long := int64(record.SeriesBucket(1e6)), int64(record.SeriesBucket(80e6))
	if !slices.Equal(local.Steps[0], []int64{short, 2}) || !slices.Equal(slices.Concat(local.Steps[1:]...), []int64{long, 1}) {
		t.Errorf("steps %v", local.Steps)
	}
	if series[measure.LoopLag.Key(measure.AllLoops)].Steps == nil {
		t.Error("network threads have no series")
	}
	if bytes <= r.MemoryBytes() {
		t.Error("the series' memory is not counted")
	}
	if again := r.Series(); again != nil {
		t.Errorf("a series that was over still had %v", again)
	}
}

func TestPlantNamesWhatItCannotRead(t *testing.T) {
	for _, bad := range []string{"LocalTim=1ms", "LocalTime=soon", "LocalTime", "LocalTime=-1s", "Total=1s"} {
		if _, err := ParsePlant(bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q gave %v", bad, err)
		}
	}
}

func BenchmarkFinished(b *testing.B) {
	r := NewRecorder([]string{"echo"})
	// Durations from 1 to 100 µs, as requests have them: the same ones again and again
	// would all be in the cache.
	random := rand.New(rand.NewPCG(1, 2))
	requests := make([]Stamps, 4096)
	for i := range requests {
		ns := int64(1)
		for boundary := range requests[i] {
			requests[i][boundary] = ns
			ns += 1000 + random.Int64N(99_000)
		}
	}
	for i := 0; b.Loop(); i++ {
		r.Finished(0, 0, &requests[i%len(requests)])
	}
}

// span is the duration of one stage or derived span; false when one of its boundaries was
// not stamped.
func (st *Stamps) span(s Stage) (ns int64, known bool) {
	switch s {
	case ResponseSend:
		return st[Reaped] - st[ResponseDequeued], true
	case Total:
		return st[Reaped] - st[EnqueueStart], true
	case SocketAndDispatch:
		socket, known := st.span(SocketQueue)
		dispatch, _ := st.span(Dispatch)
		return socket + dispatch, known
	}
	return st[s+1] - st[s], st[s] != 0
}

func TestSpansTogetherAreTheSpansOneByOne(t *testing.T) {
	sound := Stamps{5, 7, 12, 12, 20, 33, 33, 40, 52, 70, 71}
	unstamped, refused := sound, sound
	unstamped[Arrived] = 0
	refused[Dequeued], refused[LocalDone] = 0, 0
	for _, st := range []Stamps{sound, unstamped, refused, {}} {
		all, known := st.spans()
		for s := range spans {
			ns, isKnown := st.span(s)
			if isKnown != (known&(1<<s) != 0) || isKnown && ns != all[s] {
				t.Errorf("%v: %s is %d, known %v; together %d, known %b", st, s, ns, isKnown, all[s], known)
			}
		}
	}
}

// A constant is a place in the registry: it is named as the span that lies there.
func TestConstantsAreInTheRegistrysOrder(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "stage.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var constants []string
	ast.Inspect(file, func(n ast.Node) bool {
		group, isGroup := n.(*ast.GenDecl)
		if !isGroup || group.Tok != token.CONST || group.Specs[0].(*ast.ValueSpec).Names[0].Name != "SocketQueue" {
			return true
		}
		for _, spec := range group.Specs {
			if name := spec.(*ast.ValueSpec).Names[0]; name.IsExported() {
				constants = append(constants, name.Name)
			}
		}
		return false
	})
	if len(constants) != int(measures) {
		t.Fatalf("%d constants for %d measures", len(constants), measures)
	}
	for i, name := range constants {
		plain := strings.Replace(Stage(i).String(), "SocketQueue+", "SocketAnd", 1)
		if plain != name {
			t.Errorf("constant %s stands for %s", name, Stage(i))
		}
	}
}
