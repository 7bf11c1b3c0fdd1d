package measure

import (
	"slices"
	"testing"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

func TestEveryMeasureSaysWhatItIs(t *testing.T) {
	for _, s := range Spans(nil) {
		if s.Meaning == "" || s.Clock == "" {
			t.Errorf("span %s has no meaning or no clock", s.Name)
		}
	}
	for _, n := range Numbers(0) {
		if n.Meaning == "" || n.Clock == "" || n.Unit == "" || n.Of == nil {
			t.Errorf("number %s has no meaning, clock, unit or way to read it", n.Name)
		}
		if n.In&(ClientTable|ConnectionsTable) != 0 && n.Heading+n.Group == "" {
			t.Errorf("number %s is in a table without a heading", n.Name)
		}
		if n.In&Sweep != 0 && (n.Along == "" || n.Title == "") {
			t.Errorf("number %s is in sweeps along no knob, or without a title", n.Name)
		}
		if _, known := n.Of(&record.Trial{}); known {
			t.Errorf("number %s is known of a trial that failed", n.Name)
		}
	}
}

func TestViewsAreInTheOrderOfARequest(t *testing.T) {
	want := []*Span{SocketAndDispatch, RequestQueue, LocalTime, RemoteTime, ResponseQueue, ResponseSend, Total}
	if got := SpansIn(BrokerTable); !slices.Equal(got, want) {
		t.Errorf("the broker's table shows %v, want %v", NamesOf(got), NamesOf(want))
	}
}

func TestClientsWaitedFromTheDueTimeWhereThereIsOne(t *testing.T) {
	keys := []hdr.Key{ServiceTime.Key(Fetch), ResponseTime.Key(Produce), ServiceTime.Key(Produce), EndToEnd.Key(Fetch), Total.Key(Produce),
		Total.Key("Metadata"), LoopLag.Key(AllLoops)}
	if got, want := Clients(keys), []hdr.Key{ResponseTime.Key(Produce), ServiceTime.Key(Fetch), EndToEnd.Key(Fetch)}; !slices.Equal(got, want) {
		t.Errorf("clients waited %v, want %v", got, want)
	}
	if got, want := APIs(keys), []string{Produce, Fetch}; !slices.Equal(got, want) {
		t.Errorf("the load's APIs are %v, want %v", got, want)
	}
}

func TestMetricsAreParsedToWhatTheyName(t *testing.T) {
	for _, text := range []string{"ResponseTime/Produce p999", "rate_mb_s", "threads/net", "LoopLag/loops max", "ResponseTime/Produce above 50ms", "Total/Metadata p99"} {
		if m, err := ParseMetric(text); err != nil || m.String() != text || m.Unit() == "" {
			t.Errorf("%q is %q in %q, %v", text, m, m.Unit(), err)
		}
	}
	for _, text := range []string{"ResponseTime p99", "ResponseTime/Produce", "RequestWire/Echo p99", "ResponseTime/Synthetic p50", "Total/Unknown p50", "rate", "threads/", ""} {
		if m, err := ParseMetric(text); err == nil {
			t.Errorf("%q is taken for %v", text, m)
		}
	}
}
