package record

import (
	"reflect"
	"testing"

	"c10klab/internal/osthread"
)

func TestReadingsSubtractThemselves(t *testing.T) {
	type part struct {
		Name    string
		Calls   int64
		Threads int `since:"level"`
	}
	type reading struct {
		Bytes int64
		PID   int `since:"level"`
		Share float64
		Parts []part
		ByAPI map[string]int64
		Use   map[string]osthread.Use
	}
	earlier := reading{Bytes: 5, PID: 7, Share: 0.5, Parts: []part{{"b", 1, 1}, {"a", 2, 1}}, ByAPI: map[string]int64{"Echo": 3},
		Use: map[string]osthread.Use{"io": {Threads: 2, States: map[string]int{"R": 2}, CPUNs: 10}}}
	later := reading{Bytes: 15, PID: 7, Share: 2, Parts: []part{{"a", 22, 3}, {"new", 4, 1}}, ByAPI: map[string]int64{"Echo": 10, "Fetch": 1},
		Use: map[string]osthread.Use{"io": {Threads: 3, States: map[string]int{"S": 3}, CPUNs: 30}, "net": {CPUNs: 1}}}
	want := reading{Bytes: 10, PID: 7, Share: 1.5, Parts: []part{{"a", 20, 3}, {"new", 4, 1}}, ByAPI: map[string]int64{"Echo": 7, "Fetch": 1},
		Use: map[string]osthread.Use{"io": {Threads: 3, States: map[string]int{"S": 3}, CPUNs: 20}, "net": {CPUNs: 1}}}
	if got := Since(later, earlier); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if later.Parts[0].Calls != 22 || later.ByAPI["Echo"] != 10 || later.Use["io"].CPUNs != 30 {
		t.Errorf("the reading itself was changed: %+v", later)
	}
	if got := Since(later, reading{}); got.ByAPI["Fetch"] != 1 || got.Parts[0].Calls != 22 {
		t.Errorf("since nothing: %+v", got)
	}
}
