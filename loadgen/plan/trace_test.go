package plan

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	smallTrace = "time,api,bytes\n0,Echo,64\n0.001,Echo,100\n0.001,Echo,64\n1.5,Echo,64\n"
	kafkaTrace = "time,api,bytes\n0,Produce,4096\n0.001,Fetch,100\n0.001,LaggingFetch,300\n0.002,Fetch,200\n0.003,Fetch,100\n0.5,Produce,4096\n"
)

func mustReadTrace(t *testing.T, text, protocol string) *Trace {
	t.Helper()
	trace, err := ReadTrace(strings.NewReader(text), protocol)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

func TestTraceIsReadAsItIsWritten(t *testing.T) {
	trace := mustReadTrace(t, smallTrace, ProtocolEcho)
	echoes := trace.lists[OfProducers]
	want := []traced{{0, 0}, {1_000_000, 1}, {1_000_000, 0}, {1_500_000_000, 0}}
	if !slices.Equal(echoes.requests, want) || !slices.Equal(echoes.sizes, []int{64, 100}) {
		t.Errorf("read %v of sizes %v", echoes.requests, echoes.sizes)
	}
	if trace.Length() != 1500*time.Millisecond || trace.PerSecond(time.Second) != 3 {
		t.Errorf("lasts %v, %g/s in its first second", trace.Length(), trace.PerSecond(time.Second))
	}
	for text, protocol := range map[string]string{smallTrace: ProtocolEcho, kafkaTrace: ProtocolKafka} {
		if written, again := writtenAgain(t, mustReadTrace(t, text, protocol), protocol); !reflect.DeepEqual(written, again) {
			t.Errorf("%s written and read again: %+v, was %+v", protocol, again, written)
		}
	}
}

// writtenAgain writes a trace and reads it.
func writtenAgain(t *testing.T, trace *Trace, protocol string) (written, again *Trace) {
	t.Helper()
	var out bytes.Buffer
	if err := trace.Write(&out, protocol); err != nil {
		t.Fatal(err)
	}
	return trace, mustReadTrace(t, out.String(), protocol)
}

func TestTraceTellsProducersAndConsumersApart(t *testing.T) {
	trace := mustReadTrace(t, kafkaTrace, ProtocolKafka)
	for kind, want := range map[Kind]traceList{
		OfProducers:        {[]traced{{0, 0}, {500_000_000, 0}}, []int{4096}},
		OfConsumers:        {[]traced{{1_000_000, 0}, {2_000_000, 1}, {3_000_000, 0}}, []int{100, 200}},
		OfLaggingConsumers: {[]traced{{1_000_000, 0}}, []int{300}},
	} {
		if got := trace.lists[kind]; !reflect.DeepEqual(got, want) {
			t.Errorf("kind %d: %+v, want %+v", kind, got, want)
		}
	}
	connections := [Kinds]int{3, 2, 1}
	whole := trace.hash(0, time.Second, ProtocolKafka, connections)
	fewer := mustReadTrace(t, strings.Replace(kafkaTrace, "0.002,Fetch,200\n", "", 1), ProtocolKafka)
	if whole == fewer.hash(0, time.Second, ProtocolKafka, connections) || whole != trace.hash(0, time.Second, ProtocolKafka, connections) {
		t.Error("the hash of a plan does not tell its fetches")
	}
}

func TestDamagedTracesAreRefusedWithTheLine(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":         {"", "header"},
		"no header":     {"0,Echo,64\n", "header"},
		"no request":    {"time,api,bytes\n", "no request"},
		"columns":       {smallTrace + "2,Echo\n", "line 6"},
		"text as time":  {smallTrace + "soon,Echo,64\n", `line 6: time "soon"`},
		"negative time": {smallTrace + "-1,Echo,64\n", "line 6"},
		"endless time":  {smallTrace + "Inf,Echo,64\n", "line 6"},
		"no number":     {smallTrace + "NaN,Echo,64\n", "line 6"},
		"backwards":     {smallTrace + "1.4,Echo,64\n", "line 6: time 1.4 is before"},
		"other api":     {smallTrace + "2,Fetch,64\n", `line 6: api "Fetch"`},
		"no api":        {smallTrace + "2,,64\n", `line 6: api ""`},
		"no size":       {smallTrace + "2,Echo,0\n", `line 6: bytes "0"`},
		"absurd size":   {smallTrace + "2,Echo,99999999999\n", "line 6"},
	} {
		if _, err := ReadTrace(strings.NewReader(c.text), ProtocolEcho); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}

func FuzzTrace(f *testing.F) {
	f.Add(smallTrace, true)
	f.Add(kafkaTrace, false)
	f.Add("time,api,bytes\n1e-9,Echo,1\n\"2\",Echo,2147483647\n", true)
	f.Add("time,api,bytes\n0,Fetch,1\n0,LaggingFetch,1\n0,Produce,1\n0,Fetch,2\n", false)
	f.Fuzz(func(t *testing.T, text string, isEcho bool) {
		protocol := ProtocolKafka
		if isEcho {
			protocol = ProtocolEcho
		}
		trace, err := ReadTrace(strings.NewReader(text), protocol)
		if err != nil {
			return
		}
		if _, again := writtenAgain(t, trace, protocol); !reflect.DeepEqual(trace, again) {
			t.Errorf("written and read again: %+v, was %+v", again, trace)
		}
	})
}

func TestPartsOfATraceMakeTheWhole(t *testing.T) {
	trace := mustReadTrace(t, smallTrace, ProtocolEcho)
	const parts, connections = 2, 3
	var got []Arrival
	for part := range parts {
		next := trace.source(OfProducers, part, parts, connections)
		for a, more := next(); more; a, more = next() {
			if a.Connection%parts != part {
				t.Errorf("part %d offers on connection %d", part, a.Connection)
			}
			got = append(got, a)
		}
	}
	if len(got) != 4 {
		t.Errorf("%d requests in %d parts, want 4: %v", len(got), parts, got)
	}
}
